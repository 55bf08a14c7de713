package httpapi

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
	"github.com/perhuman/perhuman/verifier/memory"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

const (
	rp     = "forum.example"
	origin = "https://forum.example"
)

var noon = time.Unix(1_800_014_400, 0)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// service is a running verifier service with two apps: the forum (live), and
// one whose table contradicts the forum's.
type service struct {
	t        *testing.T
	set      *verifiertest.Set
	roots    *verifiertest.Roots
	log      *verifiertest.Log
	store    *moody
	v        *verifier.Verifier
	srv      *server
	url      string
	key      string // the forum's
	otherKey string // the contradicting app's
	counters verifier.Counters
	logged   bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

// moody is a store that fails on demand.
type moody struct {
	verifier.Store
	mood error
}

func (m *moody) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if m.mood == errPanic {
		panic("a stack with 0xdeadbeef in it")
	}
	if m.mood != nil {
		return verifier.Outcome{}, m.mood
	}
	return m.Store.Spend(ctx, a)
}

var (
	errPanic = fmt.Errorf("panic")
	errBoom  = verifier.ErrUnavailable
)

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, set: verifiertest.One(), store: &moody{Store: memory.New()}, now: noon}
	s.roots = s.set.Roots()
	s.log = s.set.NewLog(t, "issuer.example/people", noon)
	var err error
	s.v, err = verifier.New(t.Context(), verifier.Config{
		RP: rp, Roots: s.roots, Store: s.store, Now: s.clock, MaxPairings: 1, MaxWaiting: 1, NoQueue: true,
		Keys: []ed25519.PrivateKey{ed25519.NewKeyFromSeed(make([]byte, 32))}, Rand: rand.NewChaCha8([32]byte{7}), Observe: s.counters.Observe,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.NewChaCha8([32]byte{9})
	s.key, s.otherKey = must(NewKey(r, LiveKey)), must(NewKey(r, LiveKey))
	o := Options{
		Apps: []App{
			{Key: s.key, Verifier: s.v, Actions: map[string]scope.Policy{"post": scope.PerDay(5), "vote": scope.Once(), "login": scope.Returning()}},
			{Key: s.otherKey, Verifier: s.v, Actions: map[string]scope.Policy{"post": scope.Once()}},
		},
		Issuers: []string{s.log.VKey}, Observe: s.counters.Observe,
		Logf: func(f string, args ...any) { fmt.Fprintf(&s.logged, f, args...) },
	}
	if s.srv, err = newServer(o); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(theContract().watch(t, s.srv.handler()))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

func (s *service) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *service) sleep(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// call is one request.
type call struct {
	method, path, body string
	header             map[string]string
}

type reply struct {
	status int
	header http.Header
	body   string
	Code   api.Code `json:"code"`
	api.Verdict
}

func (s *service) do(c call) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), c.method, s.url+c.path, strings.NewReader(c.body))
	if err != nil {
		s.t.Fatal(err)
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.header {
		if req.Header.Del(k); v != "" {
			req.Header.Set(k, v)
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	out := reply{status: resp.StatusCode, header: resp.Header, body: string(b)}
	var v struct {
		Code api.Code `json:"code"`
	}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &v); err != nil {
			s.t.Fatalf("%s %s: %s", c.method, c.path, b)
		}
		_ = json.Unmarshal(b, &out.Verdict)
	}
	out.Code = v.Code
	return out
}

// challenge asks for one as a browser does.
func (s *service) challenge(action string) string {
	s.t.Helper()
	r := s.do(call{"POST", "/v1/challenges", `{"action":"` + action + `","session":"s1"}`, map[string]string{"Origin": origin}})
	var c api.ChallengeResponse
	if err := json.Unmarshal([]byte(r.body), &c); err != nil || c.Challenge == "" {
		s.t.Fatalf("%d %s", r.status, r.body)
	}
	return c.Challenge
}

// request has person i answer a challenge for the first slot.
func (s *service) request(i int, action string, p scope.Policy, challenge string) api.VerifyRequest {
	s.t.Helper()
	digest := must(scope.Content(scope.KindRaw, []byte("hello")))
	sc := must(scope.Compute(rp, action, p.Period(s.clock()), 0))
	proof := s.set.Prove(s.t, i, scope.Message(digest, scope.ChallengeDigest(must(scope.DecodeToken(challenge)))), sc)
	return api.VerifyRequest{
		Action: action, Proof: must(json.Marshal(proof)), Challenge: challenge,
		ContentDigest: scope.EncodeToken(digest[:]), Session: "s1", Origin: origin,
	}
}

func (s *service) verify(r api.VerifyRequest, idempotencyKey string) call {
	return call{"POST", "/v1/verify", string(must(json.Marshal(r))), map[string]string{
		"Authorization": "Bearer " + s.key, "Idempotency-Key": idempotencyKey,
	}}
}

func (s *service) want(c call, code api.Code) reply {
	s.t.Helper()
	r := s.do(c)
	if r.Code != code || r.status != code.Info().Status {
		s.t.Fatalf("%d %s, want %s: %s", r.status, r.Code, code, r.body)
	}
	if r.status != 200 && r.header.Get("Content-Type") != "application/problem+json" {
		s.t.Errorf("%s is %s", code, r.header.Get("Content-Type"))
	}
	if (r.status == 503 || r.status == 429) != (r.header.Get("Retry-After") != "") {
		s.t.Errorf("%s: Retry-After %q", code, r.header.Get("Retry-After"))
	}
	for _, secret := range []string{s.key, s.otherKey, "deadbeef", "goroutine", ".go:"} {
		if secret != "" && strings.Contains(r.body, secret) {
			s.t.Errorf("%s: the answer holds %q", code, secret)
		}
	}
	return r
}

// elsewhere are the codes of issuers, wallets and agents: no verifier answers with one.
var elsewhere = []api.Code{
	api.Gone,
	api.SessionExpired, api.SessionUsed, api.PossessionInvalid, api.CommitmentInvalid, api.CommitmentExists, api.CaptureUntrusted,
	api.CaptureReplayed, api.QualityTooLow, api.AlreadyEnrolled, api.NotAccepted, api.CooldownActive, api.DeviceRevoked, api.MatcherUnavailable,
	api.NotEnrolled, api.RecoveryPending, api.RecoveryOver, api.RecoveryVetoed, api.RecoveryCancelled,
	api.SignatureInvalid, api.RequestReplayed, api.GrantUnknown, api.GrantRevoked, api.GrantExpired, api.GrantLacks, api.BudgetExhausted, // of sdk/agent
	api.QuotaExhausted, api.NotMember, api.CrowdTooSmall, api.Cancelled,
}

// severalCodes reaches the codes of a service that wants a proof under each of
// two issuers, has a frozen set, and a bound on requests.
func severalCodes(t *testing.T, reach func(code api.Code)) {
	other := verifiertest.Two()
	s, reg := newMany(t, func(o *Options) {
		o.Limits.PerKey = Rate{PerSecond: .001, Burst: 3}
		o.All = true
		open := o.Open
		o.Open = func(ctx context.Context, a registry.App, w Wiring) (*verifier.Verifier, error) {
			if a.Name != "Both" {
				return open(ctx, a, w)
			}
			return verifier.New(ctx, verifier.Config{
				RP: a.RP, Roots: verifier.AllOf(verifiertest.One().Roots(), other.Roots()), Store: memory.New(), Now: o.Now, Observe: w.Observe, Rand: rand.NewChaCha8([32]byte{99}),
			})
		}
	})
	both := must(reg.CreateApp(t.Context(), registry.AppParams{Name: "Both", RP: rp, Environment: "live", Actions: map[string]string{"post": "5/day"}}))
	frozen := must(reg.CreateApp(t.Context(), registry.AppParams{Name: "Frozen", RP: "poll.example", Environment: "live", Actions: map[string]string{"vote": "snapshot:3:once"}}))
	s.roots.Frozen = map[uint64]semaphore.Element{3: other.Group.Root()}
	var err error
	if s.key, _, err = reg.CreateKey(t.Context(), both.ID); err != nil {
		t.Fatal(err)
	}
	want := func(r api.VerifyRequest, code api.Code) {
		t.Helper()
		reach(code)
		s.want(s.verify(r, ""), code)
	}
	one := s.request(0, "post", scope.PerDay(5), s.challenge("post"))
	want(one, api.IssuerMissing)
	first := must(verifier.ParseProof(one.Proof))
	stranger := one
	stranger.Proof, stranger.Proofs = nil, []json.RawMessage{one.Proof, must(json.Marshal(other.Prove(t, 1, first.Message, first.Scope)))}
	want(stranger, api.NullifierMismatch)
	good := stranger
	good.Proofs = []json.RawMessage{one.Proof, must(json.Marshal(other.Prove(t, 0, first.Message, first.Scope)))}
	want(good, api.OK)
	want(good, api.RateLimited)

	if s.key, _, err = reg.CreateKey(t.Context(), frozen.ID); err != nil {
		t.Fatal(err)
	}
	asked := s.do(call{"POST", "/v1/challenges", `{"action":"vote"}`, map[string]string{"Origin": "https://poll.example"}})
	var c api.ChallengeResponse
	if err := json.Unmarshal([]byte(asked.body), &c); err != nil || c.Snapshot != 3 {
		t.Fatal(asked.body)
	}
	sc := must(scope.Compute("poll.example", "vote", scope.Period{}, 0))
	proof := s.set.Prove(t, 0, scope.Message(scope.Digest{}, scope.ChallengeDigest(must(scope.DecodeToken(c.Challenge)))), sc)
	want(api.VerifyRequest{Action: "vote", Proof: must(json.Marshal(proof)), Challenge: c.Challenge}, api.RootNotSnapshot)
}

// Every code of the table that exists in this service is reached through HTTP,
// with its status, and counted once.
func TestEveryCode(t *testing.T) {
	s := newService(t)
	perDay := scope.PerDay(5)
	good := s.request(0, "post", perDay, s.challenge("post"))
	edit := func(f func(*api.VerifyRequest)) call {
		r := good
		f(&r)
		return s.verify(r, "")
	}
	proof := func(from, to string) call {
		return edit(func(r *api.VerifyRequest) {
			text := strings.Replace(string(r.Proof), from, to, 1)
			if text == string(r.Proof) {
				t.Fatalf("%s is not in the proof", from)
			}
			r.Proof = json.RawMessage(text)
		})
	}
	reSigned := func(f func(*scope.Challenge)) call {
		return edit(func(r *api.VerifyRequest) {
			c := must(scope.ParseChallenge(must(scope.DecodeToken(r.Challenge))))
			f(&c)
			r.Challenge = scope.EncodeToken(c.Sign(ed25519.NewKeyFromSeed(make([]byte, 32))))
		})
	}
	field := func(name string) string {
		var m map[string]any
		_ = json.Unmarshal(good.Proof, &m)
		return `"` + name + `":"` + m[name].(string) + `"`
	}
	auth := func(v string) call { c := s.verify(good, ""); c.header["Authorization"] = v; return c }
	with := func(c call, name, value string) call {
		c.header = maps.Clone(c.header)
		c.header[name] = value
		return c
	}
	reached := map[api.Code]int{}
	want := func(c call, code api.Code) reply {
		t.Helper()
		reached[code]++
		return s.want(c, code)
	}

	want(edit(func(r *api.VerifyRequest) { r.Proof = nil }), api.MalformedRequest)
	want(proof(`"nullifier":"`, `"nullifier":"0`), api.NotCanonical)
	want(edit(func(r *api.VerifyRequest) { r.ContentDigest += "=" }), api.NotCanonical)
	want(proof(`"merkleTreeDepth":20`, `"merkleTreeDepth":19`), api.DepthUnsupported)
	want(edit(func(r *api.VerifyRequest) { r.Session = strings.Repeat("x", maxVerifyBody) }), api.TooLarge)
	want(auth(""), api.CredentialMissing)
	want(auth("Basic abc"), api.CredentialMissing)
	want(auth("Bearer "+LiveKey+strings.Repeat("A", 43)), api.CredentialInvalid)
	want(auth("Bearer "+TestKey+strings.Repeat("A", 43)), api.TestKeyInProd)
	want(edit(func(r *api.VerifyRequest) { r.Action = "unknown" }), api.ActionUnknown)
	want(auth("Bearer "+s.otherKey), api.PolicyConflict)
	want(call{method: "GET", path: "/nothing"}, api.NotFound)
	want(call{method: "GET", path: "/v1/verify"}, api.MethodNotAllowed)
	want(with(s.verify(good, ""), "Content-Type", "text/plain"), api.WrongMediaType)
	want(call{"POST", "/v1/challenges", `{"action":"post"}`, map[string]string{"Origin": "https://evil.example"}}, api.OriginNotAllowed)
	want(edit(func(r *api.VerifyRequest) { r.Challenge = "" }), api.ChallengeMissing)
	want(edit(func(r *api.VerifyRequest) { r.Challenge = "AAAA" }), api.ChallengeInvalid)
	want(reSigned(func(c *scope.Challenge) { c.RP[0] ^= 1 }), api.ChallengeWrongRP)
	want(edit(func(r *api.VerifyRequest) { r.Action = "vote" }), api.ChallengeWrongAction)
	want(edit(func(r *api.VerifyRequest) { r.Origin = "https://evil.example" }), api.ChallengeWrongOrigin)
	want(edit(func(r *api.VerifyRequest) { r.Session = "s2" }), api.ChallengeWrongSession)
	want(proof(field("scope"), `"scope":"5"`), api.ScopeMismatch)
	want(edit(func(r *api.VerifyRequest) { r.ContentDigest = "" }), api.MessageMismatch)
	want(proof(field("merkleTreeRoot"), `"merkleTreeRoot":"0"`), api.RootUnknown)
	s.roots.Expire(s.set.Group.Root(), true)
	want(s.verify(good, ""), api.RootExpired)
	s.roots.Expire(s.set.Group.Root(), false)
	s.roots.Set(fmt.Errorf("silence"))
	want(s.verify(good, ""), api.RootsStale)
	s.roots.Set(nil)
	want(proof(field("nullifier"), `"nullifier":"5"`), api.ProofInvalid)
	for mood, code := range map[error]api.Code{
		verifier.ErrInDoubt: api.InDoubt, verifier.ErrUnavailable: api.StoreUnavailable, errPanic: api.Internal,
	} {
		s.store.mood = mood
		r := want(s.verify(good, ""), code)
		var p api.Problem
		if err := json.Unmarshal([]byte(r.body), &p); err != nil || !p.Retryable || p.RequestID == "" || p.RequestID != r.header.Get("Request-Id") {
			t.Errorf("%+v %v", p, err)
		}
	}
	s.store.mood = nil
	if !strings.Contains(s.logged.String(), "deadbeef") {
		t.Error("the panic is in no log")
	}

	// The one place is taken, and the one chair in the waiting room.
	release, sitting := make(chan struct{}), make(chan struct{}, 2)
	for range 2 {
		go func() {
			_ = s.v.Bounded(context.Background(), func() error { sitting <- struct{}{}; <-release; return nil })
		}()
	}
	<-sitting
	for !s.full() {
		time.Sleep(time.Millisecond)
	}
	want(s.verify(good, ""), api.Overloaded)
	if r := s.do(call{method: "GET", path: "/livez"}); r.status != 200 { // T45: health does not wait for proofs
		t.Error(r.status)
	}
	close(release)
	<-sitting

	first := want(s.verify(good, "k1"), api.OK)
	again := want(s.verify(good, "k1"), api.OK)
	if first.Replayed || !again.Replayed || first.VerificationID != again.VerificationID || first.VerificationID == "" {
		t.Errorf("%s\n%s", first.body, again.body)
	}
	want(s.verify(good, ""), api.ChallengeAlreadyUsed)
	second := s.request(0, "post", perDay, s.challenge("post"))
	want(s.verify(second, "k1"), api.IdempotencyKeyConflict)
	r := want(s.verify(second, ""), api.NullifierAlreadyUsed)
	if r.SameMessage == nil || *r.SameMessage || !slices.Equal(r.ErrorCodes, []string{"timeout-or-duplicate"}) {
		t.Errorf("%s", r.body)
	}
	s.sleep(10 * time.Minute)
	want(s.verify(second, ""), api.ChallengeExpired)

	counted := maps.Clone(reached)
	severalCodes(t, func(code api.Code) { reached[code]++ })
	for _, row := range api.Table() {
		if _, ok := reached[row.Code]; ok == slices.Contains(elsewhere, row.Code) {
			t.Errorf("%s: reached %v, though it is %v that it belongs elsewhere", row.Code, ok, ok)
		}
	}
	counts := s.counters.Snapshot()
	for code, n := range counted {
		switch code {
		case api.NotFound, api.MethodNotAllowed, api.Internal: // no decision about a proof
		default:
			if counts[code] != uint64(n) {
				t.Errorf("%s: answered %d times, counted %d", code, n, counts[code])
			}
		}
	}
}

// full asks for a place in the waiting room and says whether there was none.
func (s *service) full() bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := s.v.Bounded(ctx, func() error { return nil })
	return err != nil && !strings.Contains(err.Error(), context.Canceled.Error())
}
