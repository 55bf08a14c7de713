package verifier_test

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
	"github.com/perhuman/perhuman/verifier/sqlite"
)

// T07: a restored store reopens what was spent since its backup. Frozen, it
// decides nothing of which it may have lost something.
func TestT07RestoredStoreIsFrozen(t *testing.T) {
	frozen := func(s *scene, r verifier.Request) *api.Error {
		t.Helper()
		v, err := s.v.Consume(t.Context(), r)
		var e *api.Error
		if v.Success || !errors.As(err, &e) || e.Code != api.StoreUnavailable || e.RetryAfter < time.Second {
			t.Fatalf("%+v %v", v, err)
		}
		return e
	}
	policies := []scope.Policy{perDay, scope.Once(), scope.Returning()}
	for _, p := range policies {
		scenes := byte(10 * (p.Kind + 1))
		over := func(store verifier.Store) func(*verifier.Config) {
			scenes++ // scenes share a store, and no nonces
			return func(c *verifier.Config) { c.Store, c.Rand = store, rand.NewChaCha8([32]byte{scenes}) }
		}
		t.Run(p.Kind.String(), func(t *testing.T) {
			kept, lost := memory.New(), memory.New() // the backup, and what was running when the disk died
			var old verifier.Request
			for _, store := range []verifier.Store{lost, kept} {
				s := newScene(t, over(store))
				old = s.request(0, p, 0, s.ask(p))
				old.IdempotencyKey = "k"
				s.want(old, api.OK)
			}
			s := newScene(t, over(lost))
			s.want(s.request(1, p, 0, s.ask(p)), api.OK)

			// The trap: without a freeze the lost one is accepted again.
			trap := newScene(t, over(memory.New()))
			trap.want(trap.request(1, p, 0, trap.ask(p)), api.OK)

			if err := verifier.Freeze(t.Context(), kept, noon); err != nil {
				t.Fatal(err)
			}
			s = newScene(t, over(kept))
			if p.Kind == scope.KindReturning {
				s.want(s.request(1, p, 0, s.ask(p)), api.ChallengeExpired) // of the very second of the restore
				s.now = s.now.Add(time.Second)
				s.want(s.request(1, p, 0, s.ask(p)), api.OK)
				return
			}
			s.now = s.now.Add(time.Second)
			e := frozen(s, s.request(1, p, 0, s.ask(p)))
			s.want(s.request(0, p, 0, s.ask(p)), api.NullifierAlreadyUsed) // what it knows, it says
			if v := s.want(old, api.OK); !v.Replayed {
				t.Errorf("%+v", v)
			}
			if p.Kind == scope.KindPerEpoch { // the next period is whole
				s.now = s.now.Add(e.RetryAfter - time.Second)
				frozen(s, s.request(1, p, 0, s.ask(p)))
				s.now = s.now.Add(time.Second)
				s.want(s.request(1, p, 0, s.ask(p)), api.OK)
			}
			if err := verifier.Freeze(t.Context(), kept, time.Time{}); err != nil {
				t.Fatal(err)
			}
			at := s.now
			s = newScene(t, over(kept))
			s.now = at
			s.want(s.request(2, p, 0, s.ask(p)), api.OK)
		})
	}
}

// The freeze outlives a restart, and no later call moves it back.
func TestFreezeIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	for i, c := range []struct{ freeze, want time.Time }{
		{noon, noon.Add(time.Second)}, {noon.Add(-time.Hour), noon.Add(time.Second)},
		{noon.Add(time.Hour), noon.Add(time.Hour + time.Second)}, {time.Time{}, time.Time{}}, {time.Time{}, time.Time{}}, {noon, noon.Add(time.Second)},
	} {
		store, err := sqlite.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Freeze(t.Context(), store, c.freeze); err != nil {
			t.Fatal(err)
		}
		if at, err := verifier.FrozenBefore(t.Context(), store); err != nil || !at.Equal(c.want) {
			t.Fatalf("step %d: %v %v", i, at, err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
