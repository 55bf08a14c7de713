package verifier_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

const (
	rp     = "forum.example"
	origin = "https://forum.example"
	action = "post"
)

var noon = time.Unix(1_800_014_400, 0) // 12:00 UTC

// scene is a verifier with a clock that stands still, a store, roots and
// deterministic randomness, so that its challenges, and with them the proofs,
// are the same in each test.
type scene struct {
	t        testing.TB
	v        *verifier.Verifier
	store    verifier.Store
	roots    *verifiertest.Roots
	set      *verifiertest.Set
	now      time.Time
	counters verifier.Counters
}

func newScene(t testing.TB, change ...func(*verifier.Config)) *scene {
	t.Helper()
	s := &scene{t: t, set: verifiertest.One(), now: noon, store: memory.New()}
	s.roots = s.set.Roots()
	seed := make([]byte, ed25519.SeedSize)
	cfg := verifier.Config{
		RP: rp, Roots: s.roots, Store: s.store, Now: func() time.Time { return s.now },
		Keys: []ed25519.PrivateKey{ed25519.NewKeyFromSeed(seed)}, Rand: rand.NewChaCha8([32]byte{1}), Observe: s.counters.Observe,
	}
	for _, f := range change {
		f(&cfg)
	}
	s.store = cfg.Store
	var err error
	if s.v, err = verifier.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

// ask gets a challenge for the action.
func (s *scene) ask(p scope.Policy) string {
	s.t.Helper()
	c, err := s.v.Challenge(s.t.Context(), verifier.ChallengeRequest{Action: action, Policy: p, Origin: origin, Session: "session 1"})
	if err != nil {
		s.t.Fatal(err)
	}
	return c.Challenge
}

var content = must(scope.Content(scope.KindRaw, []byte("hello")))

// request has person i answer a challenge in a slot.
func (s *scene) request(i int, p scope.Policy, slot uint32, challenge string) verifier.Request {
	s.t.Helper()
	token := must(scope.DecodeToken(challenge))
	sc := must(scope.Compute(rp, action, p.Period(s.now), slot))
	return verifier.Request{
		Action: action, Policy: p, Challenge: challenge, Content: content, Session: "session 1", Origin: origin,
		Proof: s.set.Prove(s.t, i, scope.Message(content, scope.ChallengeDigest(token)), sc),
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// consume gives the verdict, or one with the code of the error.
func (s *scene) consume(r verifier.Request) api.Verdict {
	s.t.Helper()
	return verdictOf(s.v.Consume(s.t.Context(), r))
}

func verdictOf(v api.Verdict, err error) api.Verdict {
	if err != nil {
		return api.Verdict{Code: api.CodeOf(err)}
	}
	return v
}

func (s *scene) want(r verifier.Request, code api.Code) api.Verdict {
	s.t.Helper()
	v := s.consume(r)
	if v.Code != code || v.Success != (code == api.OK) {
		s.t.Fatalf("got %s, want %s: %+v", v.Code, code, v)
	}
	return v
}

func TestAcceptedVerdictHasEveryField(t *testing.T) {
	s := newScene(t)
	p := scope.PerDay(5)
	r := s.request(0, p, 3, s.ask(p))
	pre, err := s.v.Check(t.Context(), r)
	if err != nil || !pre.Success {
		t.Fatalf("Check: %+v %v", pre, err)
	}
	v := s.want(r, api.OK)
	nullifier := s.set.IDs[0].Nullifier(r.Proof.Scope)
	switch {
	case v.Action != action, v.Policy != "per_epoch", v.Nullifier != nullifier.String(), v.Returning, v.Replayed, v.SameMessage != nil,
		v.Slot == nil || *v.Slot != 3, v.K != 5, v.Period == nil || *v.Period != api.Period{Start: 1_799_971_200, Len: 86400},
		v.Root != s.set.Group.Root().String(), v.RootSeq != 7, v.SetSize != verifiertest.Size, v.Bound != 1, v.Environment != "live",
		v.FirstSeenAt != uint64(noon.Unix()), !strings.HasPrefix(v.VerificationID, "ver_"), v.Retryable, v.ErrorCodes == nil, len(v.ErrorCodes) != 0:
		t.Errorf("%+v", v)
	}
	if n := s.counters.Snapshot(); n[api.OK] != 2 || len(n) != 1 {
		t.Errorf("counters %v", n)
	}
}

// Check writes nothing: not the nullifier, not the nonce, not the policy.
func TestCheckIsPure(t *testing.T) {
	s := newScene(t)
	r := s.request(0, scope.Once(), 0, s.ask(scope.Once()))
	other := newScene(t) // the same keys, an untouched store
	for range 3 {
		if v, err := other.v.Check(t.Context(), r); err != nil || !v.Success {
			t.Fatalf("%+v %v", v, err)
		}
	}
	if _, bound, err := other.store.Policy(t.Context(), "live", rp, action); err != nil || bound {
		t.Errorf("Check has bound the policy: %v", err)
	}
	other.want(r, api.OK)
	if v := verdictOf(other.v.Check(t.Context(), r)); v.Code != api.ChallengeAlreadyUsed {
		t.Errorf("%+v", v)
	}
}

func TestPolicies(t *testing.T) {
	t.Run("Once", func(t *testing.T) {
		s := newScene(t)
		s.want(s.request(0, scope.Once(), 0, s.ask(scope.Once())), api.OK)
		s.now = s.now.AddDate(10, 0, 0)
		v := s.want(s.request(0, scope.Once(), 0, s.ask(scope.Once())), api.NullifierAlreadyUsed)
		if v.SameMessage == nil || *v.SameMessage || v.FirstSeenAt != uint64(noon.Unix()) || v.Nullifier == "" {
			t.Errorf("%+v", v)
		}
		s.want(s.request(1, scope.Once(), 0, s.ask(scope.Once())), api.OK)
	})
	t.Run("PerDay", func(t *testing.T) {
		s := newScene(t)
		p := scope.PerDay(2)
		s.want(s.request(0, p, 0, s.ask(p)), api.OK)
		s.want(s.request(0, p, 1, s.ask(p)), api.OK)
		s.want(s.request(0, p, 1, s.ask(p)), api.NullifierAlreadyUsed)
		s.want(s.request(0, p, 2, s.ask(p)), api.ScopeMismatch) // a third slot is none
		late := s.request(0, p, 0, s.ask(p))
		s.now = s.now.Add(12*time.Hour - time.Second)
		s.want(s.request(1, p, 0, s.ask(p)), api.OK)
		s.now = s.now.Add(time.Second) // midnight: yesterday's proof has no grace
		s.want(late, api.ChallengeExpired)
		s.want(s.request(0, p, 0, s.ask(p)), api.OK)
	})
	t.Run("midnight has no grace", func(t *testing.T) {
		s := newScene(t)
		p := scope.PerDay(1)
		s.now = noon.Add(12*time.Hour - time.Second)
		r := s.request(2, p, 0, s.ask(p))
		s.now = s.now.Add(time.Second)
		s.want(r, api.ScopeMismatch)
	})
	t.Run("Returning", func(t *testing.T) {
		s := newScene(t)
		first := s.request(0, scope.Returning(), 0, s.ask(scope.Returning()))
		if v := s.want(first, api.OK); v.Returning {
			t.Error("a first visit is no return")
		}
		s.want(first, api.ChallengeAlreadyUsed) // a replay is not a visit
		s.now = s.now.Add(time.Minute)
		if v := s.want(s.request(0, scope.Returning(), 0, s.ask(scope.Returning())), api.OK); !v.Returning || v.FirstSeenAt != uint64(noon.Unix()) {
			t.Errorf("%+v", v)
		}
	})
	t.Run("one action, one policy", func(t *testing.T) {
		s := newScene(t)
		r := s.request(0, scope.Once(), 0, s.ask(scope.Once()))
		s.want(r, api.OK)
		r.Policy = scope.Returning() // the same scope, but a second use would be welcome
		s.want(r, api.PolicyConflict)
		if v := verdictOf(s.v.Check(t.Context(), r)); v.Code != api.PolicyConflict {
			t.Errorf("%+v", v)
		}
	})
}

// Concurrent Consume of one proof, and of rival proofs of one person.
func TestT10OneWinner(t *testing.T) {
	s := newScene(t)
	p := scope.Once()
	rivals := []verifier.Request{s.request(0, p, 0, s.ask(p)), s.request(0, p, 0, s.ask(p)), s.request(0, p, 0, s.ask(p))}
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[api.Code]int{}
	for i := range 64 {
		wg.Go(func() {
			v, err := s.v.Consume(context.Background(), rivals[i%3])
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			codes[v.Code]++
		})
	}
	wg.Wait()
	if codes[api.OK] != 1 || codes[api.ChallengeAlreadyUsed]+codes[api.NullifierAlreadyUsed] != 63 {
		t.Errorf("%v", codes)
	}
}

func TestIdempotency(t *testing.T) {
	s := newScene(t)
	p := scope.PerDay(5)
	r := s.request(0, p, 1, s.ask(p))
	r.Credential, r.IdempotencyKey = "app", "order-17"
	first := s.want(r, api.OK)
	if first.Replayed {
		t.Error("the first is no replay")
	}
	same := func(v api.Verdict) {
		t.Helper()
		if !v.Replayed {
			t.Fatal("not marked as a replay")
		}
		v.Replayed = false
		if *v.Slot != *first.Slot || *v.Period != *first.Period {
			t.Errorf("%+v", v)
		}
		v.Slot, v.Period, v.ErrorCodes = first.Slot, first.Period, first.ErrorCodes
		if !equalVerdicts(v, first) {
			t.Errorf("%+v, first %+v", v, first)
		}
	}
	same(s.want(r, api.OK))
	// Time passes the challenge, the period and the root; the issuer is silent.
	s.now = s.now.Add(20 * time.Minute)
	same(s.want(r, api.OK))
	s.now = s.now.Add(20 * time.Hour)
	same(s.want(r, api.OK))
	s.roots.Expire(r.Proof.MerkleTreeRoot, true)
	same(s.want(r, api.OK))
	s.roots.Set(errors.New("silence"))
	same(s.want(r, api.OK))
	// But not for anybody else, or without the proof.
	for name, change := range map[string]func(*verifier.Request){
		"no key":           func(r *verifier.Request) { r.IdempotencyKey = "" },
		"other key":        func(r *verifier.Request) { r.IdempotencyKey = "order-18" },
		"other credential": func(r *verifier.Request) { r.Credential = "other-app" },
		"other session":    func(r *verifier.Request) { r.Session = "session 2" },
		"other content":    func(r *verifier.Request) { r.Content = scope.Digest{} },
	} {
		bad := r
		change(&bad)
		if v := s.consume(bad); v.Code != api.ChallengeExpired {
			t.Errorf("%s: %s", name, v.Code)
		}
	}
	bad := r
	spoiled := *r.Proof
	spoiled.Points[0], spoiled.Points[6] = spoiled.Points[6], spoiled.Points[0]
	bad.Proof = &spoiled
	if v := s.consume(bad); v.Code != api.ProofInvalid {
		t.Errorf("a repeat without the proof: %s", v.Code)
	}
	s.roots.Set(nil)
	s.roots.Expire(r.Proof.MerkleTreeRoot, false)

	other := s.request(1, p, 1, s.ask(p))
	other.Credential, other.IdempotencyKey = "app", "order-17"
	s.want(other, api.IdempotencyKeyConflict)
	other.IdempotencyKey = "order-19"
	s.want(other, api.OK)
}

func equalVerdicts(a, b api.Verdict) bool {
	a.ErrorCodes, b.ErrorCodes, a.Slot, b.Slot, a.Period, b.Period = nil, nil, nil, nil, nil, nil
	return a.Success == b.Success && a.Code == b.Code && a.Action == b.Action && a.Policy == b.Policy && a.Nullifier == b.Nullifier &&
		a.K == b.K && a.Root == b.Root && a.RootSeq == b.RootSeq && a.SetSize == b.SetSize && a.Bound == b.Bound &&
		a.Environment == b.Environment && a.FirstSeenAt == b.FirstSeenAt && a.VerificationID == b.VerificationID && a.Returning == b.Returning
}

func TestEnvironmentsAreApart(t *testing.T) {
	store := memory.New()
	live := newScene(t, func(c *verifier.Config) { c.Store = store })
	test := newScene(t, func(c *verifier.Config) { c.Store, c.Environment = store, "test" })
	r := live.request(0, scope.Once(), 0, live.ask(scope.Once()))
	live.want(r, api.OK)
	if v := test.want(r, api.OK); v.Environment != "test" {
		t.Errorf("%+v", v)
	}
	live.want(r, api.ChallengeAlreadyUsed)
}

func TestReceipt(t *testing.T) {
	s := newScene(t)
	r := scope.Receipt{Scope: semaphore.Uint256{1}, RootSeq: 7, AcceptedAt: 9}
	sig := s.v.Receipt(r)
	if err := r.Verify(s.v.PublicKeys()[0], sig); err != nil {
		t.Error(err)
	}
}
