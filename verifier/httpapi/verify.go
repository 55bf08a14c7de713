package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// verify consumes a proof for the app whose key the request carries.
func (s *server) verify(c *gin.Context) (any, error) {
	r := c.Request
	if code, ok := s.reserved(r); ok {
		var in api.VerifyRequest
		if err := serve.ReadJSON(c.Writer, r, maxVerifyBody, &in); err != nil {
			return nil, err
		}
		return pretend(code, in.Action)
	}
	a, err := s.authenticate(r, 1)
	if err != nil {
		return nil, err
	}
	if err := a.admission.enter(); err != nil {
		return nil, s.early(a, err)
	}
	defer a.admission.leave()
	var in api.VerifyRequest
	if err := serve.ReadJSON(c.Writer, r, maxVerifyBody, &in); err != nil {
		return nil, s.early(a, err)
	}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) > 1 {
		return nil, s.early(a, api.Errorf(api.MalformedRequest, "more than one Idempotency-Key"))
	}
	key := ""
	if len(keys) == 1 {
		key = keys[0]
	}
	v, err := a.verifier(c)
	if err != nil {
		return nil, s.early(a, err)
	}
	req, refusal, err := s.request(a, v, in, key)
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		a.admission.judge(refusal.Code)
		s.refused(c, a, *refusal)
		return *refusal, nil
	}
	verdict, err := v.Consume(c, req)
	if err != nil {
		return nil, err
	}
	a.admission.judge(verdict.Code)
	s.refused(c, a, verdict)
	return verdict, nil
}

// request makes what the verifier is asked of what came in. What can be
// refused without asking is a verdict.
func (s *server) request(a *app, v *verifier.Verifier, in api.VerifyRequest, idempotencyKey string) (verifier.Request, *api.Verdict, error) {
	var none verifier.Request
	policy, err := a.policy(in.Action)
	if err != nil {
		return none, nil, s.early(a, err)
	}
	content, err := digest(in.ContentDigest)
	if err != nil {
		return none, nil, s.early(a, err)
	}
	client, err := a.client(in.Client)
	if err != nil {
		return none, nil, s.early(a, err)
	}
	proofs, err := parseProofs(in)
	if err != nil {
		if code := api.CodeOf(err); code.Info().Status == http.StatusOK {
			_ = s.early(a, err)
			verdict := v.Refuse(in.Action, policy, code)
			return none, &verdict, nil
		}
		return none, nil, s.early(a, err)
	}
	return verifier.Request{
		Action: in.Action, Policy: policy, Proof: proofs[0], And: proofs[1:], Challenge: in.Challenge, Content: content,
		Session: in.Session, Origin: in.Origin, Credential: a.credential, IdempotencyKey: idempotencyKey, Client: client,
	}, nil, nil
}

// client names who is slowed down for bad proofs. Apps cannot name one
// another's.
func (a *app) client(name string) (string, error) {
	if len(name) > 64 {
		return "", api.Errorf(api.MalformedRequest, "client has at most 64 characters")
	}
	for _, c := range []byte(name) {
		if c < 0x21 || c > 0x7e {
			return "", api.Errorf(api.MalformedRequest, "client has printable characters only")
		}
	}
	return a.credential + "/" + name, nil
}

// parseProofs reads proof, or proofs where several are wanted.
func parseProofs(in api.VerifyRequest) ([]*semaphore.Proof, error) {
	raws := in.Proofs
	switch {
	case len(in.Proof) > 0 && len(raws) > 0:
		return nil, api.Errorf(api.MalformedRequest, "proof and proofs exclude one another")
	case len(raws) > verifier.MaxProofs:
		return nil, api.Errorf(api.MalformedRequest, "at most %d proofs", verifier.MaxProofs)
	case len(raws) == 0:
		raws = []json.RawMessage{in.Proof}
	}
	proofs := make([]*semaphore.Proof, len(raws))
	for i, raw := range raws {
		var err error
		if proofs[i], err = verifier.ParseProof(raw); err != nil {
			return nil, err
		}
	}
	return proofs, nil
}

// verifyBatch consumes up to verifier.MaxBatch proofs. Each item gets what
// POST /v1/verify would have given it: a verdict, or a problem.
func (s *server) verifyBatch(c *gin.Context) (any, error) {
	r := c.Request
	code, test := s.reserved(r)
	var a *app
	var err error
	if !test {
		if a, err = s.authenticate(r, 1); err != nil {
			return nil, err
		}
		if err := a.admission.enter(); err != nil {
			return nil, s.early(a, err)
		}
		defer a.admission.leave()
	}
	var in api.BatchRequest
	if err := serve.ReadJSON(c.Writer, r, maxBatchBody, &in); err != nil {
		return nil, s.early(a, err)
	}
	if len(in.Items) == 0 {
		return nil, s.early(a, api.Errorf(api.MalformedRequest, "items is empty"))
	}
	if len(in.Items) > verifier.MaxBatch {
		return nil, s.early(a, api.Errorf(api.TooLarge, "a batch has at most %d items", verifier.MaxBatch))
	}
	if test {
		return pretendBatch(code, in)
	}
	if wait := a.bucket.Take(s.Now(), len(in.Items)-1); wait > 0 {
		return nil, s.early(a, serve.Limited(wait))
	}
	v, err := a.verifier(c)
	if err != nil {
		return nil, s.early(a, err)
	}
	return s.consumeAll(c, a, v, in.Items), nil
}

func (s *server) consumeAll(ctx context.Context, a *app, v *verifier.Verifier, items []api.BatchItem) api.BatchResponse {
	out := api.BatchResponse{Results: make([]api.BatchResult, len(items))}
	id := serve.RequestIDFrom(ctx)
	requests, at := make([]verifier.Request, 0, len(items)), make([]int, 0, len(items))
	for i, item := range items {
		req, refusal, err := s.request(a, v, item.VerifyRequest, item.IdempotencyKey)
		switch {
		case err != nil:
			out.Results[i] = problemOf(err, id)
		case refusal != nil:
			out.Results[i] = api.BatchResult{Verdict: refusal}
		default:
			requests, at = append(requests, req), append(at, i)
		}
	}
	for n, r := range v.ConsumeBatch(ctx, requests) {
		if r.Err != nil {
			if s.Logf != nil && api.CodeOf(r.Err).Info().Status >= 500 && api.CodeOf(r.Err) != api.Overloaded {
				s.Logf("request %s, item %d: %v", id, at[n], r.Err)
			}
			out.Results[at[n]] = problemOf(r.Err, id)
			continue
		}
		out.Results[at[n]] = api.BatchResult{Verdict: &r.Verdict}
	}
	for _, r := range out.Results {
		if r.Verdict != nil {
			a.admission.judge(r.Verdict.Code)
			s.refused(ctx, a, *r.Verdict)
		}
	}
	return out
}

func problemOf(err error, requestID string) api.BatchResult {
	p := api.ProblemOf(err, requestID)
	return api.BatchResult{Problem: &p}
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
