package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
)

func (s *server) info(c *gin.Context) error {
	return answer(c, "application/json", "public, max-age=60", "", s.issuer.Document())
}

// startSession takes no parameters: no body, or an empty JSON object.
func (s *server) startSession(c *gin.Context) error {
	if c.Request.ContentLength != 0 {
		var none struct{}
		if err := serve.ReadJSON(c.Writer, c.Request, maxSession, &none); err != nil {
			return err
		}
	}
	session, err := s.issuer.StartSession(c.Request.Context())
	if err != nil {
		return err
	}
	serve.WriteJSON(c.Writer, http.StatusCreated, session)
	return nil
}

// enrolmentRequest is api.EnrolmentRequest with its public key as a slice:
// encoding/json drops what a JSON array has beyond a Go array's length.
type enrolmentRequest struct {
	Session   string   `json:"session"`
	Envelope  string   `json:"envelope"`
	PublicKey []string `json:"public_key"`
	Signature string   `json:"signature"`
	Salt      string   `json:"salt"`
}

func (r enrolmentRequest) strict() (api.EnrolmentRequest, error) {
	if len(r.PublicKey) != 2 {
		return api.EnrolmentRequest{}, api.Errorf(api.MalformedRequest, "public_key holds two numbers")
	}
	return api.EnrolmentRequest{
		Session: r.Session, Envelope: r.Envelope, PublicKey: [2]string(r.PublicKey), Signature: r.Signature, Salt: r.Salt,
	}, nil
}

// enrol answers 201 with a receipt, or 200 with the same receipt again. At most
// so many are worked on at one time: checking signatures costs far more than
// sending them.
func (s *server) enrol(c *gin.Context) error {
	var body enrolmentRequest
	if err := serve.ReadJSON(c.Writer, c.Request, maxEnrolment, &body); err != nil {
		return err
	}
	req, err := body.strict()
	if err != nil {
		return err
	}
	release, err := s.room()
	if err != nil {
		return err
	}
	defer release()
	r, err := s.issuer.Enrol(c.Request.Context(), req)
	if err != nil {
		return err
	}
	return created(c, r.Repeated, r.Enrolment)
}

func (s *server) status(c *gin.Context) error {
	e, err := s.issuer.Status(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	serve.WriteJSON(c.Writer, http.StatusOK, e)
	return nil
}
