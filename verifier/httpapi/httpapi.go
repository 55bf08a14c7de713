// Package httpapi serves a verifier over HTTP, for applications that are not
// written in Go or that keep their verifier apart (protocol.md section 5).
//
//	h, err := httpapi.New(httpapi.Options{Apps: []httpapi.App{{
//		Key: key, Verifier: v, Actions: map[string]scope.Policy{"post": scope.PerDay(5)},
//	}}})
//	err = serve.Run(ctx, listener, h, serve.Options{})
//
// The application's server calls POST /v1/verify with its app key, or
// /v1/verify/batch with up to 512 proofs; the browser calls POST
// /v1/challenges, from the origins that the app has. Policies and the
// environment belong to the key and are never taken from a request.
//
// A refusal by the verifier is a verdict with status 200 and success false; all
// else that goes wrong is application/problem+json. New refuses to start
// without an app key, with a weak one, or with one made for a demonstration.
//
// # Instead of a CAPTCHA
//
// POST /siteverify speaks what Turnstile, hCaptcha and reCAPTCHA speak, also
// under their own paths. The secret belongs to one action of one app and to a
// list of origins, because such integrations rarely compare the action. The
// response is "<packed proof>.<challenge>", made without a content digest and
// without a session.
//
// # Many apps
//
// With Options.Registry the apps are those of package registry, which an
// operator changes while the service runs (package admin), and Options.Open
// makes the verifier of one when it is first needed. Options.Apps stay beside
// them: apps that the command line names.
//
// # Test keys
//
// A service whose apps are all in test environments answers to reserved keys,
// one for each code of the table: see ReservedKey. A service with a live app
// refuses them with test_key_in_production.
package httpapi

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

// App is one application: a credential, and what it may ask for.
type App struct {
	ID       string // what metrics and idempotency keys know it by; default from the key
	Key      string // the app key, see NewKey; only its hash is kept
	Verifier *verifier.Verifier
	Actions  map[string]scope.Policy
	Sites    []Site
	Hooks    []registry.Hook // for refusals; of acceptances verifier.Config.Events tells
}

// Site lets an app's forms that know POST /siteverify use one of its actions.
type Site struct {
	Key     string // the sitekey, which is public
	Secret  string // see NewSecret; only its hash is kept
	Action  string
	Origins []string // default all of the verifier's
}

// Options configure the service.
type Options struct {
	Apps    []App
	Issuers []string // verifier keys of the issuers, for the well-known document and post bundles
	All     bool     // a proof under each of the issuers is wanted: the verifiers have verifier.AllOf
	Demo    bool     // accept keys made for a demonstration

	// Registry has more apps, and Open makes the verifier of one of them, which
	// is closed when the app is gone. It is called when the app is first asked
	// for, and again after a change of what the verifier depends on.
	Registry *registry.Registry
	Open     func(ctx context.Context, app registry.App, w Wiring) (*verifier.Verifier, error)

	Limits         Limits
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; default nobody's

	Now     func() time.Time
	Rand    io.Reader                           // for request ids; default crypto/rand
	Logf    func(format string, args ...any)    // panics, and what is behind answers of status 5xx; default none
	Observe func(code api.Code)                 // answers given before a verifier was asked
	Decided func(app string, code api.Code)     // every decision of apps of the Registry, and what Observe is told; app may be ""
	Events  Events                              // who hears of decisions: package webhook
	Ready   func(ctx context.Context) error     // one more condition of /readyz
	Took    func(route string, d time.Duration) // how long each answer took; routes are those of the table
}

// Wiring is what a verifier of a registered app must be made with: it goes
// into verifier.Config as it is.
type Wiring struct {
	Observe func(api.Code)
	Events  func(api.Verdict) *verifier.Event
}

// Events hears of decisions. Both methods must be safe for concurrent use.
type Events interface {
	// Completed makes the event of an acceptance, which is stored in the same
	// transaction; nil if nobody wants it.
	Completed(app registry.App, v api.Verdict) *verifier.Event
	// Refused is told of a refusal. It must not block for long.
	Refused(ctx context.Context, app registry.App, v api.Verdict)
}

// Largest request bodies in bytes.
const (
	maxChallengeBody = 4 << 10
	maxVerifyBody    = 16 << 10
	maxBatchBody     = verifier.MaxBatch * 4 << 10
	maxSiteBody      = 8 << 10
)

type server struct {
	Options
	issuers []string // names, in the order of Options.Issuers
	static  []*app
	view    atomic.Pointer[view]
	origins *serve.Buckets // of challenges, by origin and network
	engine  *gin.Engine
}

// New makes the handler.
func New(o Options) (http.Handler, error) { return Open(o) }

// Service is the handler, and what an operator wants to see of it.
type Service struct {
	http.Handler
	s *server
}

// Open makes the handler and keeps hold of it.
func Open(o Options) (*Service, error) {
	s, err := newServer(o)
	if err != nil {
		return nil, err
	}
	return &Service{s.handler(), s}, nil
}

// Queue sums up the queues of all apps.
func (s *Service) Queue() (sum semaphore.QueueStats) {
	for _, a := range s.s.view.Load().apps {
		if v := a.opened(); v != nil {
			q := v.QueueStats()
			sum.Valid += q.Valid
			sum.Invalid += q.Invalid
			sum.Full += q.Full
			sum.Abandoned += q.Abandoned
			sum.Flushes += q.Flushes
			sum.Tries += q.Tries
			sum.Singles += q.Singles
			sum.Waiting += q.Waiting
			sum.Running += q.Running
		}
	}
	return sum
}

func (s *server) handler() http.Handler {
	return serve.Chain(s.engine, serve.RequestID(s.Rand), serve.Recover(s.Logf), serve.SecurityHeaders)
}

func newServer(o Options) (*server, error) {
	if len(o.Apps) == 0 && o.Registry == nil {
		return nil, fmt.Errorf("httpapi: %w", ErrNoKey)
	}
	if (o.Registry == nil) != (o.Open == nil) {
		return nil, errors.New("httpapi: Registry and Open belong together")
	}
	if len(o.Issuers) == 0 {
		return nil, errors.New("httpapi: at least one issuer is needed")
	}
	if o.Rand == nil {
		o.Rand = crand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &server{Options: o, origins: serve.NewBuckets(o.Limits.Challenges, o.Now())}
	for _, vkey := range o.Issuers {
		key, err := setlog.ParseVKey(vkey)
		if err != nil {
			return nil, fmt.Errorf("httpapi: issuer: %w", err)
		}
		s.issuers = append(s.issuers, key.Name())
	}
	hashes := map[[32]byte]bool{}
	for i, a := range o.Apps {
		app, err := s.fromOptions(a)
		if err != nil {
			return nil, fmt.Errorf("httpapi: app %d: %w", i, err)
		}
		for _, k := range app.secrets() {
			if hashes[k] {
				return nil, errors.New("httpapi: two apps share a key")
			}
			hashes[k] = true
		}
		s.static = append(s.static, app)
	}
	s.Apps = nil // they hold the keys in the clear
	s.view.Store(newView(s.static))
	if o.Registry != nil {
		o.Registry.OnChange(s.adopt)
	}
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
	_ = e.SetTrustedProxies(nil) // nil is always accepted: gin believes no forwarded header; see client.go
	e.NoRoute(s.answer(func(*gin.Context) (any, error) { return nil, api.Errorf(api.NotFound, "") }))
	e.NoMethod(s.answer(func(*gin.Context) (any, error) { return nil, api.Errorf(api.MethodNotAllowed, "") }))

	e.GET("/livez", s.answer(s.live))
	e.GET("/readyz", s.answer(s.ready))
	e.GET("/.well-known/perhuman.json", s.answer(s.wellKnown))
	e.GET("/openapi.json", openAPI)
	e.OPTIONS("/v1/challenges", s.preflight)
	e.POST("/v1/challenges", s.answer(s.challenge))
	e.POST("/v1/verify", s.answer(s.verify))
	e.POST("/v1/verify/batch", s.answer(s.verifyBatch))
	e.POST("/v1/posts/verify", s.answer(s.verifyPost))
	for _, v := range vendors {
		e.POST(v.path, s.timed(s.siteverify(v)))
	}
	s.engine = e
}

// answer writes what a handler gives: JSON with status 200, or a problem.
func (s *server) answer(f func(*gin.Context) (any, error)) gin.HandlerFunc {
	return s.timed(func(c *gin.Context) {
		body, err := f(c)
		if err != nil {
			serve.LogProblem(s.Logf, c.Request, err)
			serve.WriteProblem(c.Writer, c.Request, err)
			return
		}
		serve.WriteJSON(c.Writer, http.StatusOK, body)
	})
}

func (s *server) timed(f gin.HandlerFunc) gin.HandlerFunc {
	if s.Took == nil {
		return f
	}
	return func(c *gin.Context) {
		start := s.Now()
		f(c)
		s.Took(c.FullPath(), s.Now().Sub(start))
	}
}

// early is an error that no verifier has counted; the app may be nil.
func (s *server) early(a *app, err error) error {
	if err != nil {
		s.count(a, api.CodeOf(err))
	}
	return err
}

func (s *server) count(a *app, code api.Code) {
	if s.Observe != nil {
		s.Observe(code)
	}
	if s.Decided != nil {
		id := ""
		if a != nil {
			id = a.ID
		}
		s.Decided(id, code)
	}
}

type status struct {
	Status string `json:"status"`
}

func (s *server) live(*gin.Context) (any, error) { return status{"ok"}, nil }

// ready asks the verifiers of the apps that are open already; of the others
// one stands for all, since they share the store and the issuers.
func (s *server) ready(c *gin.Context) (any, error) {
	apps := s.view.Load().apps
	asked := 0
	for _, a := range apps {
		v := a.opened()
		if v == nil {
			continue
		}
		asked++
		if err := v.Ready(c); err != nil {
			return nil, err
		}
		if asked >= 8 {
			break
		}
	}
	if asked == 0 && len(apps) > 0 {
		v, err := apps[0].verifier(c)
		if err == nil {
			err = v.Ready(c)
		}
		if err != nil {
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
	apps := s.view.Load().apps
	if len(apps) == 0 {
		return nil, api.Errorf(api.NotFound, "")
	}
	rp := apps[0].RP
	if slices.ContainsFunc(apps, func(a *app) bool { return a.RP != rp }) {
		rp = c.Request.Host
	}
	out := api.WellKnown{RP: rp, Issuers: s.Issuers, All: s.All, Actions: []api.ActionPolicy{}}
	for _, a := range apps {
		if a.RP != rp {
			continue
		}
		v, err := a.verifier(c)
		if err != nil {
			return nil, err
		}
		out.Depth = v.Depth()
		for _, key := range v.PublicKeys() {
			if k := scope.EncodeToken(key); !slices.Contains(out.Keys, k) {
				out.Keys = append(out.Keys, k)
			}
		}
		for action, p := range a.policies {
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
