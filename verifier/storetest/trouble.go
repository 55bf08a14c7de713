package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
)

func inDoubtKept(t *testing.T, s Store) { inDoubt(t, s, true) }
func inDoubtLost(t *testing.T, s Store) { inDoubt(t, s, false) }

// inDoubt: a COMMIT that reports failure is never an acceptance and never a
// refusal; sending the same act again settles it.
func inDoubt(t *testing.T, s Store, kept bool) {
	if s.Doubtful == nil {
		t.Log("a commit cannot fail in this store: there is nothing to test")
		return
	}
	store, fired := s.Doubtful(t, kept)
	t.Cleanup(func() { _ = store.Close() })
	a := with(NewAct(1, 1), func(a *verifier.Act) { a.Credential, a.Key, a.Record = "app", "k", []byte("r") })
	out, err := store.Spend(t.Context(), a)
	wantIs(t, err, verifier.ErrInDoubt)
	if errors.Is(err, verifier.ErrUnavailable) {
		t.Fatal("in doubt is not unavailable: something may have been written")
	}
	if out.Result != 0 || fired() != 1 {
		t.Fatalf("%+v, the fault fired %d times", out, fired())
	}
	got := expect(t, store, a, verifier.Accepted)
	if got.Replayed != kept {
		t.Fatalf("kept %v, but replayed %v", kept, got.Replayed)
	}
	rival := with(NewAct(2, 1), func(b *verifier.Act) { b.Nullifier, b.Scope = a.Nullifier, a.Scope })
	expect(t, store, rival, verifier.NullifierUsed)
}

func cancelled(t *testing.T, s Store) {
	store := open(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := NewAct(1, 1)
	_, err := store.Spend(ctx, a)
	wantIs(t, err, verifier.ErrUnavailable)
	wantIs(t, err, context.Canceled)
	_, err = store.Spent(ctx, a)
	wantIs(t, err, verifier.ErrUnavailable)
	_, err = store.Keys(ctx, "live", "forum.example", newKey)
	wantIs(t, err, verifier.ErrUnavailable)
	expect(t, store, a, verifier.Accepted)
}

// cancelledAnywhere: callers that give up at random moments. What an answer
// said must hold afterwards, and nothing may be half there.
func cancelledAnywhere(t *testing.T, s Store) {
	store := open(t, s)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 14)) // #nosec G404 -- repeatable chance for a test
			for i := range 40 {
				a := NewAct(byte(10+g), uint64(i))
				a.Credential, a.Key = "app", strconv.Itoa(g)+"/"+strconv.Itoa(i)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(2000))*time.Microsecond)
				out, err := store.Spend(ctx, a)
				cancel()
				again, err2 := store.Spend(t.Context(), a)
				switch {
				case err2 != nil:
					t.Errorf("resent: %v", err2)
				case again.Result != verifier.Accepted:
					t.Errorf("resent: %+v", again)
				case err == nil && (out.Result != verifier.Accepted || !again.Replayed):
					t.Errorf("acknowledged as %+v and then %+v", out, again)
				case err != nil && !errors.Is(err, verifier.ErrInDoubt) && (!errors.Is(err, verifier.ErrUnavailable) || again.Replayed):
					t.Errorf("%v, and then %+v", err, again)
				}
			}
		})
	}
	wg.Wait()
}

func closed(t *testing.T, s Store) {
	store := open(t, s)
	// Close while spends are under way: each is either done or refused.
	var wg sync.WaitGroup
	var mu sync.Mutex
	var done []verifier.Act
	started := make(chan struct{}, racers)
	for i := range racers {
		wg.Go(func() {
			a := NewAct(1, uint64(i))
			started <- struct{}{}
			out, err := store.Spend(context.Background(), a)
			if err != nil && !errors.Is(err, verifier.ErrClosed) {
				t.Errorf("%v", err)
			}
			if err == nil && out.Result == verifier.Accepted {
				mu.Lock()
				defer mu.Unlock()
				done = append(done, a)
			}
		})
	}
	for range racers / 2 {
		<-started
	}
	if s.Reopen != nil {
		store2 := s.Reopen(t, store)
		wg.Wait()
		for _, a := range done {
			if out, err := store2.Spent(t.Context(), a); err != nil || out.Result != verifier.NonceUsed {
				t.Errorf("an acknowledged spend is gone: %+v %v", out, err)
			}
		}
		if err := store2.Close(); err != nil {
			t.Error(err)
		}
	} else if err := store.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	for range 2 {
		_, err := store.Spend(t.Context(), NewAct(2, 1))
		wantIs(t, err, verifier.ErrClosed)
		wantIs(t, err, verifier.ErrUnavailable)
		_, err = store.Spent(t.Context(), NewAct(2, 1))
		wantIs(t, err, verifier.ErrClosed)
		if err := store.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
	}
}
