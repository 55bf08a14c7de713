package httpapi

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

type site struct {
	*testkit.World
	i *issuer.Issuer
	h http.Handler
}

func newSite(t testing.TB) *site {
	t.Helper()
	w := testkit.NewWorld(t, 1)
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "issuer.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	i, err := issuer.New(t.Context(), w.Config(store, w.Matcher()))
	if err != nil {
		t.Fatal(err)
	}
	return &site{w, i, New(i, Options{Rand: rand.Reader, Logf: t.Logf})}
}

// ask sends one request; headers are name, value, name, value.
func (s *site) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://issuer.test"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n+1 < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	s.h.ServeHTTP(w, r)
	return w
}

func (s *site) session(t testing.TB) (out api.Session) {
	t.Helper()
	w := s.ask("POST", "/v1/sessions", "")
	if w.Code != http.StatusCreated || json.Unmarshal(w.Body.Bytes(), &out) != nil {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return out
}

func (s *site) request(t testing.TB, p *testkit.Person) string {
	t.Helper()
	b, err := json.Marshal(s.Request(t, s.session(t), p))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func problemOf(t testing.TB, w *httptest.ResponseRecorder) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("not a problem: %d %q", w.Code, w.Body)
	}
	if p.Status != w.Code || p.RequestID != w.Header().Get("Request-Id") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("problem %+v with headers %v", p, w.Header())
	}
	return p
}

// A person enrols over HTTP, and a source follows the issuer over HTTP.
func TestEnrolAndFollow(t *testing.T) {
	s := newSite(t)
	session := s.session(t)
	if session.Issuer != testkit.Name || !slices.Equal(session.Captures, []string{"face", "iris"}) || session.ExpiresAt != uint64(s.Clock.Now().Unix())+600 {
		t.Errorf("%+v", session)
	}
	alice := testkit.NewPerson(1)
	body, _ := json.Marshal(s.Request(t, session, alice))
	var first, again, committed api.Enrolment
	for status, to := range map[int]*api.Enrolment{http.StatusCreated: &first} {
		w := s.ask("POST", "/v1/enrolments", string(body))
		if w.Code != status || json.Unmarshal(w.Body.Bytes(), to) != nil || w.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	w := s.ask("POST", "/v1/enrolments", string(body))
	if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &again) != nil || again != first {
		t.Errorf("the same request again: %d %s", w.Code, w.Body)
	}
	if w := s.ask("POST", "/v1/enrolments", s.request(t, alice.Again(7))); problemOf(t, w).Code != api.AlreadyEnrolled || w.Code != http.StatusConflict {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for n := range uint64(3) {
		if w := s.ask("POST", "/v1/enrolments", s.request(t, testkit.NewPerson(10+n))); w.Code != http.StatusCreated {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if _, err := s.i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	w = s.ask("GET", "/v1/enrolments/"+first.ID, "")
	if w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &committed) != nil || committed.Status != api.StateCommitted || committed.RootProof == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	server := httptest.NewServer(s.h)
	defer server.Close()
	src, err := sethttp.New(sethttp.Config{VKey: s.VKey, At: server.URL, Now: s.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, ok := src.Follower().Head()
	if !ok || h.Live != 4 {
		t.Fatalf("%+v", h)
	}
	if info, err := src.Root(t.Context(), h.Root, s.Clock.Now()); err != nil || !info.Current || info.Live != 4 {
		t.Errorf("%+v, %v", info, err)
	}
	c, err := sethttp.NewClient(testkit.Name, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := setlog.SetPath(h.Root, h.Size, *committed.LeafIndex, func(level int, n uint64) ([]byte, error) {
		return c.SetTile(t.Context(), h.Seq, level, n)
	})
	if err != nil || p.Leaf != alice.ID.Commitment() {
		t.Errorf("%+v, %v", p, err)
	}
}

// T43: every route stands in the table with its access, and the table has been
// walked; what is not in it does not exist.
func TestT43RouteTable(t *testing.T) {
	s := newSite(t)
	want := map[string]Access{
		"GET /.well-known/perhuman-issuer.json": Public,
		"POST /v1/sessions":                     Signed,
		"POST /v1/enrolments":                   Own,
		"GET /v1/enrolments/:id":                Public,
		"POST /v1/recoveries":                   Own,
		"GET /v1/recoveries/:id":                Public,
		"POST /v1/recoveries/:id/veto":          Signed,
		"POST /v1/deletions":                    Signed,
		"GET /v1/deletions/:id":                 Public,
		"GET /checkpoint":                       Public,
		"GET /head":                             Public,
		"GET /tile/*path":                       Public,
		"GET /set/:seq/tile/:level/:n":          Public,
		"GET /set/:seq/leaves":                  Public,
		"GET /":                                 Public,
		"GET /livez":                            Public,
		"GET /readyz":                           Public,
	}
	for _, r := range Routes() {
		if want[r.Method+" "+r.Path] != r.Access {
			t.Errorf("%s %s is %q", r.Method, r.Path, r.Access)
		}
	}
	if len(Routes()) != len(want) {
		t.Errorf("%d routes, %d expected", len(Routes()), len(want))
	}
	param := regexp.MustCompile(`[:*]\w+`)
	for _, r := range newEngine(s.i, Options{}).Routes() {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		access, ok := want[method+" "+r.Path]
		if r.Method != http.MethodOptions && !ok {
			t.Errorf("%s %s is not in the table", r.Method, r.Path)
		}
		// A page of another site can read what is public and nothing else.
		w := s.ask(r.Method, param.ReplaceAllString(r.Path, "1"), "", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		allowed := w.Header().Get("Access-Control-Allow-Origin")
		if r.Method == http.MethodOptions {
			if allowed != "" {
				t.Errorf("%s %s without a question: %q", r.Method, r.Path, allowed)
			}
			continue
		}
		if access != Own && allowed != "*" || access == Own && (allowed != "" || w.Code != http.StatusForbidden) {
			t.Errorf("%s %s from another site: %d, %q", r.Method, r.Path, w.Code, allowed)
		}
	}
}

// T46: methods, media types, origins.
func TestT46Matrix(t *testing.T) {
	s := newSite(t)
	const own = "https://issuer.test"
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     api.Code
	}{
		{"no such path", "GET", "/v1/nothing", "", nil, 404, api.NotFound},
		{"trailing slash", "GET", "/head/", "", nil, 404, api.NotFound},
		{"one leaf's path", "GET", "/set/1/path/0", "", nil, 404, api.NotFound},
		{"wrong method", "DELETE", "/head", "", nil, 405, api.MethodNotAllowed},
		{"get a session", "GET", "/v1/sessions", "", nil, 405, api.MethodNotAllowed},
		{"form", "POST", "/v1/enrolments", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, api.WrongMediaType},
		{"text", "POST", "/v1/sessions", "{}", []string{"Content-Type", "text/plain"}, 415, api.WrongMediaType},
		{"own origin", "POST", "/v1/sessions", "", []string{"Origin", own, "Sec-Fetch-Site", "same-origin"}, 201, ""},
		{"empty object", "POST", "/v1/sessions", "{}", nil, 201, ""},
		{"other origin", "POST", "/v1/enrolments", "", []string{"Origin", "https://wallet.test"}, 403, api.OriginNotAllowed},
		{"null origin", "POST", "/v1/enrolments", "", []string{"Origin", "null"}, 403, api.OriginNotAllowed},
		{"other scheme", "POST", "/v1/enrolments", "", []string{"Origin", "http://issuer.test"}, 403, api.OriginNotAllowed},
		{"same site", "POST", "/v1/enrolments", "", []string{"Sec-Fetch-Site", "same-site"}, 403, api.OriginNotAllowed},
		{"a wallet's session", "POST", "/v1/sessions", "", []string{"Origin", "https://wallet.test", "Sec-Fetch-Site", "cross-site"}, 201, ""},
		{"preflight of a deletion", "OPTIONS", "/v1/deletions", "", []string{"Origin", "https://wallet.test", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type"}, 204, ""},
		{"preflight of a write", "OPTIONS", "/v1/recoveries", "", []string{"Origin", "https://wallet.test", "Access-Control-Request-Method", "POST"}, 403, api.OriginNotAllowed},
		{"preflight of a read", "OPTIONS", "/head", "", []string{"Origin", "https://wallet.test", "Access-Control-Request-Method", "GET"}, 204, ""},
	} {
		w := s.ask(c.method, c.path, c.body, c.headers...)
		if w.Code != c.status {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if c.code != "" && problemOf(t, w).Code != c.code {
			t.Errorf("%s: %s", c.name, w.Body)
		}
	}
	if w := s.ask("HEAD", "/head", ""); w.Code != 200 || w.Header().Get("ETag") == "" {
		t.Errorf("HEAD: %d", w.Code)
	}
}

// T23: bodies that lenient readers take.
func TestT23Bodies(t *testing.T) {
	s := newSite(t)
	good := s.request(t, testkit.NewPerson(1))
	for name, body := range map[string]string{
		"empty":         "{}",
		"not JSON":      "session",
		"array":         "[]",
		"unknown field": strings.Replace(good, "{", `{"admin":true,`, 1),
		"given twice":   strings.Replace(good, "{", `{"salt":"",`, 1),
		"other case":    strings.Replace(good, `"salt"`, `"Salt"`, 1),
		"trailing data": good + "{}",
		"not UTF-8":     strings.Replace(good, `"salt":"`, "\"salt\":\"\xff", 1),
		"three numbers": strings.Replace(good, `"public_key":[`, `"public_key":["1",`, 1),
		"number":        regexp.MustCompile(`"public_key":\["(\d+)"`).ReplaceAllString(good, `"public_key":[$1`),
		"huge number":   strings.Replace(good, `"public_key":["`, `"public_key":["`+strings.Repeat("9", 100_000), 1),
		"deep":          strings.Repeat("[", 100) + strings.Repeat("]", 100),
		"session body":  "",
	} {
		path := "/v1/enrolments"
		if name == "session body" {
			path, body = "/v1/sessions", `{"ttl":99999}`
		}
		w := s.ask("POST", path, body)
		if p := problemOf(t, w); w.Code != 400 || p.Code != api.MalformedRequest && p.Code != api.NotCanonical {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := s.ask("POST", "/v1/enrolments", good); w.Code != 201 {
		t.Errorf("the good one: %d %s", w.Code, w.Body)
	}
}

// T40: bodies are bounded before they are read, however they arrive.
func TestT40BodyCap(t *testing.T) {
	s := newSite(t)
	for path, limit := range map[string]int{"/v1/sessions": maxSession, "/v1/enrolments": maxEnrolment, "/v1/recoveries": maxEnrolment, "/v1/deletions": maxSigned, "/v1/recoveries/1/veto": maxSigned} {
		for _, chunked := range []bool{false, true} {
			read := &counter{r: io.LimitReader(zeros{}, int64(8*limit))}
			r := httptest.NewRequest("POST", path, read)
			r.Header.Set("Content-Type", "application/json")
			if r.ContentLength = int64(8 * limit); chunked {
				r.ContentLength = -1
			}
			w := httptest.NewRecorder()
			s.h.ServeHTTP(w, r)
			if problemOf(t, w).Code != api.TooLarge || w.Code != 413 {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
			if !chunked && read.n > 0 || read.n > int64(limit)+4096 {
				t.Errorf("%s chunked %v: %d bytes read", path, chunked, read.n)
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// T47: a panic in a handler is answered without a stack, and the server lives.
func TestT47Panic(t *testing.T) {
	s := newSite(t)
	engine := newEngine(s.i, Options{})
	engine.GET("/panic", func(*gin.Context) { panic("hunter2") })
	var logged string
	s.h = serve.Chain(engine, serve.RequestID(rand.Reader), serve.Recover(func(f string, a ...any) { logged = f }))
	for range 2 {
		w := s.ask("GET", "/panic", "")
		if p := problemOf(t, w); p.Code != api.Internal || w.Code != 500 || strings.Contains(w.Body.String(), "hunter2") || strings.Contains(w.Body.String(), ".go:") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if logged == "" || s.ask("GET", "/head", "").Code != 200 {
		t.Error("not logged, or the server is gone")
	}
}

// Caching: tiles for ever, heads for a second, 304 for who has it, errors never;
// set tiles of an old seq are gone after five minutes.
func TestCaching(t *testing.T) {
	s := newSite(t)
	for n := range uint64(2) {
		s.Clock.Move(time.Second)
		if _, err := s.i.Enrol(t.Context(), s.Start(t, s.i, testkit.NewPerson(n+1))); err != nil {
			t.Fatal(err)
		}
		if _, err := s.i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/head": fresh, "/checkpoint": fresh, "/tile/0/000.p/3": forEver, "/tile/entries/000.p/2": forEver,
		"/set/3/tile/0/0": setCache, "/set/2/tile/0/0": setCache, "/set/3/leaves": setCache,
		"/.well-known/perhuman-issuer.json": "public, max-age=60",
	} {
		w := s.ask("GET", path, "")
		if w.Code != 200 || w.Header().Get("Cache-Control") != want || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		if tag := w.Header().Get("ETag"); tag != "" {
			for _, have := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
				if w := s.ask("GET", path, "", "If-None-Match", have); w.Code != 304 || w.Body.Len() != 0 || w.Header().Get("ETag") != tag {
					t.Errorf("%s with %s: %d", path, have, w.Code)
				}
			}
			if w := s.ask("GET", path, "", "If-None-Match", `"other"`); w.Code != 200 {
				t.Errorf("%s with another tag: %d", path, w.Code)
			}
		}
	}
	for _, path := range []string{
		"/tile/0/000.p/4", "/tile/0/000", "/tile/0/0", "/tile/0/001.p/1", "/tile/9/000.p/1", "/tile/entries/000.p/9", "/tile/0/000.p/0",
		"/tile/", "/tile/../head", "/set/3/tile/8/0", "/set/3/tile/1/0", "/set/3/tile/0/1", "/set/03/tile/0/0", "/set/4/tile/0/0", "/set/0/leaves",
		"/set/3/tile/0/-1", "/set/+3/leaves", "/set/99999999999999999999/leaves", "/v1/enrolments/x", "/v1/enrolments/AAAAAAAAAAAAAAAAAAAAAA",
		"/v1/recoveries/x", "/v1/recoveries/AAAAAAAAAAAAAAAAAAAAAA", "/v1/recoveries/1", "/v1/deletions/x", "/v1/deletions/AAAAAAAAAAAAAAAAAAAAAA",
	} {
		if w := s.ask("GET", path, ""); problemOf(t, w).Code != api.NotFound {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	s.Clock.Move(5 * time.Minute)
	if w := s.ask("GET", "/set/2/tile/0/0", ""); w.Code != http.StatusGone || problemOf(t, w).Code != api.Gone {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.ask("GET", "/set/3/tile/0/0", ""); w.Code != 200 {
		t.Errorf("the newest: %d", w.Code)
	}
	doc := s.ask("GET", "/.well-known/perhuman-issuer.json", "").Body.Bytes()
	bundle := s.ask("GET", "/tile/entries/000.p/1", "").Body.Bytes()
	entries, err := setlog.ParseEntryBundle(bundle)
	if err != nil || entries[0].Document != sha256.Sum256(doc) {
		t.Errorf("the log's policy entry is not of the document served: %v", err)
	}
	var info api.IssuerInfo
	if err := api.Decode(doc, &info); err != nil || info.Matcher != "plain" || !bytes.Contains(doc, []byte("PLAIN")) {
		t.Errorf("%+v, %v", info, err)
	}
	// A device learns from it whom to seal to, and the log holds its hash.
	if want := []api.PartyKey{{Name: "operator", Key: s.Operator.Public().String()}}; !slices.Equal(info.MatcherKeys, want) {
		t.Errorf("matcher's keys %+v, want %+v", info.MatcherKeys, want)
	}
}

// T45 in part: enrolments beyond the limit are turned away at once, and reading
// goes on.
func TestT45Overload(t *testing.T) {
	s := newSite(t)
	body := s.request(t, testkit.NewPerson(1))
	full := &server{issuer: s.i, origin: "https://issuer.test", busy: make(chan struct{})} // takes nobody
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequest("POST", "/v1/enrolments", strings.NewReader(body))
	c.Request.Header.Set("Content-Type", "application/json")
	if err := full.enrol(c); api.CodeOf(err) != api.Overloaded {
		t.Errorf("%v", err)
	}
}

func TestOriginOf(t *testing.T) {
	for name, want := range map[string]string{
		"issuer.example": "https://issuer.example", "issuer.example:8443/people": "https://issuer.example:8443",
		"issuer.localhost:8080": "http://issuer.localhost:8080", "localhost:1/x": "http://localhost:1", "notlocalhost": "https://notlocalhost",
	} {
		if got := originOf(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
