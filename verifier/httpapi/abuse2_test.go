package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
	"github.com/perhuman/perhuman/verifier/sqlite"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

// Root 0 is the root of no set: anybody can prove under it.
func TestRootZero(t *testing.T) {
	s := newService(t)
	r := s.request(0, "post", scope.PerDay(5), s.challenge("post"))
	p := must(verifier.ParseProof(r.Proof))
	r.Proof = json.RawMessage(strings.Replace(string(r.Proof), `"`+p.MerkleTreeRoot.String()+`"`, `"0"`, 1))
	s.want(s.verify(r, ""), api.RootUnknown)
	if !strings.Contains(s.do(s.verify(r, "")).body, `"success":false`) {
		t.Error("root 0 is a success")
	}
}

// A proof that was made for another site says nothing here.
func TestScopeOfAnotherRP(t *testing.T) {
	s := newService(t)
	r := s.request(0, "post", scope.PerDay(5), s.challenge("post"))
	mine := must(verifier.ParseProof(r.Proof))
	theirs := s.set.Prove(t, 0, mine.Message, must(scope.Compute("evil.example", "post", scope.PerDay(5).Period(noon), 0)))
	r.Proof = must(json.Marshal(theirs))
	s.want(s.verify(r, ""), api.ScopeMismatch)
}

// An issuer that went silent makes everything undecided, not accepted, for
// requests, batches, siteverify and readiness alike.
func TestStaleHeads(t *testing.T) {
	s, _, _, secret, _ := newSite(t)
	token := s.response(3, "vote", s.formChallenge("vote", origin))
	s.roots.Set(setlog.ErrStale)
	r := s.site("/siteverify", url.Values{"secret": {secret}, "response": {token}}, false)
	if r.status != 503 || r.SiteverifyResponse.Success || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.body)
	}
	s.want(call{method: "GET", path: "/readyz"}, api.RootsStale)
	s.roots.Set(nil)
	if r := s.site("/siteverify", url.Values{"secret": {secret}, "response": {token}}, false); !r.SiteverifyResponse.Success {
		t.Errorf("the undecided request spent something: %s", r.body)
	}
}

// A clock that steps makes challenges invalid or expired, and never a proof
// good twice.
func TestClockSteps(t *testing.T) {
	s := newService(t)
	r := s.request(1, "post", scope.PerDay(5), s.challenge("post"))
	s.sleep(-time.Hour)
	s.want(s.verify(r, ""), api.ChallengeInvalid)
	s.sleep(2 * time.Hour)
	s.want(s.verify(r, ""), api.ChallengeExpired)
	s.sleep(-time.Hour)
	s.want(s.verify(r, ""), api.OK)
	s.sleep(-24 * time.Hour) // yesterday: another period, so another scope
	s.want(s.verify(r, ""), api.ChallengeInvalid)
	s.sleep(24 * time.Hour)
	s.want(s.verify(r, ""), api.ChallengeAlreadyUsed)
}

// T44: text that means something to a database is text here, in every field of
// every route, over a real database; afterwards the tables are there and work.
func TestT44TextIsText(t *testing.T) {
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	seed := byte(40)
	var reg *registry.Registry
	s, _ := newMany(t, func(o *Options) {
		if reg, err = registry.Open(t.Context(), registry.Config{Keeper: store, Now: o.Now}); err != nil {
			t.Fatal(err)
		}
		o.Registry = reg
		o.Open = func(ctx context.Context, a registry.App, w Wiring) (*verifier.Verifier, error) {
			seed++
			return verifier.New(ctx, verifier.Config{RP: a.RP, Roots: verifiertest.One().Roots(), Store: store, Now: o.Now, Observe: w.Observe, Rand: rand.NewChaCha8([32]byte{seed})})
		}
	})
	const injection = `'); DROP TABLE nonces; DROP TABLE states; -- " OR 1=1 \u0000`
	app := must(reg.CreateApp(t.Context(), registry.AppParams{Name: strings.TrimSuffix(injection, ` \u0000`), RP: rp, Environment: "live", Actions: map[string]string{"post": "5/day"}}))
	if s.key, _, err = reg.CreateKey(t.Context(), app.ID); err != nil {
		t.Fatal(err)
	}
	secret, _, err := reg.CreateSite(t.Context(), app.ID, "post", nil)
	if err != nil {
		t.Fatal(err)
	}
	quoted := string(must(json.Marshal(injection)))
	auth := map[string]string{"Authorization": "Bearer " + s.key}
	for _, field := range []string{"action", "proof", "challenge", "content_digest", "session", "origin", "client"} {
		body := `{"action":"post","proof":"AAAA"}`
		switch field {
		case "action":
			body = `{"action":` + quoted + `,"proof":"AAAA"}`
		case "proof":
			body = `{"action":"post","proof":` + quoted + `}`
		default:
			body = strings.TrimSuffix(body, "}") + `,"` + field + `":` + quoted + `}`
		}
		for _, c := range []call{{"POST", "/v1/verify", body, auth}, {"POST", "/v1/verify/batch", `{"items":[` + body + `]}`, auth}} {
			if r := s.do(c); r.status >= 500 || r.Success {
				t.Errorf("%s in %s: %d %s", field, c.path, r.status, r.body)
			}
		}
	}
	for _, field := range []string{"secret", "response", "remoteip", "idempotency_key", "sitekey"} {
		form := url.Values{"secret": {secret}, "response": {"x.y"}}
		form.Set(field, injection)
		if r := s.site("/siteverify", form, false); r.status >= 500 || r.SiteverifyResponse.Success {
			t.Errorf("%s: %d %s", field, r.status, r.body)
		}
	}
	for name, value := range map[string]string{"Idempotency-Key": "'; DROP TABLE nonces; --", "Origin": "https://forum.example'--", "Authorization": "Bearer ' OR '1'='1"} {
		c := call{"POST", "/v1/verify", `{"action":"post","proof":"AAAA"}`, map[string]string{"Authorization": "Bearer " + s.key}}
		c.header[name] = value
		if r := s.do(c); r.status >= 500 || r.Success {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	good := s.request(2, "post", scope.PerDay(5), s.challenge("post"))
	good.Client = "'--"
	s.want(s.verify(good, "';--"), api.OK)
	s.want(s.verify(good, "';--"), api.OK) // found again under its key
	s.want(s.verify(good, ""), api.ChallengeAlreadyUsed)
	if err := reg.Refresh(t.Context()); err != nil || len(reg.View().Apps) != 1 {
		t.Errorf("%v", err)
	}
}

// T23 for the routes that take lists and forms.
func TestT23BatchAndSiteverify(t *testing.T) {
	s := newService(t)
	auth := map[string]string{"Authorization": "Bearer " + s.key}
	for name, body := range map[string]string{
		"deep": `{"items":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`, "twice": `{"items":[],"items":[]}`, "null": `{"items":null}`, "object": `{"items":{}}`,
		"a field twice in an item": `{"items":[{"action":"post","action":"vote"}]}`, "another letter case": `{"Items":[]}`, "unknown in an item": `{"items":[{"action":"post","rp":"x"}]}`,
		"invalid UTF-8": "{\"items\":[{\"action\":\"po\xffst\"}]}", "a huge number": `{"items":` + strings.Repeat("9", 100000) + `}`, "trailing": `{"items":[{"action":"post"}]} x`,
	} {
		if r := s.do(call{"POST", "/v1/verify/batch", body, auth}); r.status != 400 || r.Code != api.MalformedRequest {
			t.Errorf("batch, %s: %d %.200s", name, r.status, r.body)
		}
	}
	for name, body := range map[string]string{
		"deep": strings.Repeat("[", 3000), "twice": `{"secret":"a","secret":"b"}`, "null": `{"secret":null}`, "invalid UTF-8": "{\"secret\":\"\xff\"}", "number": `7`, "list": `{"response":["a"]}`,
	} {
		if r := s.do(call{"POST", "/siteverify", body, nil}); r.status != 400 || !strings.Contains(r.body, `"bad-request"`) {
			t.Errorf("siteverify, %s: %d %.200s", name, r.status, r.body)
		}
	}
	big := call{"POST", "/v1/verify/batch", `{"items":[` + strings.Repeat(" ", maxBatchBody) + `]}`, auth}
	if r := s.do(big); r.status != 413 {
		t.Errorf("a batch of %d bytes: %d", len(big.body), r.status)
	}
}

// T41: who sends slowly is cut off, and does not keep others waiting.
func TestT41SlowClients(t *testing.T) {
	s := newService(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- serve.Run(ctx, l, s.srv.handler(), serve.Options{HeaderTimeout: 200 * time.Millisecond, ReadTimeout: 400 * time.Millisecond})
	}()
	var slow []net.Conn
	for i := range 100 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		text := "POST /v1/verify HTTP/1.1\r\nHost: x\r\nX-Slow: "
		if i%2 == 1 {
			text = "POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + s.key + "\r\nContent-Length: 500\r\n\r\n{"
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	start := time.Now()
	resp, err := http.Get("http://" + l.Addr().String() + "/livez")
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()
	if d := time.Since(start); d > 300*time.Millisecond {
		t.Errorf("others wait %s", d)
	}
	for i, c := range slow {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		answer, err := io.ReadAll(c)
		if err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%d: still open: %v", i, err)
		}
		if strings.Contains(string(answer), `"success":true`) {
			t.Errorf("%d: %s", i, answer)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// T40: many headers, a header without end, chunks without end.
func TestT40EndlessRequests(t *testing.T) {
	s := newService(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	// net/http takes in a little more of a body that is too large, so that honest
	// clients get to read the answer; ReadTimeout ends that.
	go func() { _ = serve.Run(ctx, l, s.srv.handler(), serve.Options{ReadTimeout: time.Second}) }()
	head := "POST /v1/challenges HTTP/1.1\r\nHost: x\r\nOrigin: " + origin + "\r\nContent-Type: application/json\r\n"
	for name, c := range map[string]struct {
		text   string
		status int
	}{
		"many headers":       {head + strings.Repeat("X-A: b\r\n", 5000) + "\r\n", 431},
		"a long header":      {head + "X-A: " + strings.Repeat("b", 40000) + "\r\n\r\n", 431},
		"chunks without end": {head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat(" ", 1024)+"\r\n", 50), 413},
		"two lengths":        {head + "Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}", 400},
		"two credentials":    {strings.Replace(head, "challenges", "verify", 1) + "Authorization: Bearer a\r\nAuthorization: Bearer " + s.key + "\r\nContent-Length: 2\r\n\r\n{}", 401},
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		go func() { _, _ = io.WriteString(conn, c.text) }()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != c.status {
			t.Errorf("%s: %v %v", name, resp, err)
		}
		_ = conn.Close()
	}
}

// T47: a panic anywhere behind a route is internal_error with no stack, and the
// service lives.
func TestT47Panics(t *testing.T) {
	s, reg := newMany(t, func(o *Options) {
		o.Open = func(context.Context, registry.App, Wiring) (*verifier.Verifier, error) {
			panic(fmt.Sprint("a stack with ", 0xdeadbeef, " in it"))
		}
	})
	app := must(reg.CreateApp(t.Context(), forum))
	key, _, err := reg.CreateKey(t.Context(), app.ID)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // a lock that was held must not stay held
		r := s.ask(key)
		if r.status != 500 || r.Code != api.Internal || strings.Contains(r.body, "3735928559") || strings.Contains(r.body, ".go") {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	if r := s.do(call{method: "GET", path: "/livez"}); r.status != 200 {
		t.Error(r.status)
	}
	if !strings.Contains(s.logged.String(), "3735928559") {
		t.Error("the panic is in no log")
	}
}

// T45: bogus proofs, hundreds at once and each worth a pairing, are refused or
// told to come back; health is answered meanwhile, and a good proof afterwards.
func TestT45BogusProofs(t *testing.T) {
	s := newService(t)
	good := s.request(0, "post", scope.PerDay(5), s.challenge("post"))
	bogus := good
	p := *must(verifier.ParseProof(good.Proof))
	p.Points = must(verifier.ParseProof(s.request(1, "post", scope.PerDay(5), s.challenge("post")).Proof)).Points // on the curve, and of another statement
	bogus.Proof = json.RawMessage(`"` + must(p.Packed()) + `"`)
	body := string(must(json.Marshal(bogus)))
	answers := make(chan int, 200)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 64}, Timeout: 20 * time.Second}
	for range cap(answers) {
		go func() {
			req, _ := http.NewRequestWithContext(t.Context(), "POST", s.url+"/v1/verify", strings.NewReader(body))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+s.key)
			resp, err := client.Do(req)
			if err != nil {
				answers <- 0
				return
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			if strings.Contains(string(b), `"success":true`) || resp.StatusCode == 200 && !strings.Contains(string(b), string(api.ProofInvalid)) {
				t.Errorf("%s", b)
			}
			answers <- resp.StatusCode
		}()
	}
	worst := time.Duration(0)
	count := map[int]int{}
	for done := 0; done < cap(answers); {
		start := time.Now()
		if r := s.do(call{method: "GET", path: "/livez"}); r.status != 200 {
			t.Errorf("livez: %d", r.status)
		}
		worst = max(worst, time.Since(start))
		for range 20 {
			count[<-answers]++
			done++
		}
	}
	if count[200] == 0 || count[200]+count[503] != cap(answers) || worst > 3*time.Second {
		t.Errorf("answers %v, livez took up to %s", count, worst)
	}
	s.want(s.verify(good, ""), api.OK)
}
