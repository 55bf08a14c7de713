// Package httpapi serves a verifier over HTTP, for applications that are not
// written in Go or that keep their verifier apart (protocol.md section 5).
//
//	h, err := httpapi.New(httpapi.Options{Apps: []httpapi.App{{
//		Key: key, Verifier: v, Actions: map[string]scope.Policy{"post": scope.PerDay(5)},
//	}}})
//	err = serve.Run(ctx, listener, h, serve.Options{})
//
// The application's server calls POST /v1/verify with its app key; the browser
// calls POST /v1/challenges, from the origins that the verifier knows. Policies
// and the environment belong to the key and are never taken from a request.
//
// A refusal by the verifier is a verdict with status 200 and success false; all
// else that goes wrong is application/problem+json. New refuses to start
// without an app key, with a weak one, or with one made for a demonstration.
package httpapi

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
)

// App is one application: a credential, and what it may ask for.
type App struct {
	Key      string // the app key, see NewKey; only its hash is kept
	Verifier *verifier.Verifier
	Actions  map[string]scope.Policy
}

// Options configure the service.
type Options struct {
	Apps    []App
	Issuers []string // verifier keys of the issuers, for the well-known document and post bundles
	Demo    bool     // accept keys made for a demonstration

	Rand    io.Reader                        // for request ids; default crypto/rand
	Logf    func(format string, args ...any) // panics, and what is behind answers of status 5xx; default none
	Observe func(code api.Code)              // answers given before a verifier was asked
	Ready   func(ctx context.Context) error  // one more condition of /readyz
}

// Largest request bodies in bytes.
const (
	maxChallengeBody = 4 << 10
	maxVerifyBody    = 16 << 10
)

type app struct {
	App
	hash       [32]byte
	credential string
}

type server struct {
	Options
	apps    []app
	issuers []string // names, in the order of Options.Issuers
	engine  *gin.Engine
}

// New makes the handler.
func New(o Options) (http.Handler, error) {
	s, err := newServer(o)
	if err != nil {
		return nil, err
	}
	return serve.Chain(s.engine, serve.RequestID(s.Rand), serve.Recover(s.Logf), serve.SecurityHeaders), nil
}

func newServer(o Options) (*server, error) {
	if len(o.Apps) == 0 {
		return nil, fmt.Errorf("httpapi: %w", ErrNoKey)
	}
	if len(o.Issuers) == 0 {
		return nil, errors.New("httpapi: at least one issuer is needed")
	}
	if o.Rand == nil {
		o.Rand = crand.Reader
	}
	s := &server{Options: o}
	for _, vkey := range o.Issuers {
		key, err := setlog.ParseVKey(vkey)
		if err != nil {
			return nil, fmt.Errorf("httpapi: issuer: %w", err)
		}
		s.issuers = append(s.issuers, key.Name())
	}
	for i, a := range o.Apps {
		if a.Verifier == nil || len(a.Actions) == 0 {
			return nil, fmt.Errorf("httpapi: app %d needs a verifier and actions", i)
		}
		if err := checkKey(a.Key, a.Verifier.Environment(), o.Demo); err != nil {
			return nil, fmt.Errorf("httpapi: app %d: %w", i, err)
		}
		for action, policy := range a.Actions {
			if err := errors.Join(scope.ValidateAction(action), policy.Validate()); err != nil {
				return nil, fmt.Errorf("httpapi: app %d: %w", i, err)
			}
		}
		hash := hashKey(a.Key)
		if slices.ContainsFunc(s.apps, func(b app) bool { return b.hash == hash }) {
			return nil, errors.New("httpapi: two apps share a key")
		}
		a.Key = ""
		s.apps = append(s.apps, app{App: a, hash: hash, credential: scope.EncodeToken(hash[:16])})
	}
	s.Apps = nil // they hold the keys in the clear
	s.routes()
	return s, nil
}

// routes is the whole surface.
func (s *server) routes() {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false
	e.HandleMethodNotAllowed = true
	e.ContextWithFallback = true
	_ = e.SetTrustedProxies(nil) // nil is always accepted: no forwarded header is believed
	e.NoRoute(s.answer(func(*gin.Context) (any, error) { return nil, api.Errorf(api.NotFound, "") }))
	e.NoMethod(s.answer(func(*gin.Context) (any, error) { return nil, api.Errorf(api.MethodNotAllowed, "") }))

	e.GET("/livez", s.answer(s.live))
	e.GET("/readyz", s.answer(s.ready))
	e.GET("/.well-known/perhuman.json", s.answer(s.wellKnown))
	e.OPTIONS("/v1/challenges", s.preflight)
	e.POST("/v1/challenges", s.answer(s.challenge))
	e.POST("/v1/verify", s.answer(s.verify))
	e.POST("/v1/posts/verify", s.answer(s.verifyPost))
	s.engine = e
}

// answer writes what a handler gives: JSON with status 200, or a problem.
func (s *server) answer(f func(*gin.Context) (any, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		body, err := f(c)
		if err != nil {
			serve.LogProblem(s.Logf, c.Request, err)
			serve.WriteProblem(c.Writer, c.Request, err)
			return
		}
		serve.WriteJSON(c.Writer, http.StatusOK, body)
	}
}

// early is an error that no verifier has counted.
func (s *server) early(err error) error {
	if err != nil && s.Observe != nil {
		s.Observe(api.CodeOf(err))
	}
	return err
}

type status struct {
	Status string `json:"status"`
}

func (s *server) live(*gin.Context) (any, error) { return status{"ok"}, nil }

func (s *server) ready(c *gin.Context) (any, error) {
	for _, a := range s.apps {
		if err := a.Verifier.Ready(c); err != nil {
			return nil, err
		}
	}
	if s.Ready != nil {
		if err := s.Ready(c); err != nil {
			return nil, api.Wrap(api.StoreUnavailable, err)
		}
	}
	return status{"ok"}, nil
}

// wellKnown answers for the relying party that the request was sent to, or for
// the only one there is.
func (s *server) wellKnown(c *gin.Context) (any, error) {
	rp := s.apps[0].Verifier.RP()
	if slices.ContainsFunc(s.apps, func(a app) bool { return a.Verifier.RP() != rp }) {
		rp = c.Request.Host
	}
	out := api.WellKnown{RP: rp, Issuers: s.Issuers, Actions: []api.ActionPolicy{}}
	for _, a := range s.apps {
		if a.Verifier.RP() != rp {
			continue
		}
		out.Depth = a.Verifier.Depth()
		for _, key := range a.Verifier.PublicKeys() {
			if k := scope.EncodeToken(key); !slices.Contains(out.Keys, k) {
				out.Keys = append(out.Keys, k)
			}
		}
		for action, p := range a.Actions {
			if row := verifier.Describe(action, p); !slices.Contains(out.Actions, row) {
				out.Actions = append(out.Actions, row)
			}
		}
	}
	if out.Keys == nil {
		return nil, api.Errorf(api.NotFound, "")
	}
	slices.SortFunc(out.Actions, verifier.CompareActions)
	c.Header("Cache-Control", "public, max-age=60")
	c.Header("Access-Control-Allow-Origin", "*")
	return out, nil
}
