package httpapi

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// policy looks an action up in an app's table.
func (a *app) policy(action string) (scope.Policy, error) {
	p, ok := a.Actions[action]
	if !ok {
		return p, api.Errorf(api.ActionUnknown, "")
	}
	return p, nil
}

// verify consumes a proof for the app whose key the request carries.
func (s *server) verify(c *gin.Context) (any, error) {
	r := c.Request
	a, err := s.authenticate(r)
	if err != nil {
		return nil, s.early(err)
	}
	var in api.VerifyRequest
	if err := serve.ReadJSON(c.Writer, r, maxVerifyBody, &in); err != nil {
		return nil, s.early(err)
	}
	policy, err := a.policy(in.Action)
	if err != nil {
		return nil, s.early(err)
	}
	content, err := digest(in.ContentDigest)
	if err != nil {
		return nil, s.early(err)
	}
	proof, err := verifier.ParseProof(in.Proof)
	if err != nil {
		if code := api.CodeOf(err); code.Info().Status == http.StatusOK {
			_ = s.early(err)
			return a.Verifier.Refuse(in.Action, policy, code), nil
		}
		return nil, s.early(err)
	}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) > 1 {
		return nil, s.early(api.Errorf(api.MalformedRequest, "more than one Idempotency-Key"))
	}
	req := verifier.Request{
		Action: in.Action, Policy: policy, Proof: proof, Challenge: in.Challenge, Content: content,
		Session: in.Session, Origin: in.Origin, Credential: a.credential,
	}
	if len(keys) == 1 {
		req.IdempotencyKey = keys[0]
	}
	return done(a.Verifier.Consume(c, req))
}

// done keeps a verdict out of an answer that is an error.
func done[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// challenge signs a challenge for the origin that the browser reports. Without
// an app key the origin tells the app.
func (s *server) challenge(c *gin.Context) (any, error) {
	r := c.Request
	origin := serve.Origin(r)
	s.allow(c, origin)
	var in api.ChallengeRequest
	a, err := s.asker(r, origin)
	if err != nil {
		return nil, s.early(err)
	}
	if err := serve.ReadJSON(c.Writer, r, maxChallengeBody, &in); err != nil {
		return nil, s.early(err)
	}
	policy, err := a.policy(in.Action)
	if err != nil {
		return nil, s.early(err)
	}
	content, err := digest(in.ContentDigest)
	if err != nil {
		return nil, s.early(err)
	}
	return done(a.Verifier.Challenge(c, verifier.ChallengeRequest{
		Action: in.Action, Policy: policy, Content: content, Session: in.Session, Origin: origin,
	}))
}

// asker finds the app by its key, or by the origin of a browser that has none.
func (s *server) asker(r *http.Request, origin string) (*app, error) {
	if r.Header.Get("Authorization") != "" {
		return s.authenticate(r)
	}
	if a := s.appOf(origin); a != nil {
		return a, nil
	}
	if origin == "" {
		return nil, api.Errorf(api.CredentialMissing, "neither an app key nor an Origin")
	}
	return nil, api.Errorf(api.OriginNotAllowed, "")
}

func (s *server) appOf(origin string) *app {
	for i := range s.apps {
		if origin != "" && slices.Contains(s.apps[i].Verifier.Origins(), origin) {
			return &s.apps[i]
		}
	}
	return nil
}

// allow lets a page of a known origin read the answer. No other route allows
// any: app keys have no place in a browser.
func (s *server) allow(c *gin.Context, origin string) bool {
	c.Header("Vary", "Origin")
	if s.appOf(origin) == nil {
		return false
	}
	c.Header("Access-Control-Allow-Origin", origin)
	c.Header("Access-Control-Expose-Headers", "Request-Id, Retry-After")
	return true
}

func (s *server) preflight(c *gin.Context) {
	if !s.allow(c, serve.Origin(c.Request)) {
		serve.WriteProblem(c.Writer, c.Request, s.early(api.Errorf(api.OriginNotAllowed, "")))
		return
	}
	c.Header("Access-Control-Allow-Methods", "POST")
	c.Header("Access-Control-Allow-Headers", "Content-Type")
	c.Header("Access-Control-Max-Age", "600")
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

// digest reads a content digest; empty is "nothing bound".
func digest(s string) (scope.Digest, error) {
	var d scope.Digest
	if s == "" {
		return d, nil
	}
	b, err := scope.DecodeToken(s)
	if err != nil || len(b) != len(d) {
		return d, &api.Error{Code: api.NotCanonical, Detail: "content_digest is 32 bytes in base64url", Err: err}
	}
	copy(d[:], b)
	return d, nil
}
