package verifier_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
)

// What the store says when it cannot decide is an error with its code, never a
// verdict, and a request that is sent again under its key gets the answer.
func TestStoreTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code api.Code
	}{
		"in doubt":    {verifier.ErrInDoubt, api.InDoubt},
		"unavailable": {verifier.ErrUnavailable, api.StoreUnavailable},
		"closed":      {verifier.ErrClosed, api.StoreUnavailable},
		"unknown":     {errors.New("what?"), api.StoreUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			broken := &brokenStore{Store: memory.New(), err: c.err}
			s := newScene(t, func(cfg *verifier.Config) { cfg.Store = broken })
			r := s.request(0, perDay, 0, s.ask(perDay))
			r.IdempotencyKey = "k"
			v, err := s.v.Consume(t.Context(), r)
			var e *api.Error
			if v.Success || !errors.As(err, &e) || e.Code != c.code || !e.Code.Retryable() || e.RetryAfter == 0 {
				t.Fatalf("%+v %v", v, err)
			}
			broken.err = nil
			if v := s.want(r, api.OK); v.Replayed != (c.code == api.InDoubt) {
				t.Errorf("%+v", v)
			}
		})
	}
}

// brokenStore writes and then says that it did not, or does not write at all.
type brokenStore struct {
	verifier.Store
	err error
}

func (b *brokenStore) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if b.err == nil {
		return b.Store.Spend(ctx, a)
	}
	if errors.Is(b.err, verifier.ErrInDoubt) {
		if _, err := b.Store.Spend(ctx, a); err != nil {
			return verifier.Outcome{}, err
		}
	}
	return verifier.Outcome{}, b.err
}

// T45: a flood of bad proofs fills the waiting room and no more.
func TestT45PairingsAreBounded(t *testing.T) {
	s := newScene(t, func(c *verifier.Config) { c.MaxPairings, c.MaxWaiting = 1, 4 })
	good := s.request(0, perDay, 0, s.ask(perDay))
	bad, p := good, *good.Proof
	bad.Proof = &p
	swap(&p)
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[api.Code]int{}
	for range 300 {
		wg.Go(func() {
			v, err := s.v.Check(context.Background(), bad)
			var e *api.Error
			if err != nil && (!errors.As(err, &e) || e.Code != api.Overloaded || e.RetryAfter <= 0) {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			codes[verdictOf(v, err).Code]++
		})
	}
	wg.Wait()
	if codes[api.Overloaded] == 0 || codes[api.ProofInvalid] == 0 || codes[api.Overloaded]+codes[api.ProofInvalid] != 300 {
		t.Errorf("%v", codes)
	}
	s.want(good, api.OK)
	// A caller that goes away leaves its place.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = s.v.Check(ctx, bad)
}

// A repeat that is forgotten between the look and the commit is no new act.
func TestForgottenRepeat(t *testing.T) {
	store := &forgetful{Store: memory.New()}
	s := newScene(t, func(c *verifier.Config) { c.Store = store })
	r := s.request(0, perDay, 0, s.ask(perDay))
	r.IdempotencyKey = "k"
	s.want(r, api.OK)
	s.now = s.now.AddDate(0, 0, 3)
	store.forget = true
	s.want(r, api.ChallengeExpired)
}

// forgetful sweeps everything just before it spends.
type forgetful struct {
	verifier.Store
	forget bool
}

func (f *forgetful) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if f.forget {
		if _, err := f.Sweep(ctx, a.Now.AddDate(1, 0, 0)); err != nil {
			return verifier.Outcome{}, err
		}
	}
	return f.Store.Spend(ctx, a)
}
func TestReadyAndSweep(t *testing.T) {
	s, r := goodRequest(t)
	if err := s.v.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want(r, api.OK)
	s.now = s.now.AddDate(0, 0, 3)
	if err := s.v.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.roots.Set(setlog.ErrStale)
	if err := s.v.Ready(t.Context()); api.CodeOf(err) != api.RootsStale {
		t.Error(err)
	}
	s.roots.Set(nil)
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.v.Ready(t.Context()); api.CodeOf(err) != api.StoreUnavailable {
		t.Error(err)
	}
}

// eventKeeper shows the events that came with acts.
type eventKeeper struct {
	verifier.Store
	events []verifier.Event
}

func (k *eventKeeper) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if a.Event != nil {
		k.events = append(k.events, *a.Event)
	}
	return k.Store.Spend(ctx, a)
}
