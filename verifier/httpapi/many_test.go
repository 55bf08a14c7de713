package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
	"github.com/perhuman/perhuman/verifier/memory"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

// newMany is a service whose apps are those of a registry: none yet.
func newMany(t *testing.T, edit func(*Options)) (*service, *registry.Registry) {
	t.Helper()
	s := &service{t: t, set: verifiertest.One(), store: &moody{Store: memory.New()}, now: noon}
	s.roots = s.set.Roots()
	s.log = s.set.NewLog(t, "issuer.example/people", noon)
	var seed byte
	reg, err := registry.Open(t.Context(), registry.Config{Keeper: s.store.Store.(registry.Keeper), Now: s.clock, Rand: rand.NewChaCha8([32]byte{3})})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Issuers: []string{s.log.VKey}, Registry: reg, Now: s.clock, Observe: s.counters.Observe,
		Logf: func(f string, args ...any) { fmt.Fprintf(&s.logged, f, args...) },
		Open: func(ctx context.Context, a registry.App, w Wiring) (*verifier.Verifier, error) {
			seed++
			return verifier.New(ctx, verifier.Config{
				RP: a.RP, Environment: a.Environment, Origins: a.Origins, Roots: s.roots, Store: s.store, Now: s.clock,
				Rand: rand.NewChaCha8([32]byte{seed}), Observe: w.Observe, Events: w.Events,
			})
		},
	}
	if edit != nil {
		edit(&o)
	}
	if s.srv, err = newServer(o); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(theContract().watch(t, s.srv.handler()))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s, reg
}

var forum = registry.AppParams{Name: "Forum", RP: rp, Environment: "live", Actions: map[string]string{"post": "5/day", "vote": "once"}}

// ask sends a verify request that fails on its challenge, for a look at who is let in.
func (s *service) ask(key string) reply {
	return s.do(call{"POST", "/v1/verify", `{"action":"post","proof":"AAAA"}`, map[string]string{"Authorization": "Bearer " + key}})
}

func TestRegistryKeys(t *testing.T) {
	s, reg := newMany(t, nil)
	if r := s.ask(LiveKey + strings.Repeat("A", 43)); r.Code != api.CredentialInvalid {
		t.Fatal(r.body)
	}
	app := must(reg.CreateApp(t.Context(), forum))
	old, _, err := reg.CreateKey(t.Context(), app.ID)
	if err != nil {
		t.Fatal(err)
	}
	in := func(key string) bool {
		t.Helper()
		r := s.ask(key)
		if r.Code != api.MalformedRequest && r.Code != api.CredentialInvalid {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return r.Code == api.MalformedRequest
	}
	if !in(old) {
		t.Fatal("a new key does not work")
	}
	fresh, _, err := reg.RotateKey(t.Context(), app.ID, time.Hour)
	if err != nil || !in(fresh) || !in(old) {
		t.Fatalf("in the overlap both must work: %v", err)
	}
	s.sleep(time.Hour)
	if in(old) || !in(fresh) {
		t.Error("after the overlap only the new key may work")
	}
	view := must(json.Marshal(reg.View().Apps))
	if strings.Contains(string(view), fresh) || strings.Contains(string(view), fresh[len(LiveKey):]) {
		t.Error("the registry keeps a key in the clear")
	}
	now, _ := reg.View().App(app.ID)
	if err := reg.RevokeKey(t.Context(), app.ID, now.Keys[len(now.Keys)-1].ID); err != nil || in(fresh) {
		t.Errorf("a revoked key works: %v", err)
	}
	// Another process over the same store sees it when it reads again.
	other := must(registry.Open(t.Context(), registry.Config{Keeper: s.store.Store.(registry.Keeper), Now: s.clock}))
	third, _, err := other.CreateKey(t.Context(), app.ID)
	if err != nil || in(third) {
		t.Fatalf("before reading again: %v", err)
	}
	if err := reg.Refresh(t.Context()); err != nil || !in(third) {
		t.Errorf("after reading again: %v", err)
	}
	if err := reg.RemoveApp(t.Context(), app.ID); err != nil || in(third) {
		t.Errorf("an app that is gone lets in: %v", err)
	}
}

// Two environments of one site share nothing; the key tells which.
func TestTwoEnvironments(t *testing.T) {
	s, reg := newMany(t, nil)
	test := forum
	test.Environment = "test"
	live, other := must(reg.CreateApp(t.Context(), forum)), must(reg.CreateApp(t.Context(), test))
	liveKey, _, err := reg.CreateKey(t.Context(), live.ID)
	if err != nil {
		t.Fatal(err)
	}
	testKey, _, err := reg.CreateKey(t.Context(), other.ID)
	if err != nil || !strings.HasPrefix(testKey, TestKey) || !strings.HasPrefix(liveKey, LiveKey) {
		t.Fatalf("%v %s", err, testKey)
	}
	asked := s.do(call{"POST", "/v1/challenges", `{"action":"post","session":"s1"}`, map[string]string{"Origin": origin, "Authorization": "Bearer " + testKey}})
	var c api.ChallengeResponse
	if err := json.Unmarshal([]byte(asked.body), &c); err != nil || c.Challenge == "" {
		t.Fatal(asked.body)
	}
	req := s.request(0, "post", scope.PerDay(5), c.Challenge)
	s.key = liveKey
	if r := s.do(s.verify(req, "")); r.Code != api.ChallengeInvalid {
		t.Errorf("a challenge of the test environment in the live one: %s", r.body)
	}
	s.key = testKey
	if r := s.want(s.verify(req, ""), api.OK); r.Environment != "test" {
		t.Errorf("%s", r.body)
	}
}

// Items of a batch are decided as single requests are, faults too.
func TestBatch(t *testing.T) {
	s := newService(t)
	good := s.request(1, "vote", scope.Once(), s.challenge("vote"))
	unknown, bad := good, good
	unknown.Action = "unknown"
	bad.Proof = json.RawMessage(`"AAAA"`)
	wrong := good
	wrong.Session = "s2"
	zero := good
	zero.Proof = json.RawMessage(strings.Replace(string(good.Proof), `"merkleTreeRoot":"`, `"merkleTreeRoot":"0`, 1))
	items := []api.BatchItem{{VerifyRequest: good, IdempotencyKey: "b1"}, {VerifyRequest: unknown}, {VerifyRequest: bad}, {VerifyRequest: wrong}, {VerifyRequest: zero}}
	send := func(v any) (reply, api.BatchResponse) {
		t.Helper()
		r := s.do(call{"POST", "/v1/verify/batch", string(must(json.Marshal(v))), map[string]string{"Authorization": "Bearer " + s.key}})
		var out api.BatchResponse
		_ = json.Unmarshal([]byte(r.body), &out)
		return r, out
	}
	for round := range 2 {
		r, out := send(api.BatchRequest{Items: items})
		if r.status != 200 || len(out.Results) != len(items) {
			t.Fatalf("%d %s", r.status, r.body)
		}
		var codes []api.Code
		for _, x := range out.Results {
			switch {
			case x.Verdict != nil && x.Problem == nil:
				codes = append(codes, x.Verdict.Code)
			case x.Problem != nil && x.Verdict == nil:
				codes = append(codes, x.Problem.Code)
			default:
				t.Errorf("%+v", x)
			}
		}
		if want := []api.Code{api.OK, api.ActionUnknown, api.MalformedRequest, api.ChallengeWrongSession, api.NotCanonical}; !slices.Equal(codes, want) {
			t.Errorf("%v, want %v", codes, want)
		}
		if v := out.Results[0].Verdict; v == nil || v.Replayed != (round == 1) {
			t.Errorf("round %d: %s", round, r.body)
		}
	}
	// Of two items with one nullifier exactly one is accepted.
	a := s.request(2, "vote", scope.Once(), s.challenge("vote"))
	b := s.request(2, "vote", scope.Once(), s.challenge("vote"))
	_, out := send(api.BatchRequest{Items: []api.BatchItem{{VerifyRequest: a}, {VerifyRequest: b}, {VerifyRequest: a}}})
	accepted := 0
	for _, x := range out.Results {
		if x.Verdict != nil && x.Verdict.Success {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("%d of three are accepted: %+v", accepted, out)
	}
	if r, _ := send(api.BatchRequest{}); r.Code != api.MalformedRequest {
		t.Error(r.body)
	}
	if r, _ := send(api.BatchRequest{Items: make([]api.BatchItem, verifier.MaxBatch+1)}); r.Code != api.TooLarge || r.status != 413 {
		t.Error(r.body)
	}
	if r, _ := send(map[string]any{"items": []any{}, "environment": "test"}); r.Code != api.MalformedRequest {
		t.Error(r.body)
	}
}

// Requests beyond an app's rate are told when to come back; other apps are not
// touched.
func TestRateLimits(t *testing.T) {
	s, reg := newMany(t, func(o *Options) {
		o.Limits = Limits{PerKey: Rate{PerSecond: 2, Burst: 3}, Challenges: Rate{PerSecond: 1, Burst: 2}}
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	a := must(reg.CreateApp(t.Context(), forum))
	k1, _, _ := reg.CreateKey(t.Context(), a.ID)
	second := forum
	second.RP = "other.example"
	b := must(reg.CreateApp(t.Context(), second))
	k2, _, _ := reg.CreateKey(t.Context(), b.ID)
	for i := range 3 {
		if r := s.ask(k1); r.Code != api.MalformedRequest {
			t.Fatalf("%d: %s", i, r.body)
		}
	}
	r := s.ask(k1)
	if r.Code != api.RateLimited || r.status != 429 || r.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s, Retry-After %q", r.status, r.body, r.header.Get("Retry-After"))
	}
	if r := s.ask(k2); r.Code != api.MalformedRequest {
		t.Errorf("another app: %s", r.body)
	}
	s.sleep(time.Second)
	if r := s.ask(k1); r.Code != api.MalformedRequest {
		t.Errorf("after a second: %s", r.body)
	}
	s.sleep(-time.Hour) // T: a clock that steps back gives and takes nothing
	s.sleep(time.Hour)
	batch := call{"POST", "/v1/verify/batch", `{"items":[` + strings.Repeat(`{"action":"post"},`, 9) + `{"action":"post"}]}`, map[string]string{"Authorization": "Bearer " + k2}}
	if r := s.do(batch); r.Code != api.RateLimited {
		t.Errorf("a batch of ten counts ten: %d %s", r.status, r.body)
	}
	ask := func(from string) api.Code {
		return s.do(call{"POST", "/v1/challenges", `{"action":"post"}`, map[string]string{"Origin": origin, "X-Forwarded-For": from}}).Code
	}
	for i, c := range []struct {
		from string
		want api.Code
	}{
		{"192.0.2.1", ""}, {"192.0.2.1", ""}, {"192.0.2.1", api.RateLimited}, {"192.0.2.2", ""},
		{"203.0.113.9, 192.0.2.1", api.RateLimited}, // what the client itself claims is not believed
		{"2001:db8::1", ""}, {"2001:db8::2", ""}, {"2001:db8::3", api.RateLimited},
	} {
		if got := ask(c.from); got != c.want {
			t.Errorf("%d, %s: %q, want %q", i, c.from, got, c.want)
		}
	}
}

// An app that asks for nothing costs no verifier; a store that fails while one
// is made is told as such, and the next request tries again.
func TestVerifiersAreMadeWhenNeeded(t *testing.T) {
	made, fail := 0, true
	s, reg := newMany(t, func(o *Options) {
		open := o.Open
		o.Open = func(ctx context.Context, a registry.App, w Wiring) (*verifier.Verifier, error) {
			if made++; fail {
				return nil, verifier.ErrUnavailable
			}
			return open(ctx, a, w)
		}
	})
	app := must(reg.CreateApp(t.Context(), forum))
	key, _, _ := reg.CreateKey(t.Context(), app.ID)
	if made != 0 {
		t.Errorf("%d verifiers before anybody asked", made)
	}
	if r := s.ask(key); r.Code != api.StoreUnavailable || r.status != 503 || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.body)
	}
	fail = false
	_ = s.ask(key)
	if _, _, err := reg.RotateKey(t.Context(), app.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _ = s.ask(key); made != 2 {
		t.Errorf("made %d times", made)
	}
	if _, err := reg.ChangeApp(t.Context(), app.ID, registry.AppChange{Origins: []string{origin}}); err != nil {
		t.Fatal(err)
	}
	if r := s.do(call{method: "GET", path: "/readyz"}); r.status != 200 {
		t.Error(r.body)
	}
}
