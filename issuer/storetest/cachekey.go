package storetest

import (
	"errors"
	"testing"

	"github.com/perhuman/perhuman/issuer"
)

// cacheKey: one key of the gallery cache, the newest; an older writer does not
// bring back what a newer one destroyed. That it goes with a template, at every
// step or not at all, is in everyStepOfLeaving.
func cacheKey(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	holds := func(store issuer.Store, want string) {
		t.Helper()
		if got, err := store.CacheKey(t.Context()); err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	holds(r.store, "")
	for _, key := range []string{"one", "another", "a longer one"} {
		if err := r.store.SetCacheKey(t.Context(), []byte(key)); err != nil {
			t.Fatal(err)
		}
		holds(r.store, key)
	}
	second := s.Second(t, r.store)
	t.Cleanup(func() { _ = second.Close() })
	holds(second, "a longer one")
	if _, err := issuer.New(t.Context(), r.config(second)); err != nil {
		t.Fatal(err)
	}
	if err := r.store.SetCacheKey(t.Context(), []byte("late")); !errors.Is(err, issuer.ErrFenced) {
		t.Errorf("the older writer: %v", err)
	}
	holds(second, "a longer one")
	dumped(t, second)
}
