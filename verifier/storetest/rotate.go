package storetest

import (
	"context"
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// snapshots: which set an action counts is part of its policy for ever.
func snapshots(t *testing.T, s Store) {
	store, ctx := open(t, s), t.Context()
	bind := func(action string, p scope.Policy) (verifier.Binding, error) {
		return store.BindPolicy(ctx, verifier.Bind("live", "forum.example", action, p, p.Period(epoch)))
	}
	frozen := scope.Snapshot(1<<40+7, scope.Once())
	for range 2 {
		if b, err := bind("vote", frozen); err != nil || b.Snapshot != 1<<40+7 {
			t.Fatalf("%+v %v", b, err)
		}
	}
	for _, other := range []scope.Policy{scope.Once(), scope.Snapshot(7, scope.Once()), scope.Snapshot(1<<40+7, scope.Returning())} {
		_, err := bind("vote", other)
		wantIs(t, err, verifier.ErrPolicyConflict)
	}
	if b, ok, err := store.Policy(ctx, "live", "forum.example", "vote"); err != nil || !ok || b.Snapshot != 1<<40+7 {
		t.Fatalf("%+v %v %v", b, ok, err)
	}
	if _, err := bind("poll", scope.Once()); err != nil {
		t.Fatal(err)
	}
	_, err := bind("poll", frozen) // a moving set is not frozen later either
	wantIs(t, err, verifier.ErrPolicyConflict)
}

func rotation(t *testing.T, s Store) {
	store, ctx := open(t, s), context.Background()
	r, ok := store.(verifier.KeyRotator)
	if !ok {
		t.Log("this store does not rotate keys: there is nothing to test")
		return
	}
	list := func(rp string) []ed25519.PrivateKey {
		t.Helper()
		keys, err := store.Keys(ctx, "live", rp, newKey)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	want := func(rp string, keys ...ed25519.PrivateKey) {
		t.Helper()
		got := list(rp)
		if !slices.EqualFunc(got, keys, func(a, b ed25519.PrivateKey) bool { return a.Equal(b) }) {
			t.Fatalf("%d keys, or in another order; want %d", len(got), len(keys))
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	made := func() ed25519.PrivateKey {
		k, err := newKey()
		must(err)
		return k
	}
	public := func(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }
	first, other := list("forum.example")[0], list("shop.example")[0]
	second, third := made(), made()
	must(r.AddKey(ctx, "live", "forum.example", second))
	must(r.AddKey(ctx, "live", "forum.example", third))
	want("forum.example", third, second, first)
	want("shop.example", other)
	must(r.AddKey(ctx, "live", "forum.example", first)) // back again
	want("forum.example", first, third, second)
	must(r.DropKey(ctx, "live", "forum.example", public(third)))
	must(r.DropKey(ctx, "live", "forum.example", public(third))) // gone already
	must(r.DropKey(ctx, "live", "forum.example", public(first)))
	want("forum.example", second)
	wantIs(t, r.DropKey(ctx, "live", "forum.example", public(second)), verifier.ErrUnavailable)
	want("forum.example", second)
	early := made() // before any was asked for
	must(r.AddKey(ctx, "live", "new.example", early))
	want("new.example", early)
}
