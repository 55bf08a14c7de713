package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi"
)

// elsewhere puts the site's verifier behind HTTP, and a Remote before it.
func (s *site) elsewhere(change ...func(*sdk.RemoteConfig)) *sdk.Remote {
	s.t.Helper()
	cfg := sdk.RemoteConfig{RP: rp, Session: s.cfg.Session, Replays: s.cfg.Replays, Now: s.clock, Observe: s.counters.Observe, OnError: s.cfg.OnError}
	cfg.Key, cfg.URL = s.service(map[string]scope.Policy{
		"post": sdk.PerDay(5), "vote": sdk.Once(), "login": sdk.Returning(), "article": sdk.PerEpoch(time.Hour, 2), "upload": sdk.Once(),
	}, nil)
	for _, f := range change {
		f(&cfg)
	}
	r, err := sdk.NewRemote(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = r.Close() })
	return r
}

// service serves the site's verifier; between sees each request first.
func (s *site) service(actions map[string]scope.Policy, between func(http.Handler) http.Handler) (key, url string) {
	s.t.Helper()
	key = must(httpapi.NewKey(rand.NewChaCha8([32]byte{11}), httpapi.LiveKey))
	h, err := httpapi.New(httpapi.Options{
		Apps: []httpapi.App{{Key: key, Verifier: s.gate.Verifier(), Actions: actions}}, Issuers: s.cfg.Issuers,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if between != nil {
		h = between(h)
	}
	srv := httptest.NewServer(h)
	s.t.Cleanup(srv.Close)
	return key, srv.URL
}

// stumbling loses answers, or gives others, as long as it has any left.
type stumbling struct {
	next  http.Handler
	left  atomic.Int32
	how   func(w http.ResponseWriter, r *http.Request, next http.Handler)
	asked atomic.Int32
	keys  []string
}

func (b *stumbling) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/verify" {
		b.next.ServeHTTP(w, r)
		return
	}
	b.asked.Add(1)
	b.keys = append(b.keys, r.Header.Get("Idempotency-Key"))
	if b.left.Add(-1) >= 0 {
		b.how(w, r, b.next)
		return
	}
	b.next.ServeHTTP(w, r)
}

// lose does the work and cuts the line before the answer.
func lose(_ http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

func stumble(t *testing.T, times int, how func(http.ResponseWriter, *http.Request, http.Handler), change ...func(*sdk.RemoteConfig)) (*site, *stumbling) {
	t.Helper()
	s := siteWith(t, true)
	b := &stumbling{how: how}
	key, url := s.service(map[string]scope.Policy{"vote": sdk.Once()}, func(h http.Handler) http.Handler { b.next = h; return b })
	cfg := sdk.RemoteConfig{URL: url, Key: key, RP: rp, Session: s.cfg.Session, Now: s.clock}
	for _, f := range change {
		f(&cfg)
	}
	r := must(sdk.NewRemote(cfg))
	t.Cleanup(func() { _ = r.Close() })
	s.mux = http.NewServeMux()
	s.mux.Handle("/perhuman/challenge", r.Challenges())
	s.mux.Handle("POST /votes", r.Require("vote", sdk.Once(), func(w http.ResponseWriter, r *http.Request) {
		s.ran.Add(1)
		s.last = sdk.PersonFrom(r.Context())
		w.WriteHeader(http.StatusCreated)
	}))
	b.left.Store(int32(times))
	return s, b
}

// An answer that was lost is asked for again under the same key: counted once,
// and the handler runs once.
func TestRemoteLostAnswer(t *testing.T) {
	s, b := stumble(t, 2, lose)
	a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 201, "")
	if b.asked.Load() != 3 || s.ran.Load() != 1 || s.last.Verdict.Replayed {
		t.Errorf("asked %d times, ran %d: %+v", b.asked.Load(), s.ran.Load(), s.last.Verdict)
	}
	for _, key := range b.keys {
		if key == "" || key != b.keys[0] {
			t.Errorf("keys %q", b.keys)
		}
	}
	// The page's own repeat is another request, under another key.
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 403, api.ChallengeAlreadyUsed)
	if b.keys[3] == b.keys[0] || s.ran.Load() != 1 {
		t.Errorf("keys %q, ran %d", b.keys, s.ran.Load())
	}
}

// Nobody is let in when no answer comes, and what may have been written is in
// doubt.
func TestRemoteFailsClosed(t *testing.T) {
	quick := func(c *sdk.RemoteConfig) { c.Timeout = 900 * time.Millisecond }
	t.Run("answers are lost", func(t *testing.T) {
		s, b := stumble(t, 99, lose, quick)
		a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 503, api.InDoubt)
		if b.asked.Load() > 6 || s.ran.Load() != 0 { // the transport repeats what has a key by itself, once a line
			t.Errorf("asked %d times, ran %d", b.asked.Load(), s.ran.Load())
		}
	})
	t.Run("no answer for ever", func(t *testing.T) {
		s, _ := stumble(t, 99, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, quick)
		a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		from := time.Now()
		s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 503, api.InDoubt)
		if took := time.Since(from); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
	})
	t.Run("nobody is there", func(t *testing.T) {
		r := must(sdk.NewRemote(sdk.RemoteConfig{URL: "http://127.0.0.1:1", Key: "k", RP: rp, Timeout: time.Second}))
		h := r.Require("vote", sdk.Once(), func(http.ResponseWriter, *http.Request) { t.Error("let in") })
		s := siteWith(t, false)
		a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		req := httptest.NewRequest("POST", "/votes", strings.NewReader(body))
		req.Header.Set("Perhuman-Response", a)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		s.want(w, 503, api.StoreUnavailable)
		if w.Header().Get("Retry-After") == "" {
			t.Error("nothing about when to come again")
		}
		if err := r.Ready(t.Context()); api.CodeOf(err) != api.StoreUnavailable {
			t.Error(err)
		}
		w = httptest.NewRecorder()
		r.WellKnown().ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/perhuman.json", nil))
		s.want(w, 503, api.StoreUnavailable)
	})
}

// Retry-After is kept to, and if it is further off than the time there is, the
// answer goes to whoever asked.
func TestRemoteRetryAfter(t *testing.T) {
	busy := func(after string) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"code":"overloaded","status":503,"retryable":true}`)
		}
	}
	t.Run("soon", func(t *testing.T) {
		s, b := stumble(t, 1, busy("1"))
		a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		from := time.Now()
		s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 201, "")
		if took := time.Since(from); took < time.Second || b.asked.Load() != 2 {
			t.Errorf("asked %d times within %s", b.asked.Load(), took)
		}
	})
	t.Run("late", func(t *testing.T) {
		s, b := stumble(t, 1, busy("60"))
		a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		w := s.do("POST", "/votes", body, "Perhuman-Response", a)
		s.want(w, 503, api.Overloaded)
		if w.Header().Get("Retry-After") != "60" || b.asked.Load() != 1 {
			t.Errorf("asked %d times: %v", b.asked.Load(), w.Header())
		}
	})
	t.Run("never", func(t *testing.T) {
		s, b := stumble(t, 1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"code":"credential_invalid","status":401,"detail":"the app key is not known"}`)
		})
		a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		w := s.do("POST", "/votes", body, "Perhuman-Response", a)
		s.want(w, 500, api.Internal) // our key is nobody else's business
		if strings.Contains(w.Body.String(), "key") || b.asked.Load() != 1 {
			t.Errorf("asked %d times: %s", b.asked.Load(), w.Body)
		}
	})
}

// A verdict about something else is no verdict.
func TestRemoteTrustsNoOtherVerdict(t *testing.T) {
	for name, change := range map[string]func(*api.Verdict){
		"another environment": func(v *api.Verdict) { v.Environment = "test" },
		"another action":      func(v *api.Verdict) { v.Action = "post" },
		"another policy":      func(v *api.Verdict) { v.Policy = "returning" },
		"another snapshot":    func(v *api.Verdict) { v.Snapshot = 7 },
		"another human":       func(v *api.Verdict) { v.Nullifier = "5" },
		"success and a code":  func(v *api.Verdict) { v.Code = api.NullifierAlreadyUsed },
		"a code and success":  func(v *api.Verdict) { v.Success = false },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := stumble(t, 1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rec := httptest.NewRecorder()
				next.ServeHTTP(rec, r)
				var v api.Verdict
				if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
					t.Error(err)
				}
				change(&v)
				_ = json.NewEncoder(w).Encode(v)
			})
			a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
			s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 500, api.Internal)
			if s.ran.Load() != 0 {
				t.Error("let in")
			}
		})
	}
}

// The verifier's table may be stricter than the program, never more lenient,
// and a difference is found before anything is spent.
func TestRemotePolicies(t *testing.T) {
	for name, c := range map[string]struct {
		there, here scope.Policy
		status      int
		code        api.Code
	}{
		"stricter":       {sdk.PerDay(3), sdk.PerDay(5), 201, ""},
		"more lenient":   {sdk.PerDay(5), sdk.PerDay(3), 409, api.PolicyConflict},
		"another period": {sdk.PerEpoch(time.Hour, 5), sdk.PerDay(5), 409, api.PolicyConflict},
		"another kind":   {sdk.Returning(), sdk.Once(), 409, api.PolicyConflict},
		"another set":    {sdk.Snapshot(1, sdk.Once()), sdk.Once(), 409, api.PolicyConflict},
	} {
		t.Run(name, func(t *testing.T) {
			s := siteWith(t, true)
			key, url := s.service(map[string]scope.Policy{"post": c.there}, nil)
			r := must(sdk.NewRemote(sdk.RemoteConfig{URL: url, Key: key, RP: rp, Session: s.cfg.Session, Now: s.clock}))
			h := r.Require("post", c.here, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) })
			ch, err := s.gate.Verifier().Challenge(t.Context(), verifier.ChallengeRequest{Action: "post", Policy: c.there, Origin: origin, Session: "sid=1"})
			if err != nil {
				t.Fatal(err)
			}
			a := s.answer(0, "post", c.here, 0, ch.Challenge, raw(body))
			req := httptest.NewRequest("POST", "/posts", strings.NewReader(body))
			req.Header.Set("Perhuman-Response", a)
			req.Header.Set("Origin", origin)
			req.Header.Set("Cookie", "sid=1")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			s.want(w, c.status, c.code)
			if name == "stricter" {
				return
			}
			w = httptest.NewRecorder() // and no challenge is handed out that could not be used
			ask := httptest.NewRequest("POST", "/perhuman/challenge", strings.NewReader(`{"action":"post"}`))
			ask.Header.Set("Content-Type", "application/json")
			ask.Header.Set("Origin", origin)
			r.Challenges().ServeHTTP(w, ask)
			if name != "more lenient" {
				s.want(w, 409, api.PolicyConflict)
			}
		})
	}
	s := siteWith(t, true)
	key, url := s.service(map[string]scope.Policy{"post": sdk.PerDay(5)}, nil)
	r := must(sdk.NewRemote(sdk.RemoteConfig{URL: url, Key: key, RP: rp, Now: s.clock}))
	h := r.Require("vote", sdk.Once(), func(http.ResponseWriter, *http.Request) { t.Error("let in") })
	req := httptest.NewRequest("POST", "/votes", strings.NewReader(body))
	req.Header.Set("Perhuman-Response", s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body)))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	s.want(w, 500, api.Internal) // an action that is not there is the operator's mistake
}

func TestRemoteWellKnown(t *testing.T) {
	s := siteWith(t, true)
	key, url := s.service(map[string]scope.Policy{"post": sdk.PerDay(5), "secret-plans": sdk.Once()}, nil)
	r := must(sdk.NewRemote(sdk.RemoteConfig{URL: url, Key: key, RP: rp, Now: s.clock}))
	r.Require("post", sdk.PerDay(5), func(http.ResponseWriter, *http.Request) {})
	w := httptest.NewRecorder()
	r.WellKnown().ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/perhuman.json", nil))
	var known api.WellKnown
	if err := json.Unmarshal(w.Body.Bytes(), &known); err != nil || known.RP != rp || len(known.Keys) != 1 || len(known.Actions) != 1 ||
		known.Actions[0].Action != "post" || known.Issuers[0] != s.log.VKey {
		t.Errorf("%s", w.Body)
	}
	for range 100 { // the issuer may not have been heard yet
		if r.Ready(t.Context()) == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := r.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	other := must(sdk.NewRemote(sdk.RemoteConfig{URL: url, Key: key, RP: "shop.example", Now: s.clock}))
	w = httptest.NewRecorder()
	other.WellKnown().ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/perhuman.json", nil))
	s.want(w, 500, api.Internal) // another site's verifier
}

// One service serves many sites: a site's keys are asked for under its own name,
// everything else under the service's.
func TestRemoteAsksForItsSiteByHost(t *testing.T) {
	hosts := map[string]string{}
	s, b := stumble(t, 9, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		hosts[r.URL.Path] = r.Host
		next.ServeHTTP(w, r)
	})
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))), 201, "")
	if !strings.HasPrefix(hosts["/v1/verify"], "127.0.0.1:") || b.asked.Load() == 0 {
		t.Errorf("asked as %v", hosts)
	}
	seen := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.URL.Path + " of " + r.Host
		w.WriteHeader(http.StatusNotFound)
	}))
	defer srv.Close()
	r := must(sdk.NewRemote(sdk.RemoteConfig{URL: srv.URL, Key: "k", RP: rp}))
	r.WellKnown().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/.well-known/perhuman.json", nil))
	if seen != "/.well-known/perhuman.json of "+rp {
		t.Errorf("asked for %q", seen)
	}
}

// What a client is called over there is a salted hash, and no address.
func TestRemoteTellsNoAddress(t *testing.T) {
	var sent bytes.Buffer
	s, b := stumble(t, 1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		copied, _ := io.ReadAll(r.Body)
		sent.Write(copied)
		r.Body = io.NopCloser(bytes.NewReader(copied))
		next.ServeHTTP(w, r)
	})
	a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 201, "")
	var in api.VerifyRequest
	if err := json.Unmarshal(sent.Bytes(), &in); err != nil || len(in.Client) != 22 || strings.Contains(sent.String(), "192.0.2.1") || b.asked.Load() != 1 {
		t.Errorf("%s %v", sent.String(), err)
	}
}

func TestNewRemoteRefuses(t *testing.T) {
	for name, cfg := range map[string]sdk.RemoteConfig{
		"no URL": {Key: "k", RP: rp}, "plain http": {URL: "http://verifier.example", Key: "k", RP: rp}, "a query": {URL: "https://v.example/?a", Key: "k", RP: rp},
		"a password": {URL: "https://a:b@v.example", Key: "k", RP: rp}, "another scheme": {URL: "ftp://v.example", Key: "k", RP: rp},
		"no key": {URL: "https://v.example", RP: rp}, "two lines": {URL: "https://v.example", Key: "k\r\nX: y", RP: rp},
		"no rp": {URL: "https://v.example", Key: "k"}, "no randomness": {URL: "https://v.example", Key: "k", RP: rp, Rand: strings.NewReader("")},
	} {
		if _, err := sdk.NewRemote(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for addr, want := range map[string]string{
		"192.0.2.7:1234": "192.0.2.7", "[2001:db8:1:2:3::4]:9": "2001:db8:1:2::/64", "[::ffff:192.0.2.7]:1": "192.0.2.7", "@": "@", "pipe": "pipe",
	} {
		if got := sdk.ClientAddr(&http.Request{RemoteAddr: addr}); got != want {
			t.Errorf("%s: %s", addr, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := must(sdk.NewRemote(sdk.RemoteConfig{URL: "http://127.0.0.1:1", Key: "k", RP: rp}))
	if err := r.Ready(ctx); err == nil {
		t.Error("ready for nobody")
	}
}
