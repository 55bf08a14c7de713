package admin

import (
	"context"
	crand "crypto/rand"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/cosign"
	"github.com/perhuman/perhuman/issuer/httpapi"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
)

// Options of the operator's side. Token, Issuer and Pause are compulsory.
type Options struct {
	Token       string // at least 32 characters; see `perhuman issuer keygen -admin`
	OpenMetrics bool   // /metrics wants no token
	Issuer      *issuer.Issuer
	Pause       *Pause
	Metrics     *Metrics                                     // nil: no /metrics
	Gallery     func() bool                                  // as httpapi.Options.Gallery
	Witnesses   func() []cosign.State                        // nil: none
	Lists       func() (revoked, firmware int)               // sizes of the lists in force; nil: there are none
	Reload      func() error                                 // nil: there is nothing to read again
	Verify      func(ctx context.Context) error              // compares the whole database with its log; nil: not offered
	Backup      func(ctx context.Context, path string) error // nil: this store is backed up in another way
	Refresh     func(ctx context.Context) (uint64, error)    // gives all shares at the parties new values, and tells their epoch; nil: there are no parties
	Parties     func() []PartyGroup                          // nil: there are none
	Version     string

	Now  func() time.Time
	Rand io.Reader
	Logf func(format string, args ...any)
}

// PartyGroup is how the parties of a private matcher are.
type PartyGroup struct {
	Compares string // the kind of captures
	Epoch    uint64 // of their shares
	Audits   int    // passed since the start
}

// Pause is the switch that keeps new people out. It is off at first, and lives
// as long as the process.
type Pause struct{ on atomic.Bool }

// On fits httpapi.Options.Paused.
func (p *Pause) On() bool { return p.on.Load() }

// Set turns it on or off.
func (p *Pause) Set(on bool) { p.on.Store(on) }

// ErrWeakToken: the token is too short to be random.
var ErrWeakToken = errors.New("admin: the token has less than 32 characters")

type server struct {
	Options
	token  serve.Token
	engine *gin.Engine
}

// New makes the handler.
func New(o Options) (http.Handler, error) {
	if len(o.Token) < 32 {
		return nil, ErrWeakToken
	}
	if o.Issuer == nil || o.Pause == nil {
		return nil, errors.New("admin: Issuer and Pause are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = crand.Reader
	}
	if o.Metrics != nil {
		o.Metrics.watch(o)
	}
	s := &server{Options: o, token: serve.NewToken(o.Token)}
	s.Token = ""
	s.routes()
	return serve.Chain(s.engine, serve.RequestID(s.Rand), serve.SecurityHeaders, serve.Recover(s.Logf), serve.BodyCap(maxBody)), nil
}

const maxBody = 4 << 10

// What a route wants.
const (
	open    = ""
	reads   = "token"
	changes = "change"
)

type route struct {
	method, path, want string
	serve              func(*server, *gin.Context) (any, error)
}

// table is the whole surface beside /metrics.
var table = [...]route{
	{"GET", "/livez", open, func(*server, *gin.Context) (any, error) { return map[string]string{"status": "ok"}, nil }},
	{"GET", "/admin/state", reads, (*server).state},
	{"POST", "/admin/removals", changes, (*server).remove},
	{"POST", "/admin/anchor", changes, (*server).anchor},
	{"POST", "/admin/pause", changes, func(s *server, _ *gin.Context) (any, error) { return s.pause(true) }},
	{"POST", "/admin/resume", changes, func(s *server, _ *gin.Context) (any, error) { return s.pause(false) }},
	{"POST", "/admin/reload", changes, (*server).reload},
	{"POST", "/admin/verify", changes, (*server).verify},
	{"POST", "/admin/backup", changes, (*server).backup},
	{"POST", "/admin/refresh", changes, (*server).refresh},
}

func (s *server) routes() {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false
	e.HandleMethodNotAllowed = true
	e.ContextWithFallback = true
	_ = e.SetTrustedProxies(nil)
	e.NoRoute(s.answer(open, func(*server, *gin.Context) (any, error) { return nil, api.Errorf(api.NotFound, "") }))
	e.NoMethod(s.answer(open, func(*server, *gin.Context) (any, error) { return nil, api.Errorf(api.MethodNotAllowed, "") }))
	for _, r := range table {
		e.Handle(r.method, r.path, s.answer(r.want, r.serve))
	}
	if s.Metrics != nil {
		h := s.Metrics.handler()
		e.GET("/metrics", func(c *gin.Context) {
			if err := s.token.Check(c.Request); err != nil && !s.OpenMetrics {
				serve.WriteProblem(c.Writer, c.Request, err)
				return
			}
			h.ServeHTTP(c.Writer, c.Request)
		})
	}
	s.engine = e
}

func (s *server) answer(want string, f func(*server, *gin.Context) (any, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		var err error
		if want != open {
			err = s.token.Check(c.Request)
		}
		if err == nil && want == changes {
			err = serve.SameOrigin(c.Request)
		}
		var body any
		if err == nil {
			body, err = f(s, c)
		}
		if err != nil {
			serve.LogProblem(s.Logf, c.Request, err)
			serve.WriteProblem(c.Writer, c.Request, err)
			return
		}
		serve.WriteJSON(c.Writer, http.StatusOK, body)
	}
}

// health is what /readyz says, asked here.
func (s *server) health(ctx context.Context) httpapi.Health {
	return httpapi.Check(ctx, s.Issuer, s.Now(), s.Gallery, s.Pause.On)
}
