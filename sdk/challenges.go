package sdk

import (
	"net/http"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

const maxChallengeBody = 4 << 10

// Challenges answers POST {action, content_digest?} with a challenge for one of
// the actions that Require has registered. Origin and session are taken from
// the request itself.
func (f *front) Challenges() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := f.challenge(w, r)
		if err != nil {
			serve.LogProblem(f.logf, r, err)
			serve.WriteProblem(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		serve.WriteJSON(w, http.StatusOK, out)
	})
}

func (f *front) challenge(w http.ResponseWriter, r *http.Request) (api.ChallengeResponse, error) {
	var none api.ChallengeResponse
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return none, api.Errorf(api.MethodNotAllowed, "")
	}
	var in api.ChallengeRequest
	if err := serve.ReadJSON(w, r, maxChallengeBody, &in); err != nil {
		return none, err
	}
	if in.Session != "" {
		return none, api.Errorf(api.MalformedRequest, "the session is not the page's to name")
	}
	if in.Sitekey != "" {
		return none, api.Errorf(api.MalformedRequest, "sitekeys are the verifier service's")
	}
	p, ok := f.policy(in.Action)
	if !ok {
		return none, api.Errorf(api.ActionUnknown, "")
	}
	var content scope.Digest
	if in.ContentDigest != "" {
		b, err := scope.DecodeToken(in.ContentDigest)
		if err != nil || len(b) != len(content) {
			return none, &api.Error{Code: api.NotCanonical, Detail: "content_digest is 32 bytes in base64url", Err: err}
		}
		copy(content[:], b)
	}
	return f.engine.challenge(r.Context(), verifier.ChallengeRequest{
		Action: in.Action, Policy: p, Content: content,
		Session: f.cfg.session(r), Origin: serve.Origin(r),
	})
}

// WellKnown serves /.well-known/perhuman.json: the keys that challenges and
// receipts are signed with, the issuers accepted, and the policies.
func (f *front) WellKnown() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			serve.WriteProblem(w, r, api.Errorf(api.MethodNotAllowed, ""))
			return
		}
		out, err := f.engine.describe(r.Context(), f.policies())
		if err != nil {
			serve.LogProblem(f.logf, r, err)
			serve.WriteProblem(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		serve.WriteJSON(w, http.StatusOK, out)
	})
}
