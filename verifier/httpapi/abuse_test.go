package httpapi

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// surface is every route with what it wants: an app key, a known origin, or
// nothing. A route that is not here fails T43.
var surface = map[string]string{
	"GET /livez":                     "",
	"GET /readyz":                    "",
	"GET /.well-known/perhuman.json": "",
	"GET /openapi.json":              "",
	"OPTIONS /v1/challenges":         "origin",
	"POST /v1/challenges":            "origin",
	"POST /v1/verify":                "key",
	"POST /v1/verify/batch":          "key",
	"POST /v1/posts/verify":          "key",
	"POST /siteverify":               "secret",
	"POST /turnstile/v0/siteverify":  "secret",
	"POST /recaptcha/api/siteverify": "secret",
}

func TestT43EveryRouteHasItsAuth(t *testing.T) {
	s := newService(t)
	seen := 0
	for _, r := range s.srv.engine.Routes() {
		auth, ok := surface[r.Method+" "+r.Path]
		if !ok {
			t.Errorf("%s %s is not in the table", r.Method, r.Path)
			continue
		}
		seen++
		c := call{method: r.Method, path: r.Path}
		if r.Method == "POST" {
			c.body = `{"action":"post"}`
		}
		got := s.do(c)
		switch auth {
		case "":
			if got.status != 200 {
				t.Errorf("%s: %d %s", r.Path, got.status, got.body)
			}
		case "key":
			if got.Code != api.CredentialMissing || got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s without a key: %d %s", r.Path, got.status, got.body)
			}
			for _, h := range []string{"Bearer", "Bearer ", "Bearer x", s.key, "Bearer " + s.key[:len(s.key)-1], "Bearer " + strings.ToUpper(s.key)} {
				c.header = map[string]string{"Authorization": h}
				if got := s.do(c); got.status != 401 {
					t.Errorf("%s with %q: %d", r.Path, h, got.status)
				}
			}
			// An origin is no credential here.
			c.header = map[string]string{"Origin": origin}
			if got := s.do(c); got.Code != api.CredentialMissing || got.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s with an origin: %s", r.Path, got.body)
			}
		case "secret":
			for body, word := range map[string]string{
				`{}`: missingSecret, `{"secret":"x"}`: "invalid-input-secret", `{"secret":"` + s.key + `"}`: "invalid-input-secret",
			} {
				c.body = body
				if got := s.do(c); got.status != 200 || got.Success || !slices.Equal(got.ErrorCodes, []string{word}) {
					t.Errorf("%s with %s: %d %s", r.Path, body, got.status, got.body)
				}
			}
		case "origin":
			if got.status < 400 {
				t.Errorf("%s %s without an origin: %d", r.Method, r.Path, got.status)
			}
		}
	}
	if seen != len(surface) {
		t.Errorf("%d routes of %d are there", seen, len(surface))
	}
}

// T23: whatever is not one strict JSON object of known fields is refused.
func TestT23StrictBodies(t *testing.T) {
	s := newService(t)
	challenge := call{"POST", "/v1/challenges", "", map[string]string{"Origin": origin}}
	verify := call{"POST", "/v1/verify", "", map[string]string{"Authorization": "Bearer " + s.key}}
	posts := call{"POST", "/v1/posts/verify", "", map[string]string{"Authorization": "Bearer " + s.key}}
	for name, body := range map[string]string{
		"nothing": " ", "text": "hello", "null": "null", "array": "[]", "number": "7", "half": `{"action":`,
		"unknown field": `{"action":"post","x":1}`, "twice": `{"action":"post","action":"vote"}`, "trailing": `{"action":"post"}{}`,
		"another letter case": `{"Action":"post"}`, "wrong type": `{"action":7}`, "NUL": "{\"action\":\"post\x00\"}",
		"invalid UTF-8": "{\"action\":\"po\xffst\"}", "deep": strings.Repeat("[", 3000), "huge number": `{"action":` + strings.Repeat("9", 3000) + `}`,
		"environment from the request": `{"action":"post","environment":"test"}`, "policy from the request": `{"action":"post","policy":"returning"}`,
		"rp from the request": `{"action":"post","rp":"evil.example"}`,
	} {
		for _, c := range []call{challenge, verify, posts} {
			c.body = body
			if r := s.do(c); r.status != 400 && r.status != 404 || r.Code != api.MalformedRequest && r.Code != api.ActionUnknown {
				t.Errorf("%s, %s: %d %s", c.path, name, r.status, r.body)
			}
		}
	}
	// T44: text that means something elsewhere is only an unknown action here.
	for _, text := range []string{"'; DROP TABLE nonces; --", "post\\u0000", "../post", "%70ost", "POST"} {
		challenge.body = `{"action":"` + text + `"}`
		s.want(challenge, api.ActionUnknown)
	}
	for _, digest := range []string{"AA", strings.Repeat("A", 44), strings.Repeat("A", 42) + "B", strings.Repeat("A", 42) + "=", "+" + strings.Repeat("A", 42)} {
		challenge.body = `{"action":"post","content_digest":"` + digest + `"}`
		s.want(challenge, api.NotCanonical)
	}
}

// T40: bodies are capped before they are parsed, announced or not.
func TestT40BodyCap(t *testing.T) {
	s := newService(t)
	for path, limit := range map[string]int{"/v1/challenges": maxChallengeBody, "/v1/verify": maxVerifyBody, "/v1/posts/verify": post.MaxBundle + 1024} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = bytes.NewReader(bytes.Repeat([]byte(" "), limit+1))
			if chunked {
				body = io.MultiReader(body) // hides the length
			}
			req := must(http.NewRequestWithContext(t.Context(), "POST", s.url+path, body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+s.key)
			req.Header.Set("Origin", origin)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b := must(io.ReadAll(resp.Body))
			_ = resp.Body.Close()
			if resp.StatusCode != 413 || !bytes.Contains(b, []byte(`"too_large"`)) {
				t.Errorf("%s chunked %v: %d %s", path, chunked, resp.StatusCode, b)
			}
		}
	}
}

// T46: methods, media types and CORS.
func TestT46Matrix(t *testing.T) {
	s := newService(t)
	for _, path := range []string{"/v1/challenges", "/v1/verify", "/v1/posts/verify"} {
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"} {
			r := s.do(call{method: method, path: path})
			if r.status != 405 || !strings.Contains(r.header.Get("Allow"), "POST") {
				t.Errorf("%s %s: %d, Allow %q", method, path, r.status, r.header.Get("Allow"))
			}
		}
		for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=latin1", "application/jsonp", " "} {
			r := s.do(call{"POST", path, `{"action":"post"}`, map[string]string{"Content-Type": media, "Origin": origin, "Authorization": "Bearer " + s.key}})
			if r.Code != api.WrongMediaType || r.status != 415 {
				t.Errorf("%s as %q: %d %s", path, media, r.status, r.Code)
			}
		}
		for _, wrong := range []string{path + "/", "/" + path, strings.ToUpper(path), path + "/x", "/v1/./verify/.."} {
			if r := s.do(call{method: "GET", path: wrong}); r.status != 404 {
				t.Errorf("%s: %d", wrong, r.status)
			}
		}
	}
	for _, c := range []struct {
		method, path, origin string
		status               int
		allowed              string
	}{
		{"OPTIONS", "/v1/challenges", origin, 204, origin},
		{"OPTIONS", "/v1/challenges", "https://evil.example", 403, ""},
		{"OPTIONS", "/v1/challenges", "null", 403, ""},
		{"OPTIONS", "/v1/challenges", "https://forum.example.evil.example", 403, ""},
		{"OPTIONS", "/v1/challenges", "HTTPS://FORUM.EXAMPLE", 403, ""},
		{"OPTIONS", "/v1/verify", origin, 405, ""},
		{"POST", "/v1/challenges", origin, 200, origin},
		{"POST", "/v1/challenges", "https://evil.example", 403, ""},
		{"POST", "/v1/challenges", "null", 403, ""},
		{"POST", "/v1/challenges", "", 401, ""},
	} {
		r := s.do(call{c.method, c.path, map[string]string{"POST": `{"action":"post"}`}[c.method], map[string]string{
			"Origin": c.origin, "Access-Control-Request-Method": "POST",
		}})
		h := r.header
		if r.status != c.status || h.Get("Access-Control-Allow-Origin") != c.allowed || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%+v: %d, allowed %q", c, r.status, h.Get("Access-Control-Allow-Origin"))
		}
		if strings.HasSuffix(c.path, "challenges") && h.Get("Vary") != "Origin" {
			t.Errorf("%+v: Vary %q", c, h.Get("Vary"))
		}
	}
	// A challenge is nobody's to cache; forwarded headers change nothing (T42).
	r := s.do(call{"POST", "/v1/challenges", `{"action":"post"}`, map[string]string{
		"Origin": origin, "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "evil.example", "X-Original-Url": "/livez", "X-Http-Method-Override": "GET",
	}})
	if r.status != 200 || r.header.Get("Cache-Control") != "no-store" || r.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", r.status, r.header)
	}
}

func TestWellKnown(t *testing.T) {
	s := newService(t)
	r := s.do(call{method: "GET", path: "/.well-known/perhuman.json"})
	var w api.WellKnown
	if err := json.Unmarshal([]byte(r.body), &w); err != nil {
		t.Fatal(err)
	}
	keys := s.v.PublicKeys()
	if w.RP != rp || w.Depth != 20 || !slices.Equal(w.Keys, []string{scope.EncodeToken(keys[0])}) || !slices.Equal(w.Issuers, []string{s.log.VKey}) {
		t.Errorf("%+v", w)
	}
	if len(w.Actions) != 4 || !slices.Contains(w.Actions, api.ActionPolicy{Action: "post", Policy: "per_epoch", K: 5, Period: 86400}) {
		t.Errorf("%+v", w.Actions)
	}
	s.roots.Set(errors.New("silence"))
	if r := s.want(call{method: "GET", path: "/readyz"}, api.RootsStale); r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// A service does not start without an app key, with a weak one, or with one
// made for a demonstration.
func TestKeysAtStart(t *testing.T) {
	s := newService(t)
	live, test, demo := must(NewKey(rand.Reader, LiveKey)), must(NewKey(rand.Reader, TestKey)), must(NewKey(rand.Reader, DemoKey))
	for name, c := range map[string]struct {
		key  string
		demo bool
		want error
	}{
		"live": {live, false, nil}, "none": {"", false, ErrNoKey}, "demo": {demo, false, ErrDemoKey}, "demo in the demo": {demo, true, nil},
		"test": {test, false, ErrTestKey}, "password": {"hunter2", false, ErrWeakKey}, "short": {LiveKey + "AAAA", false, ErrWeakKey},
		"padded": {live + "=", false, ErrWeakKey}, "none in the demo": {"", true, ErrNoKey},
	} {
		_, err := New(Options{Demo: c.demo, Issuers: []string{s.log.VKey}, Apps: []App{{Key: c.key, Verifier: s.v, Actions: map[string]scope.Policy{"post": scope.Once()}}}})
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && c.key != "" && strings.Contains(err.Error(), c.key) {
			t.Errorf("%s: the error tells the key", name)
		}
		if !c.demo && !errors.Is(CheckKey(c.key, "live"), c.want) {
			t.Errorf("%s: %v", name, CheckKey(c.key, "live"))
		}
	}
	app := App{Key: live, Verifier: s.v, Actions: map[string]scope.Policy{"post": scope.Once()}}
	for name, o := range map[string]Options{
		"no apps":       {Issuers: []string{s.log.VKey}},
		"no issuers":    {Apps: []App{app}},
		"a bad issuer":  {Apps: []App{app}, Issuers: []string{"x"}},
		"one key twice": {Apps: []App{app, app}, Issuers: []string{s.log.VKey}},
		"no verifier":   {Apps: []App{{Key: live, Actions: app.Actions}}, Issuers: []string{s.log.VKey}},
		"no actions":    {Apps: []App{{Key: live, Verifier: s.v}}, Issuers: []string{s.log.VKey}},
		"a bad policy":  {Apps: []App{{Key: live, Verifier: s.v, Actions: map[string]scope.Policy{"post": {}}}}, Issuers: []string{s.log.VKey}},
		"a bad action":  {Apps: []App{{Key: live, Verifier: s.v, Actions: map[string]scope.Policy{"P O": scope.Once()}}}, Issuers: []string{s.log.VKey}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: the service starts", name)
		}
	}
}

// A post bundle is checked for whoever cannot do it alone; nothing is spent.
func TestPosts(t *testing.T) {
	s := newService(t)
	p := scope.Post{RP: rp, Author: "ada", Created: uint64(noon.Unix()), Text: "Hello, humans."}
	digest := must(p.Digest())
	asked := s.do(call{"POST", "/v1/challenges", `{"action":"post","content_digest":"` + scope.EncodeToken(digest[:]) + `"}`,
		map[string]string{"Origin": origin}})
	var answer api.ChallengeResponse
	if err := json.Unmarshal([]byte(asked.body), &answer); err != nil {
		t.Fatal(err)
	}
	token := must(scope.DecodeToken(answer.Challenge))
	period := scope.PerDay(5).Period(noon)
	proof := s.set.Prove(t, 0, scope.Message(digest, scope.ChallengeDigest(token)), must(scope.Compute(rp, "post", period, 1)))
	receipt := post.SignReceipt(proof, 1, uint64(noon.Unix()), ed25519.NewKeyFromSeed(make([]byte, 32)))
	bundle := must(post.New(post.Params{
		Post: p, Action: "post", Period: period, Slot: 1, Proof: proof, Challenge: token, RootProof: s.log.Proof, Receipt: &receipt,
	}))
	text := string(must(json.Marshal(bundle)))
	check := func(text string) post.Report {
		t.Helper()
		r := s.do(call{"POST", "/v1/posts/verify", `{"bundle":` + text + `}`, map[string]string{"Authorization": "Bearer " + s.key}})
		var report post.Report
		if err := json.Unmarshal([]byte(r.body), &report); err != nil || r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return report
	}
	for range 2 {
		if r := check(text); !r.OK || r.Time != post.Proven || r.Cap != post.Proven || r.K != 5 || r.Slot != 1 {
			t.Fatalf("%+v", r)
		}
	}
	if r := check(strings.Replace(text, "Hello, humans.", "Buy my coins.", 1)); r.OK || !r.Has(post.TextAltered) {
		t.Errorf("%+v", r)
	}
	if r := check(`{}`); r.OK || !r.Has(post.Malformed) {
		t.Errorf("%+v", r)
	}
	if out, err := s.store.Spent(t.Context(), verifier.Act{Environment: "live", Nullifier: proof.Nullifier, Scope: proof.Scope}); err != nil || out.Result != verifier.Accepted {
		t.Errorf("the check has spent something: %+v %v", out, err)
	}
	s.want(call{"POST", "/v1/posts/verify", `{}`, map[string]string{"Authorization": "Bearer " + s.key}}, api.MalformedRequest)
}
