package sdk

import (
	"bytes"
	"context"
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
func (g *Gate) Require(action string, p Policy, h http.HandlerFunc) http.Handler {
	return g.guard(action, p, nil, h)
}

// RequireContent is Require with the proof bound to what content says.
func (g *Gate) RequireContent(action string, p Policy, content ContentFunc, h http.HandlerFunc) http.Handler {
	if content == nil {
		panic("sdk: RequireContent without a content function")
	}
	return g.guard(action, p, content, h)
}

func (g *Gate) guard(action string, p Policy, content ContentFunc, h http.HandlerFunc) http.Handler {
	g.register(action, p)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := serve.ReadBody(w, r, g.cfg.MaxBody)
		if err != nil {
			g.refuse(w, r, action, p, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		a, err := read(r, body, content)
		if err != nil {
			g.refuse(w, r, action, p, err)
			return
		}
		req := verifier.Request{
			Action: action, Policy: p, Proof: a.proof, Challenge: a.challenge, Content: a.content,
			Session: g.cfg.Session(r), Origin: r.Header.Get("Origin"),
		}
		if g.cfg.Replays {
			req.Credential = "gate"
			req.IdempotencyKey = scope.EncodeToken(a.key())
		}
		verdict, err := g.v.Consume(r.Context(), req)
		if err != nil {
			serve.WriteProblem(w, r, err)
			return
		}
		if !verdict.Success {
			serve.WriteJSON(w, http.StatusForbidden, verdict)
			return
		}
		who := person(a, action, p, verdict, g.cfg.Now())
		r.Body = io.NopCloser(bytes.NewReader(body)) // content may have read it
		h(w, r.WithContext(context.WithValue(r.Context(), personKey{}, who)))
	})
}

// read takes the answer out of a request and computes what it must be bound to.
func read(r *http.Request, body []byte, content ContentFunc) (answer, error) {
	var a answer
	response, rest, err := findResponse(r, body)
	if err != nil {
		return a, err
	}
	if a.proof, a.challenge, err = verifier.ParseResponse(response); err != nil {
		return a, err
	}
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

// key names a request by its challenge: sent again, it is the same request.
func (a answer) key() []byte {
	d := scope.ChallengeDigest([]byte(a.challenge))
	return d[:]
}

// refuse answers what was decided before the verifier was asked.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, action string, p Policy, err error) {
	code := api.CodeOf(err)
	g.v.Observe(code)
	if code.Info().Status == http.StatusOK {
		serve.WriteJSON(w, http.StatusForbidden, g.v.Refuse(action, p, code))
		return
	}
	serve.WriteProblem(w, r, err)
}
