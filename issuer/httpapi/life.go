package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
)

// maxSigned bounds a body that holds a key and a signature.
const maxSigned = 2 << 10

// room takes one of the places for requests whose signatures cost more to check
// than to send; release gives it back.
func (s *server) room() (release func(), err error) {
	select {
	case s.busy <- struct{}{}:
		return func() { <-s.busy }, nil
	default:
		return nil, &api.Error{Code: api.Overloaded}
	}
}

func created(c *gin.Context, repeated bool, body any) error {
	status := http.StatusCreated
	if repeated {
		status = http.StatusOK
	}
	serve.WriteJSON(c.Writer, status, body)
	return nil
}

// recovery answers 201 with the announced recovery, or 200 with the same one
// again.
func (s *server) recovery(c *gin.Context) error {
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
	r, repeated, err := s.issuer.Recover(c.Request.Context(), api.RecoveryRequest(req))
	if err != nil {
		return err
	}
	return created(c, repeated, r)
}

func (s *server) recoveryStatus(c *gin.Context) error {
	r, err := s.issuer.RecoveryStatus(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	serve.WriteJSON(c.Writer, http.StatusOK, r)
	return nil
}

// signedRequest is what a key signs: a veto has no session. The key is a slice
// for the same reason as in enrolmentRequest.
type signedRequest struct {
	Session   string   `json:"session"`
	PublicKey []string `json:"public_key"`
	Signature string   `json:"signature"`
}

func (s *server) readSigned(c *gin.Context, session bool) (r signedRequest, err error) {
	if session {
		err = serve.ReadJSON(c.Writer, c.Request, maxSigned, &r)
	} else {
		var v struct {
			PublicKey []string `json:"public_key"`
			Signature string   `json:"signature"`
		}
		err = serve.ReadJSON(c.Writer, c.Request, maxSigned, &v)
		r = signedRequest{PublicKey: v.PublicKey, Signature: v.Signature}
	}
	if err == nil && len(r.PublicKey) != 2 {
		err = api.Errorf(api.MalformedRequest, "public_key holds two numbers")
	}
	return r, err
}

func (s *server) veto(c *gin.Context) error {
	body, err := s.readSigned(c, false)
	if err != nil {
		return err
	}
	release, err := s.room()
	if err != nil {
		return err
	}
	defer release()
	r, err := s.issuer.Veto(c.Request.Context(), c.Param("id"), api.VetoRequest{PublicKey: [2]string(body.PublicKey), Signature: body.Signature})
	if err != nil {
		return err
	}
	serve.WriteJSON(c.Writer, http.StatusOK, r)
	return nil
}

// deletion answers 201 with a signed receipt, or 200 with the same one again.
func (s *server) deletion(c *gin.Context) error {
	body, err := s.readSigned(c, true)
	if err != nil {
		return err
	}
	release, err := s.room()
	if err != nil {
		return err
	}
	defer release()
	d, repeated, err := s.issuer.Delete(c.Request.Context(), api.DeletionRequest{
		Session: body.Session, PublicKey: [2]string(body.PublicKey), Signature: body.Signature,
	})
	if err != nil {
		return err
	}
	return created(c, repeated, d)
}

func (s *server) deletionStatus(c *gin.Context) error {
	d, err := s.issuer.DeletionStatus(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	serve.WriteJSON(c.Writer, http.StatusOK, d)
	return nil
}
