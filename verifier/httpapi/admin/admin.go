package admin

import (
	"context"
	crand "crypto/rand"
	"embed"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

// Options of the operator's side. Token and Stats are compulsory.
type Options struct {
	Token       string             // at least 32 characters; see `perhuman verifier keygen -admin`
	OpenMetrics bool               // /metrics wants no token
	Registry    *registry.Registry // nil: apps cannot be looked at or changed
	Stats       *Stats
	Metrics     *Metrics
	Queue       func() semaphore.QueueStats
	Capacity    int // of the queue, for the page
	Roots       func() []Root
	Fixed       []Fixed // apps that the command line named
	Version     string

	Now  func() time.Time
	Rand io.Reader
	Logf func(format string, args ...any)
}

// Root is what is known of an issuer's set.
type Root struct {
	Issuer string  `json:"issuer"`
	Seq    uint64  `json:"seq"`
	Size   uint64  `json:"size"`
	Live   uint64  `json:"live"`
	Age    float64 `json:"age"`   // seconds since the newest head was signed
	Limit  float64 `json:"limit"` // seconds after which nothing is decided any more
	Fresh  bool    `json:"fresh"`
	Error  string  `json:"error,omitempty"`
}

// Fixed is an app that cannot be changed while the service runs.
type Fixed struct {
	ID          string            `json:"id"`
	RP          string            `json:"rp"`
	Environment string            `json:"environment"`
	Origins     []string          `json:"origins"`
	Actions     map[string]string `json:"actions"`
}

// ErrWeakToken: the token is too short to be random.
var ErrWeakToken = errors.New("admin: the token has less than 32 characters")

type server struct {
	Options
	token  serve.Token
	engine *gin.Engine
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
	if len(o.Token) < 32 {
		return nil, ErrWeakToken
	}
	if o.Stats == nil {
		return nil, errors.New("admin: Stats is needed")
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
	return s, nil
}

// Sample notes the queue's depth every few seconds, until ctx ends.
func Sample(ctx context.Context, stats *Stats, queue func() semaphore.QueueStats, every time.Duration) {
	serve.Every(ctx, every, func() { stats.Sample(queue().Waiting) })
}

// What a route wants.
const (
	open    = ""      // nothing: the page's own files, which tell nothing
	reads   = "token" // the token
	changes = "change"
)

type route struct {
	method, path, want string
	serve              func(*server, *gin.Context) (any, error)
}

// table is the whole surface beside the page's files and /metrics.
var table = [...]route{
	{"GET", "/livez", open, func(*server, *gin.Context) (any, error) { return map[string]string{"status": "ok"}, nil }},
	{"GET", "/admin/state", reads, (*server).state},
	{"GET", "/admin/series", reads, (*server).series},
	{"GET", "/admin/apps", reads, (*server).listApps},
	{"POST", "/admin/apps", changes, (*server).createApp},
	{"PATCH", "/admin/apps/:app", changes, (*server).changeApp},
	{"DELETE", "/admin/apps/:app", changes, (*server).removeApp},
	{"POST", "/admin/apps/:app/keys", changes, (*server).createKey},
	{"DELETE", "/admin/apps/:app/keys/:key", changes, (*server).revokeKey},
	{"POST", "/admin/apps/:app/sites", changes, (*server).createSite},
	{"POST", "/admin/apps/:app/sites/:site/secrets", changes, (*server).rotateSite},
	{"DELETE", "/admin/apps/:app/sites/:site", changes, (*server).removeSite},
	{"POST", "/admin/apps/:app/hooks", changes, (*server).createHook},
	{"POST", "/admin/apps/:app/hooks/:hook/secrets", changes, (*server).rotateHook},
	{"DELETE", "/admin/apps/:app/hooks/:hook", changes, (*server).removeHook},
}

//go:embed page
var pages embed.FS

// files are the page, by path.
var files = [...]struct{ path, name, media string }{
	{"/", "page/index.html", "text/html; charset=utf-8"},
	{"/style.css", "page/style.css", "text/css; charset=utf-8"},
	{"/page.js", "page/page.js", "text/javascript; charset=utf-8"},
	{"/charts.js", "page/charts.js", "text/javascript; charset=utf-8"},
	{"/dom.js", "page/dom.js", "text/javascript; charset=utf-8"},
	{"/apps.js", "page/apps.js", "text/javascript; charset=utf-8"},
	{"/mark.svg", "page/mark.svg", "image/svg+xml"},
}

// security is what the page may do: load its own files and talk to where it
// came from.
const security = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

func (s *server) routes() {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash, e.RedirectFixedPath = false, false
	e.HandleMethodNotAllowed = true
	e.ContextWithFallback = true
	_ = e.SetTrustedProxies(nil)
	e.NoRoute(s.answer(open, func(*server, *gin.Context) (any, error) { return nil, api.Errorf(api.NotFound, "") }))
	e.NoMethod(s.answer(open, func(*server, *gin.Context) (any, error) { return nil, api.Errorf(api.MethodNotAllowed, "") }))
	for _, f := range files {
		body, err := pages.ReadFile(f.name)
		if err != nil {
			panic(err) // it is embedded
		}
		e.GET(f.path, func(c *gin.Context) {
			h := c.Writer.Header()
			h.Set("Content-Security-Policy", security)
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			h.Set("Cache-Control", "no-cache")
			c.Data(http.StatusOK, f.media, body)
		})
	}
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
