package sdk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// Require guards a handler: it runs only for a human who may still do action
// under policy, once per accepted proof. The proof is bound to the exact body
// of the request. Require panics if the action has another policy already.
func (f *front) Require(action string, p Policy, h http.HandlerFunc) http.Handler {
	return f.guard(action, p, nil, h)
}

// RequireContent is Require with the proof bound to what content says.
func (f *front) RequireContent(action string, p Policy, content ContentFunc, h http.HandlerFunc) http.Handler {
	if content == nil {
		panic("sdk: RequireContent without a content function")
	}
	return f.guard(action, p, content, h)
}

func (f *front) guard(action string, p Policy, content ContentFunc, h http.HandlerFunc) http.Handler {
	f.register(action, p)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := serve.ReadBody(w, r, f.cfg.maxBody)
		if err != nil {
			f.refuse(w, r, action, p, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		a, err := read(r, body, content)
		if err != nil {
			f.refuse(w, r, action, p, err)
			return
		}
		req := verifier.Request{
			Action: action, Policy: p, Proof: a.proof, And: a.and, Challenge: a.challenge, Content: a.content,
			Session: f.cfg.session(r), Origin: serve.Origin(r), Client: f.cfg.client(r),
		}
		if f.cfg.replays {
			req.Credential = "gate"
			req.IdempotencyKey = scope.EncodeToken(a.key())
		}
		verdict, err := f.engine.consume(r.Context(), req)
		if err != nil {
			serve.LogProblem(f.logf, r, err)
			serve.WriteProblem(w, r, err)
			return
		}
		if !verdict.Success {
			serve.WriteJSON(w, http.StatusForbidden, verdict)
			return
		}
		who := person(a, action, p, verdict, f.cfg.now())
		r.Body = io.NopCloser(bytes.NewReader(body)) // content may have read it
		h(w, r.WithContext(context.WithValue(r.Context(), personKey{}, who)))
	})
}

// RefuseReplay answers what a Guard without Replays answers to a request
// that was accepted before. A handler behind Replays calls it, first of
// all, when Person.Verdict.Replayed is set and it finds its work done.
func (f *front) RefuseReplay(w http.ResponseWriter, r *http.Request) {
	who := PersonFrom(r.Context())
	policy, _ := f.policy(who.Action)
	f.engine.observe(api.ChallengeAlreadyUsed)
	serve.WriteJSON(w, http.StatusForbidden, f.refusal(who.Action, policy, api.ChallengeAlreadyUsed))
}

// read takes the answer out of a request and computes what it must be bound to.
func read(r *http.Request, body []byte, content ContentFunc) (answer, error) {
	var a answer
	response, rest, err := findResponse(r, body)
	if err != nil {
		return a, err
	}
	proofs, challenge, err := verifier.ParseAnswer(response)
	if err != nil {
		return a, err
	}
	a.proof, a.and, a.challenge = proofs[0], proofs[1:], challenge
	if content == nil {
		a.content, err = raw(r, rest)
	} else {
		a.content, err = content(r, body)
	}
	var known *api.Error
	if err != nil && !errors.As(err, &known) {
		err = &api.Error{Code: api.MalformedRequest, Detail: "the content cannot be read", Err: err}
	}
	return a, err
}

// key names a request by its challenge and by what it proves: sent again, it is
// the same request. Another proof for the same challenge is another request,
// and finds the challenge used. The proof's points are left out: anybody can
// write them in another way.
func (a answer) key() []byte {
	h := sha256.New()
	for _, part := range [][]byte{a.proof.Scope[:], a.proof.Nullifier[:], a.proof.Message[:], []byte(a.challenge)} {
		h.Write(part) // all but the last of fixed length
	}
	return h.Sum(nil)
}

// refuse answers what was decided before the verifier was asked.
func (f *front) refuse(w http.ResponseWriter, r *http.Request, action string, p Policy, err error) {
	code := api.CodeOf(err)
	f.engine.observe(code)
	if code.Info().Status == http.StatusOK {
		serve.WriteJSON(w, http.StatusForbidden, f.refusal(action, p, code))
		return
	}
	serve.WriteProblem(w, r, err)
}

// refusal is the verdict of what was refused before the verifier was asked.
func (f *front) refusal(action string, p Policy, code api.Code) api.Verdict {
	return verifier.Refusal(f.engine.environment(), action, p, code)
}
