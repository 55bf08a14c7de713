package sdk_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
	"github.com/perhuman/perhuman/verifier/sqlite"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

const (
	rp     = "forum.localhost"
	origin = "http://forum.localhost"
)

var noon = time.Unix(1_800_014_400, 0)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// site is an application behind a Gate, following a real signed log over HTTP.
type site struct {
	t        *testing.T
	set      *verifiertest.Set
	log      *verifiertest.Log
	gate     *sdk.Gate
	guard    sdk.Guard // what the routes stand behind: the gate, or a Remote to a service over its verifier
	remote   bool
	mux      *http.ServeMux
	ran      atomic.Int32 // how often a guarded handler ran
	last     sdk.Person
	body     string // what the handler read
	counters verifier.Counters
	cfg      sdk.Config

	mu  sync.Mutex
	now time.Time
}

func newSite(t *testing.T, change ...func(*sdk.Config)) *site {
	t.Helper()
	return siteWith(t, false, change...)
}

// both runs a test over a Gate, and over a Remote: to an application they are
// the same.
func both(t *testing.T, test func(*testing.T, *site), change ...func(*sdk.Config)) {
	t.Helper()
	t.Run("Gate", func(t *testing.T) { test(t, siteWith(t, false, change...)) })
	t.Run("Remote", func(t *testing.T) { test(t, siteWith(t, true, change...)) })
}

func siteWith(t *testing.T, remote bool, change ...func(*sdk.Config)) *site {
	t.Helper()
	s := &site{t: t, set: verifiertest.One(), now: noon, remote: remote}
	s.log = s.set.NewLog(t, "issuer.localhost/people", noon)
	s.log.Publish(t, noon)
	srv := httptest.NewServer(s.log)
	t.Cleanup(srv.Close)
	s.cfg = sdk.Config{
		RP: rp, Issuers: []string{s.log.VKey}, At: map[string]string{s.log.Name: srv.URL}, Store: memory.New(),
		Now: s.clock, Rand: rand.NewChaCha8([32]byte{3}), Keys: []ed25519.PrivateKey{ed25519.NewKeyFromSeed(make([]byte, 32))},
		Session: func(r *http.Request) string { return r.Header.Get("Cookie") }, Observe: s.counters.Observe,
		OnError: func(err error) { t.Logf("background: %v", err) },
	}
	for _, f := range change {
		f(&s.cfg)
	}
	s.open()
	return s
}

func (s *site) open() {
	s.t.Helper()
	var err error
	cfg := s.cfg
	if s.remote {
		cfg.Observe = nil
	}
	if s.gate, err = sdk.Open(s.t.Context(), cfg); err != nil {
		s.t.Fatal(err)
	}
	if s.guard = s.gate; s.remote {
		s.guard = s.elsewhere()
	}
	s.t.Cleanup(func() { _ = s.gate.Close() })
	handler := s.created()
	s.mux = http.NewServeMux()
	s.mux.Handle("GET /.well-known/perhuman.json", s.guard.WellKnown())
	s.mux.Handle("/perhuman/challenge", s.guard.Challenges())
	s.mux.Handle("POST /posts", s.guard.Require("post", sdk.PerDay(5), handler))
	s.mux.Handle("POST /votes", s.guard.Require("vote", sdk.Once(), handler))
	s.mux.Handle("POST /login", s.guard.Require("login", sdk.Returning(), handler))
	s.mux.Handle("POST /articles", s.guard.RequireContent("article", sdk.PerEpoch(time.Hour, 2), func(r *http.Request, body []byte) (scope.Digest, error) {
		var in struct{ Text string }
		if err := json.Unmarshal(body, &in); err != nil {
			return scope.Digest{}, err
		}
		return scope.Post{RP: rp, Author: "ada", Created: 1, Text: in.Text}.Digest()
	}, handler))
	s.mux.Handle("POST /upload", s.guard.RequireContent("upload", sdk.Once(), func(r *http.Request, _ []byte) (scope.Digest, error) {
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			return scope.Digest{}, err
		}
		return scope.Content("upload", []byte(r.FormValue("text")))
	}, handler))
}

// created is what stands behind the routes.
func (s *site) created() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.ran.Add(1)
		s.last = sdk.PersonFrom(r.Context())
		s.body = string(must(io.ReadAll(r.Body)))
		w.WriteHeader(http.StatusCreated)
	}
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) sleep(d time.Duration) {
	s.mu.Lock()
	s.now = s.now.Add(d)
	now := s.now
	s.mu.Unlock()
	s.log.Publish(s.t, now)
}

// do sends a request as the browser of one session on the site's own page.
func (s *site) do(method, path, body string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Origin", origin)
	r.Header.Set("Cookie", "sid=1")
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		if r.Header.Del(header[i]); header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w
}

func (s *site) challenge(action string) string {
	s.t.Helper()
	w := s.do("POST", "/perhuman/challenge", `{"action":"`+action+`"}`)
	var c api.ChallengeResponse
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
		s.t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(s.issuers()) == 1 && c.SetSize > verifiertest.Size {
		s.t.Errorf("%+v", c)
	}
	if all := append(s.issuers(), s.cfg.Require...); !slices.Equal(c.Issuers, all) || c.All != (len(s.cfg.Require) > 1) {
		s.t.Errorf("wallets are told of %q, all %v", c.Issuers, c.All)
	}
	return c.Challenge
}

func (s *site) issuers() []string { return s.cfg.Issuers }

// answer is what person i's wallet gives for a challenge and some content.
func (s *site) answer(i int, action string, p sdk.Policy, slot uint32, challenge string, content scope.Digest) string {
	s.t.Helper()
	sc := must(scope.Compute(rp, action, p.Period(s.clock()), slot))
	proof := s.set.Prove(s.t, i, scope.Message(content, scope.ChallengeDigest(must(scope.DecodeToken(challenge)))), sc)
	return must(proof.Packed()) + "." + challenge
}

func raw(body string) scope.Digest { return must(scope.Content(scope.KindRaw, []byte(body))) }

func (s *site) want(w *httptest.ResponseRecorder, status int, code api.Code) {
	s.t.Helper()
	var v struct{ Code api.Code }
	_ = json.Unmarshal(w.Body.Bytes(), &v)
	if w.Code != status || v.Code != code {
		s.t.Fatalf("%d %s, want %d %s: %s", w.Code, v.Code, status, code, w.Body)
	}
}

const body = `{"text":"Hello, humans."}`

func TestGateLetsAHumanThroughOnce(t *testing.T) {
	s := newSite(t)
	c := s.challenge("post")
	a := s.answer(0, "post", sdk.PerDay(5), 2, c, raw(body))
	s.want(s.do("POST", "/posts", body, "Perhuman-Response", a), 201, "")
	who := s.last
	if s.body != body || who.Slot != 2 || who.Action != "post" || who.Challenge != c || who.Content != raw(body) ||
		who.Nullifier != s.set.IDs[0].Nullifier(who.Proof.Scope).String() || who.Verdict.Bound != 1 || who.Period != sdk.PerDay(5).Period(noon) {
		t.Errorf("%+v, body %q", who, s.body)
	}
	s.want(s.do("POST", "/posts", body, "Perhuman-Response", a), 403, api.ChallengeAlreadyUsed)
	again := s.answer(0, "post", sdk.PerDay(5), 2, s.challenge("post"), raw(body))
	s.want(s.do("POST", "/posts", body, "Perhuman-Response", again), 403, api.NullifierAlreadyUsed)
	if s.ran.Load() != 1 {
		t.Errorf("the handler ran %d times", s.ran.Load())
	}
	// The receipt is ours, and the root proof holds with nothing but the key.
	if err := who.Receipt.Verify(s.gate.Verifier().PublicKeys()[0], s.gate.Receipt(who)); err != nil || who.Receipt.AcceptedAt != uint64(noon.Unix()) || who.Receipt.RootSeq != 1 {
		t.Errorf("%+v %v", who.Receipt, err)
	}
	if _, vkey, err := s.gate.RootProof(t.Context(), who.Proof.MerkleTreeRoot); err != nil || vkey != s.log.VKey {
		t.Errorf("%s %v", vkey, err)
	}
	if _, _, err := s.gate.RootProof(t.Context(), semaphore.Element{1}); err == nil {
		t.Error("a made-up root has a proof")
	}
	if n := s.counters.Snapshot(); n[api.OK] != 1 || n[api.ChallengeAlreadyUsed] != 1 || n[api.NullifierAlreadyUsed] != 1 || len(n) != 3 {
		t.Errorf("%v", n)
	}
	if p := sdk.PersonFrom(t.Context()); p.Nullifier != "" {
		t.Error("a person out of nowhere")
	}
}

// Nothing but the very request that the person agreed to gets through, and a
// refusal runs no handler and costs nothing.
func TestGateRefuses(t *testing.T) {
	both(t, func(t *testing.T, s *site) {
		good := s.answer(0, "post", sdk.PerDay(5), 0, s.challenge("post"), raw(body))
		proof, token, _ := strings.Cut(good, ".")
		other := s.answer(1, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		otherProof, otherToken, _ := strings.Cut(other, ".")
		for _, c := range []struct {
			name, path, body string
			header           []string
			status           int
			code             api.Code
		}{
			{"no response", "/posts", body, nil, 403, api.ChallengeMissing},
			{"an empty response", "/posts", body, []string{"Perhuman-Response", ""}, 403, api.ChallengeMissing},
			{"no challenge", "/posts", body, []string{"Perhuman-Response", proof}, 403, api.ChallengeMissing},
			{"no proof", "/posts", body, []string{"Perhuman-Response", "." + token}, 400, api.MalformedRequest},
			{"too long", "/posts", body, []string{"Perhuman-Response", strings.Repeat("A", 2049)}, 413, api.TooLarge},
			{"rubbish", "/posts", body, []string{"Perhuman-Response", "hello.world"}, 400, api.MalformedRequest},
			{"another body", "/posts", body + " ", []string{"Perhuman-Response", good}, 403, api.MessageMismatch},
			{"another route", "/votes", body, []string{"Perhuman-Response", good}, 403, api.ChallengeWrongAction},
			{"another route's challenge", "/posts", body, []string{"Perhuman-Response", other}, 403, api.ChallengeWrongAction},
			{"parts of two answers", "/posts", body, []string{"Perhuman-Response", otherProof + "." + token}, 403, api.ScopeMismatch},
			{"parts of two answers, the other way", "/posts", body, []string{"Perhuman-Response", proof + "." + otherToken}, 403, api.ChallengeWrongAction},
			{"another session", "/posts", body, []string{"Perhuman-Response", good, "Cookie", "sid=2"}, 403, api.ChallengeWrongSession},
			{"no session", "/posts", body, []string{"Perhuman-Response", good, "Cookie", ""}, 403, api.ChallengeWrongSession},
			{"another page", "/posts", body, []string{"Perhuman-Response", good, "Origin", "https://evil.example"}, 403, api.ChallengeWrongOrigin},
			{"a sandboxed page", "/posts", body, []string{"Perhuman-Response", good, "Origin", "null"}, 403, api.ChallengeWrongOrigin},
			{"too large", "/posts", strings.Repeat("x", 1<<20+1), []string{"Perhuman-Response", good}, 413, api.TooLarge},
			{"a multipart form without a content function", "/posts", "--b\r\nContent-Disposition: form-data; name=\"perhuman-response\"\r\n\r\n" + good + "\r\n--b--\r\n",
				[]string{"Content-Type", "multipart/form-data; boundary=b"}, 400, api.MalformedRequest},
			{"half a multipart form", "/posts", "--b\r\nContent-Dispo", []string{"Content-Type", "multipart/form-data; boundary=b"}, 400, api.MalformedRequest},
			{"content that cannot be read", "/articles", "{", []string{"Perhuman-Response", good}, 400, api.MalformedRequest},
		} {
			t.Run(c.name, func(t *testing.T) {
				s.t = t
				before := s.counters.Snapshot()[c.code]
				s.want(s.do("POST", c.path, c.body, c.header...), c.status, c.code)
				if got := s.counters.Snapshot()[c.code]; got != before+1 {
					t.Errorf("counted %d times", got-before)
				}
			})
		}
		s.t = t
		if s.ran.Load() != 0 {
			t.Errorf("handlers ran %d times", s.ran.Load())
		}
		// Two answers in one request: which one would count?
		r := httptest.NewRequest("POST", "/posts", strings.NewReader(body))
		r.Header["Perhuman-Response"] = []string{good, good}
		w := httptest.NewRecorder()
		s.mux.ServeHTTP(w, r)
		s.want(w, 400, api.MalformedRequest)
		s.want(s.do("POST", "/posts", body, "Perhuman-Response", good), 201, "")
	})
}

func TestGateForms(t *testing.T) {
	both(t, func(t *testing.T, s *site) {
		form := []string{"Content-Type", "application/x-www-form-urlencoded"}
		// The response may stand anywhere; what is bound is the rest, byte for byte.
		for slot, c := range []struct{ rest, before, after string }{
			{"text=Hello%2C+humans.&n=1", "", "&text=Hello%2C+humans.&n=1"},
			{"text=Hello%2C+humans.&n=2", "text=Hello%2C+humans.&", "&n=2"},
			{"text=a&text=b&n=3", "text=a&text=b&n=3&", ""},
			{"", "", ""},
		} {
			a := s.answer(0, "post", sdk.PerDay(5), uint32(slot), s.challenge("post"), raw(c.rest))
			full := c.before + "perhuman-response=" + url.QueryEscape(a) + c.after
			s.want(s.do("POST", "/posts", full, form...), 201, "")
			if s.body != full {
				t.Errorf("the handler got %q", s.body)
			}
		}
		a := s.answer(0, "post", sdk.PerDay(5), 4, s.challenge("post"), raw("text=a"))
		s.want(s.do("POST", "/posts", "text=b&perhuman-response="+a, form...), 403, api.MessageMismatch)
		s.want(s.do("POST", "/posts", "text=a&perhuman-response="+a+"&perhuman-response="+a, form...), 400, api.MalformedRequest)
		s.want(s.do("POST", "/posts", "text=a&perhuman%2Dresponse="+a+"&perhuman-response="+a, form...), 400, api.MalformedRequest)
		s.want(s.do("POST", "/posts", "text=a&perhuman-response="+a, append(form, "Perhuman-Response", a)...), 400, api.MalformedRequest)
		s.want(s.do("POST", "/posts", "text=a&perhuman-response=%zz", form...), 400, api.MalformedRequest)
		s.want(s.do("POST", "/posts", "text=a&perhuman%2Dresponse="+a, form...), 201, "")

		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		_ = m.WriteField("text", "a picture")
		_ = m.WriteField("perhuman-response", s.answer(1, "upload", sdk.Once(), 0, s.challenge("upload"), must(scope.Content("upload", []byte("a picture")))))
		_ = m.Close()
		s.want(s.do("POST", "/upload", b.String(), "Content-Type", m.FormDataContentType()), 201, "")
		if s.body != b.String() {
			t.Error("the handler did not get the form again")
		}
	})
}

// A post that is checked later, by a stranger, with nothing but two keys.
func TestGatePostBundle(t *testing.T) {
	s := newSite(t)
	p := scope.Post{RP: rp, Author: "ada", Created: 1, Text: "Hello, humans."}
	digest := must(p.Digest())
	w := s.do("POST", "/perhuman/challenge", `{"action":"article","content_digest":"`+scope.EncodeToken(digest[:])+`"}`)
	var c api.ChallengeResponse
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || c.K != 2 || c.Period != 3600 || c.Policy != "per_epoch" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	a := s.answer(0, "article", sdk.PerEpoch(time.Hour, 2), 1, c.Challenge, digest)
	s.want(s.do("POST", "/articles", `{"text":"Hello, robots."}`, "Perhuman-Response", a), 403, api.MessageMismatch)
	s.want(s.do("POST", "/articles", body, "Perhuman-Response", a), 201, "")
	who := s.last
	rootProof, vkey, err := s.gate.RootProof(t.Context(), who.Proof.MerkleTreeRoot)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := post.New(post.Params{
		Post: p, Action: who.Action, Period: who.Period, Slot: who.Slot, Proof: who.Proof, Challenge: must(scope.DecodeToken(who.Challenge)),
		RootProof: rootProof,
		Receipt:   &post.Receipt{RootSeq: who.Receipt.RootSeq, AcceptedAt: who.Receipt.AcceptedAt, Signature: s.gate.Receipt(who)},
	})
	if err != nil {
		t.Fatal(err)
	}
	report := post.CheckJSON(must(json.Marshal(bundle)), post.CheckConfig{
		Issuer: vkey, RPKeys: s.gate.Verifier().PublicKeys(), Verifier: s.gate.Verifier().Proofs(), RP: rp, Action: "article", MaxK: 2,
	})
	if !report.OK || report.Time != post.Proven || report.Cap != post.Proven || report.AcceptedAt != uint64(noon.Unix()) {
		t.Errorf("%+v", report)
	}
}

func TestGateReturning(t *testing.T) {
	both(t, func(t *testing.T, s *site) {
		var first sdk.Person
		for i := range 2 {
			s.want(s.do("POST", "/login", "", "Perhuman-Response", s.answer(3, "login", sdk.Returning(), 0, s.challenge("login"), raw(""))), 201, "")
			if s.last.Returning != (i == 1) {
				t.Errorf("visit %d: %+v", i, s.last)
			}
			if i == 0 {
				first = s.last
			}
			s.sleep(time.Minute)
		}
		if s.last.Nullifier != first.Nullifier || s.last.Receipt.AcceptedAt != uint64(noon.Add(time.Minute).Unix()) {
			t.Errorf("%+v", s.last)
		}
	})
}

func TestGateReplays(t *testing.T) {
	both(t, func(t *testing.T, s *site) {
		a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		for i := range 3 {
			s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 201, "")
			if s.last.Verdict.Replayed != (i > 0) || s.last.Receipt.AcceptedAt != uint64(noon.Unix()) {
				t.Errorf("time %d: %+v", i, s.last)
			}
			s.sleep(10 * time.Minute)
		}
		s.want(s.do("POST", "/votes", body, "Perhuman-Response", a, "Cookie", "sid=2"), 403, api.ChallengeExpired)
	}, func(c *sdk.Config) { c.Replays = true })
}

// With Replays, a second proof for a challenge that was used is no repeat of
// the first: another human's, or for another body.
func TestGateReplaysOfTheSameProofOnly(t *testing.T) {
	both(t, func(t *testing.T, s *site) {
		c := s.challenge("vote")
		s.want(s.do("POST", "/votes", body, "Perhuman-Response", s.answer(0, "vote", sdk.Once(), 0, c, raw(body))), 201, "")
		s.want(s.do("POST", "/votes", body, "Perhuman-Response", s.answer(1, "vote", sdk.Once(), 0, c, raw(body))), 403, api.ChallengeAlreadyUsed)
		s.want(s.do("POST", "/votes", "other", "Perhuman-Response", s.answer(0, "vote", sdk.Once(), 0, c, raw("other"))), 403, api.ChallengeAlreadyUsed)
	}, func(c *sdk.Config) { c.Replays = true })
}

// A handler that finds its work done refuses a replay as a Gate without Replays
// does.
func TestRefuseReplay(t *testing.T) {
	var counters verifier.Counters
	s := newSite(t, func(c *sdk.Config) { c.Replays, c.Observe = true, counters.Observe })
	refuse := s.guard.Require("vote", sdk.Once(), func(w http.ResponseWriter, r *http.Request) {
		if sdk.PersonFrom(r.Context()).Verdict.Replayed {
			s.guard.RefuseReplay(w, r)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
	for _, want := range []int{201, 403, 403} {
		r := httptest.NewRequest("POST", "/votes", strings.NewReader(body))
		r.Header.Set("Perhuman-Response", a)
		r.Header.Set("Origin", origin)
		r.Header.Set("Cookie", "sid=1")
		w := httptest.NewRecorder()
		refuse.ServeHTTP(w, r)
		if w.Code != want || want == 403 && !strings.Contains(w.Body.String(), `"code":"challenge_already_used"`) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if n := counters.Snapshot()[api.ChallengeAlreadyUsed]; n != 2 {
		t.Errorf("counted %d", n)
	}
}

// The issuer goes silent: nobody is let in, and nobody is told that they lied.
func TestGateFailsClosed(t *testing.T) {
	s := newSite(t)
	c := s.challenge("vote")
	a := s.answer(0, "vote", sdk.Once(), 0, c, raw(body))
	if err := s.gate.Ready(t.Context()); err != nil { // also: the first head is here
		for range 100 {
			if err = s.gate.Ready(t.Context()); err == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.log.Down(true)
	s.mu.Lock()
	s.now = s.now.Add(121 * time.Second)
	s.mu.Unlock()
	w := s.do("POST", "/votes", body, "Perhuman-Response", a)
	s.want(w, 503, api.RootsStale)
	if w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%v", w.Header())
	}
	if err := s.gate.Ready(t.Context()); api.CodeOf(err) != api.RootsStale {
		t.Error(err)
	}
	s.log.Down(false)
	s.sleep(time.Second)
	for range 100 { // the source backs off after an error
		if w = s.do("POST", "/votes", body, "Perhuman-Response", a); w.Code == 201 {
			break
		}
		s.want(w, 503, api.RootsStale)
		time.Sleep(20 * time.Millisecond)
	}
	s.want(w, 201, "")
}

// A restart over SQLite: keys, spent nullifiers and the issuer's head stay.
func TestGateRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "humans.db")
	s := newSite(t, func(c *sdk.Config) { c.Store, c.Keys = must(sqlite.Open(path)), nil })
	c := s.challenge("vote")
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", s.answer(0, "vote", sdk.Once(), 0, c, raw(body))), 201, "")
	pending := s.answer(1, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
	keys := s.gate.Verifier().PublicKeys()

	if err := s.gate.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.cfg.Store.Close(); err != nil {
		t.Fatal(err)
	}
	s.cfg.Store = must(sqlite.Open(path))
	t.Cleanup(func() { _ = s.cfg.Store.Close() })
	s.log.Down(true) // the issuer cannot be asked: the head it had shown is still known
	s.open()
	if !s.gate.Verifier().PublicKeys()[0].Equal(keys[0]) {
		t.Error("another signing key")
	}
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", pending), 201, "")
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))), 403, api.NullifierAlreadyUsed)
}

func TestGateChallengesAndWellKnown(t *testing.T) {
	s := newSite(t)
	for name, c := range map[string]struct {
		method, body string
		header       []string
		code         api.Code
	}{
		"unknown action":        {"POST", `{"action":"x"}`, nil, api.ActionUnknown},
		"a foreign page":        {"POST", `{"action":"post"}`, []string{"Origin", "https://evil.example"}, api.OriginNotAllowed},
		"no origin":             {"POST", `{"action":"post"}`, []string{"Origin", ""}, api.OriginNotAllowed},
		"the page's session":    {"POST", `{"action":"post","session":"sid=2"}`, nil, api.MalformedRequest},
		"an unknown field":      {"POST", `{"action":"post","k":9}`, nil, api.MalformedRequest},
		"a digest in hex":       {"POST", `{"action":"post","content_digest":"` + strings.Repeat("00", 32) + `"}`, nil, api.NotCanonical},
		"not JSON":              {"POST", `{"action":"post"}`, []string{"Content-Type", "text/plain"}, api.WrongMediaType},
		"too large":             {"POST", strings.Repeat(" ", 5000), nil, api.TooLarge},
		"a link that asks":      {"GET", ``, nil, api.MethodNotAllowed},
		"a policy of the asker": {"POST", `{"action":"post","policy":"returning"}`, nil, api.MalformedRequest},
	} {
		w := s.do(c.method, "/perhuman/challenge", c.body, c.header...)
		t.Log(name)
		s.want(w, c.code.Info().Status, c.code)
	}
	w := s.do("GET", "/.well-known/perhuman.json", "")
	var known api.WellKnown
	if err := json.Unmarshal(w.Body.Bytes(), &known); err != nil || w.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if known.RP != rp || known.Depth != 20 || len(known.Keys) != 1 || len(known.Actions) != 5 ||
		known.Actions[3] != (api.ActionPolicy{Action: "upload", Policy: "once", K: 1}) || known.Issuers[0] != s.log.VKey {
		t.Errorf("%+v", known)
	}
}

func TestOpenRefuses(t *testing.T) {
	s := newSite(t)
	for name, change := range map[string]func(*sdk.Config){
		"no issuer":      func(c *sdk.Config) { c.Issuers = nil },
		"a broken key":   func(c *sdk.Config) { c.Issuers = []string{"issuer.localhost/people+00000000+AVo"} },
		"no store":       func(c *sdk.Config) { c.Store = nil },
		"no rp":          func(c *sdk.Config) { c.RP = "" },
		"a foreign page": func(c *sdk.Config) { c.Origins = []string{"https://evil.example"} },
	} {
		cfg := s.cfg
		change(&cfg)
		if g, err := sdk.Open(t.Context(), cfg); err == nil {
			_ = g.Close()
			t.Errorf("%s is accepted", name)
		}
	}
	for name, f := range map[string]func(){
		"a second policy": func() { s.gate.Require("post", sdk.Once(), nil) },
		"no policy":       func() { s.gate.Require("new", sdk.Policy{}, nil) },
		"k 0":             func() { s.gate.Require("new", sdk.PerDay(0), nil) },
		"a bad action":    func() { s.gate.Require("New Action", sdk.Once(), nil) },
		"no content":      func() { s.gate.RequireContent("new", sdk.Once(), nil, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is accepted", name)
				}
			}()
			f()
		}()
	}
}
