package storetest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

func policyBinding(t *testing.T, s Store) {
	store, ctx := open(t, s), t.Context()
	day := scope.PerDay(5)
	bind := func(env, rp, action string, p scope.Policy) error {
		_, err := store.BindPolicy(ctx, verifier.Bind(env, rp, action, p, p.Period(epoch)))
		return err
	}
	if _, ok, err := store.Policy(ctx, "live", "forum.example", "post"); ok || err != nil {
		t.Fatal("an action that was never used has a policy", err)
	}
	for range 2 {
		if err := bind("live", "forum.example", "post", day); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []scope.Policy{scope.Once(), scope.Returning(), scope.PerEpoch(time.Hour, 5)} {
		wantIs(t, bind("live", "forum.example", "post", other), verifier.ErrPolicyConflict)
	}
	// Another environment, relying party or action is another binding.
	for _, k := range [][3]string{{"test", "forum.example", "post"}, {"live", "shop.example", "post"}, {"live", "forum.example", "vote"}} {
		if err := bind(k[0], k[1], k[2], scope.Once()); err != nil {
			t.Fatal(err)
		}
	}
	got, ok, err := store.Policy(ctx, "live", "forum.example", "post")
	if err != nil || !ok || got.Kind != scope.KindPerEpoch || got.Len != 86400 || got.KIn(day.Period(epoch).Start) != 5 {
		t.Fatalf("%+v %v %v", got, ok, err)
	}
}

func kChanges(t *testing.T, s Store) {
	store, ctx := open(t, s), t.Context()
	kOn := func(days int, k int) uint32 {
		t.Helper()
		p := scope.PerDay(k)
		period := p.Period(epoch.AddDate(0, 0, days))
		b, err := store.BindPolicy(ctx, verifier.Bind("live", "forum.example", "post", p, period))
		if err != nil {
			t.Fatal(err)
		}
		return b.KIn(period.Start)
	}
	for i, c := range []struct {
		day, ask int
		want     uint32
	}{
		{0, 5, 5}, {0, 9, 5}, {0, 9, 5}, {1, 9, 9}, {1, 2, 9}, {1, 9, 9}, {2, 9, 9}, {2, 3, 9}, {5, 3, 3},
		{5, 7, 3}, {9, 4, 7}, {10, 4, 4},
	} {
		if got := kOn(c.day, c.ask); got != c.want {
			t.Fatalf("step %d: k %d, want %d", i, got, c.want)
		}
	}
}

func keys(t *testing.T, s Store) {
	store, ctx := open(t, s), t.Context()
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]bool{}
	for range 16 {
		wg.Go(func() {
			got, err := store.Keys(ctx, "live", "forum.example", newKey)
			if err != nil || len(got) != 1 {
				t.Errorf("%d keys, %v", len(got), err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[string(got[0])] = true
		})
	}
	wg.Wait()
	if len(seen) != 1 {
		t.Fatalf("%d keys were made", len(seen))
	}
	for _, owner := range [][2]string{{"test", "forum.example"}, {"live", "shop.example"}} {
		got, err := store.Keys(ctx, owner[0], owner[1], newKey)
		if err != nil || len(got) != 1 || seen[string(got[0])] {
			t.Fatalf("%v shares a key: %v", owner, err)
		}
	}
	boom := errors.New("no randomness")
	_, err := store.Keys(ctx, "live", "third.example", func() (ed25519.PrivateKey, error) { return nil, boom })
	wantIs(t, err, verifier.ErrUnavailable)
	wantIs(t, err, boom)
}

func restart(t *testing.T, s Store) {
	if s.Reopen == nil {
		t.Log("this store forgets by design: there is nothing to test")
		return
	}
	store, ctx := open(t, s), context.Background()
	var acts []verifier.Act
	for i := range 50 {
		a := NewAct(1, uint64(i))
		if i%2 == 0 {
			a.Credential, a.Key, a.Record = "app", string(rune('A'+i)), []byte{byte(i)}
		}
		acts = append(acts, a)
		expect(t, store, a, verifier.Accepted)
	}
	before, err := store.Keys(ctx, "live", "forum.example", newKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.BindPolicy(ctx, verifier.Bind("live", "forum.example", "post", scope.Once(), scope.Period{})); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		store = s.Reopen(t, store)
		for i, a := range acts {
			if i%2 == 0 {
				if got := expect(t, store, a, verifier.Accepted); !got.Replayed || string(got.Record) != string(a.Record) {
					t.Fatalf("%+v", got)
				}
			} else {
				expect(t, store, a, verifier.NonceUsed)
			}
			again := NewAct(2, uint64(i))
			again.Nullifier, again.Scope = a.Nullifier, a.Scope
			if out, err := store.Spent(ctx, again); err != nil || out.Result != verifier.NullifierUsed {
				t.Fatalf("after a restart: %+v %v", out, err)
			}
		}
		after, err := store.Keys(ctx, "live", "forum.example", newKey)
		if err != nil || len(after) != 1 || !after[0].Equal(before[0]) {
			t.Fatal("the signing key did not survive", err)
		}
		_, err = store.BindPolicy(ctx, verifier.Bind("live", "forum.example", "post", scope.Returning(), scope.Period{}))
		wantIs(t, err, verifier.ErrPolicyConflict)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func hostileText(t *testing.T, s Store) {
	store, ctx := open(t, s), t.Context()
	for i, text := range []string{
		"'; DROP TABLE nonces; --", `" OR 1=1 --`, "?", "$1", "%s%n", "a''b", "\\", "\n", "\u202e", "zwölf", " ", "NULL", "0", "x'00'",
	} {
		a := with(NewAct(1, uint64(i)), func(a *verifier.Act) { a.Environment, a.Credential, a.Key = text, text, text })
		expect(t, store, a, verifier.Accepted)
		if got := expect(t, store, a, verifier.Accepted); !got.Replayed {
			t.Fatalf("%q: %+v", text, got)
		}
		if _, err := store.BindPolicy(ctx, verifier.Bind(text, text, text, scope.Once(), scope.Period{})); err != nil {
			t.Fatal(err)
		}
		if b, ok, err := store.Policy(ctx, text, text, text); err != nil || !ok || b.Action != text {
			t.Fatalf("%q: %+v %v", text, b, err)
		}
		if _, err := store.Keys(ctx, text, text, newKey); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, store, NewAct(2, 0), verifier.Accepted)
}

func states(t *testing.T, s Store) {
	store, ctx := open(t, s), t.Context()
	keeper, ok := store.(verifier.StateKeeper)
	if !ok {
		t.Log("this store keeps no states: there is nothing to test")
		return
	}
	want := func(name, state string) {
		t.Helper()
		if got, err := keeper.LoadState(ctx, name); err != nil || string(got) != state {
			t.Fatalf("%s: %q %v", name, got, err)
		}
	}
	want("issuer.example", "")
	for _, state := range []string{"one", "two\x00\xff", "three"} {
		if err := keeper.SaveState(ctx, "issuer.example", []byte(state)); err != nil {
			t.Fatal(err)
		}
		want("issuer.example", state)
		want("other.example", "")
	}
	if s.Reopen != nil {
		store = s.Reopen(t, store)
		keeper = store.(verifier.StateKeeper)
		want("issuer.example", "three")
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	wantIs(t, keeper.SaveState(ctx, "issuer.example", nil), verifier.ErrClosed)
}
