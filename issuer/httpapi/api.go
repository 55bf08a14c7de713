// Package httpapi is what an issuer shows over HTTP: enrolment for people,
// static tiles and a signed head for everybody else.
//
//	h := httpapi.New(iss, httpapi.Options{Rand: rand.Reader})
//	err := serve.Run(ctx, listener, h, serve.Options{})
//
// Reading is public and may be done from any web origin: a wallet's page reads
// head and tiles directly, and each of them means something only together with
// the issuer's signature. Enrolments and recoveries, which take a capture, are
// accepted from programs and from the issuer's own pages. A veto and a deletion
// come from a wallet, which has an origin of its own: their signature says who
// asks, and nothing that a browser adds to a request counts.
//
// There is no route that answers for one leaf: a wallet that asked for its own
// path would say who is about to act (setlog.md). Errors are
// application/problem+json with a code of package api. The routes are those of
// protocol.md section 6 and setlog.md; Routes lists them.
package httpapi

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/httpapi/page"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
)

// Options of the handler.
type Options struct {
	Origin        string                           // own web origin; default: https:// and the host in the issuer's name, http on *.localhost
	Rand          io.Reader                        // for request ids; needed
	MaxEnrolments int                              // handled at one time; 64
	Logf          func(format string, args ...any) // panics, and what is behind answers of status 5xx

	Took    func(route string, code api.Code, d time.Duration) // told of every answer; the route is the pattern
	Paused  func() bool                                        // while it says so, nobody new comes in; nil: never
	Gallery func() bool                                        // whether people can be matched yet; nil: always
	Now     func() time.Time                                   // for readiness; time.Now
	Links   []page.Link                                        // in the head of the front page, e.g. to where people enrol
}

// Limits of bodies in bytes.
const (
	maxSession   = 1 << 10
	maxEnrolment = capture.MaxEnvelope/3*4 + 4<<10
)

// Access says who may use a route.
type Access string

// The kinds of access.
const (
	Public Access = "public" // anybody, from any web page
	Signed Access = "signed" // likewise: a signature in the body says who asks (a session is what is signed)
	Own    Access = "own"    // programs, and pages of the issuer's own origin
)

// Route is one row of the route table.
type Route struct {
	Method, Path string
	Access       Access
}

type route struct {
	Route
	handle func(*server, *gin.Context) error
}

// routes is all there is. HEAD comes with every GET.
func routes() []route {
	return []route{
		{Route{http.MethodGet, "/", Public}, (*server).front},
		{Route{http.MethodGet, "/.well-known/perhuman-issuer.json", Public}, (*server).info},
		{Route{http.MethodPost, "/v1/sessions", Signed}, (*server).startSession},
		{Route{http.MethodPost, "/v1/enrolments", Own}, (*server).enrol},
		{Route{http.MethodGet, "/v1/enrolments/:id", Public}, (*server).status},
		{Route{http.MethodPost, "/v1/recoveries", Own}, (*server).recovery},
		{Route{http.MethodGet, "/v1/recoveries/:id", Public}, (*server).recoveryStatus},
		{Route{http.MethodPost, "/v1/recoveries/:id/veto", Signed}, (*server).veto},
		{Route{http.MethodPost, "/v1/deletions", Signed}, (*server).deletion},
		{Route{http.MethodGet, "/v1/deletions/:id", Public}, (*server).deletionStatus},
		{Route{http.MethodGet, "/checkpoint", Public}, (*server).checkpoint},
		{Route{http.MethodGet, "/head", Public}, (*server).head},
		{Route{http.MethodGet, "/tile/*path", Public}, (*server).tile},
		{Route{http.MethodGet, "/set/:seq/tile/:level/:n", Public}, (*server).setTile},
		{Route{http.MethodGet, "/set/:seq/leaves", Public}, (*server).leaves},
		{Route{http.MethodGet, "/livez", Public}, (*server).livez},
		{Route{http.MethodGet, "/readyz", Public}, (*server).readyz},
	}
}

// Routes lists every route with its access.
func Routes() []Route {
	var out []Route
	for _, r := range routes() {
		out = append(out, r.Route)
	}
	return out
}

type server struct {
	issuer *issuer.Issuer
	origin string
	busy   chan struct{}
	logf   func(format string, args ...any)

	took            func(route string, code api.Code, d time.Duration)
	paused, gallery func() bool
	now             func() time.Time
	page            *page.Page
}

// New gives the handler.
func New(i *issuer.Issuer, o Options) http.Handler {
	return serve.Chain(newEngine(i, o), serve.RequestID(o.Rand), serve.SecurityHeaders, serve.Recover(o.Logf), serve.BodyCap(maxEnrolment))
}

func newEngine(i *issuer.Issuer, o Options) *gin.Engine {
	if o.Origin == "" {
		o.Origin = originOf(i.Name())
	}
	if o.MaxEnrolments == 0 {
		o.MaxEnrolments = 64
	}
	s := &server{
		issuer: i, origin: o.Origin, busy: make(chan struct{}, o.MaxEnrolments), logf: o.Logf,
		took: o.Took, paused: o.Paused, gallery: o.Gallery, now: o.Now,
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.page = page.New(i, s.now, o.Links...)
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.RedirectTrailingSlash = false
	e.HandleMethodNotAllowed = true
	_ = e.SetTrustedProxies(nil) // nil cannot fail
	for _, r := range routes() {
		h := s.handler(r)
		e.Handle(r.Method, r.Path, h)
		if r.Method == http.MethodGet {
			e.Handle(http.MethodHead, r.Path, h)
		}
	}
	for path, methods := range byPath() {
		e.OPTIONS(path, s.preflight(methods))
	}
	e.NoRoute(problem(api.NotFound))
	e.NoMethod(problem(api.MethodNotAllowed))
	return e
}

// originOf gives the origin of an issuer's name (protocol.md section 5).
func originOf(name string) string {
	host, _, _ := strings.Cut(name, "/")
	bare, _, _ := strings.Cut(host, ":")
	if bare == "localhost" || strings.HasSuffix(bare, ".localhost") {
		return "http://" + host
	}
	return "https://" + host
}

func byPath() map[string]map[string]Access {
	paths := map[string]map[string]Access{}
	for _, r := range routes() {
		if paths[r.Path] == nil {
			paths[r.Path] = map[string]Access{}
		}
		paths[r.Path][r.Method] = r.Access
	}
	return paths
}

func problem(code api.Code) gin.HandlerFunc {
	return func(c *gin.Context) { serve.WriteProblem(c.Writer, c.Request, &api.Error{Code: code}) }
}

// handler applies a route's access and answers its errors.
func (s *server) handler(r route) gin.HandlerFunc {
	return func(c *gin.Context) {
		h := c.Writer.Header()
		start := time.Now()
		code := api.OK
		if s.took != nil {
			defer func() { s.took(r.Path, code, time.Since(start)) }()
		}
		switch r.Access {
		case Public, Signed:
			h.Set("Access-Control-Allow-Origin", "*")
			h.Set("Access-Control-Expose-Headers", "ETag, Retry-After, Request-Id")
		default:
			if !s.own(c.Request) {
				code = api.OriginNotAllowed
				serve.WriteProblem(c.Writer, c.Request, &api.Error{Code: api.OriginNotAllowed})
				return
			}
		}
		var err error
		if s.paused != nil && pausable(r.Path) && r.Method == http.MethodPost && s.paused() {
			err = api.Errorf(api.Overloaded, "enrolment is paused")
		} else {
			err = r.handle(s, c)
		}
		if err != nil {
			code = codeOf(err)
			h.Del("ETag")
			h.Del("Cache-Control") // errors are never cached
			serve.LogProblem(s.logf, c.Request, err)
			serve.WriteProblem(c.Writer, c.Request, err)
		}
	}
}

// codeOf gives the code that an error is answered with.
func codeOf(err error) api.Code {
	var e *api.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return api.Internal
}

// own tells whether a request comes from a program or from the issuer's own
// page. Browsers add Origin to every POST and Sec-Fetch-Site to every request.
func (s *server) own(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site != "" && site != "same-origin" && site != "none":
		return false
	case len(origins) == 0:
		return true
	}
	return len(origins) == 1 && origins[0] == s.origin
}

// preflight answers the browser's question before a request that is not simple.
func (s *server) preflight(methods map[string]Access) gin.HandlerFunc {
	return func(c *gin.Context) {
		asked := c.GetHeader("Access-Control-Request-Method")
		if asked == http.MethodHead {
			asked = http.MethodGet
		}
		access, ok := methods[asked]
		if !ok || access == Own {
			serve.WriteProblem(c.Writer, c.Request, &api.Error{Code: api.OriginNotAllowed})
			return
		}
		h := c.Writer.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "If-None-Match")
		if access == Signed {
			h.Set("Access-Control-Allow-Methods", http.MethodPost)
			h.Set("Access-Control-Allow-Headers", "Content-Type")
		}
		h.Set("Access-Control-Max-Age", "86400")
		c.Status(http.StatusNoContent)
		c.Writer.WriteHeaderNow()
	}
}
