package verifier_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
)

func keyOf(b byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = b
	return ed25519.NewKeyFromSeed(seed)
}

// Keys given by hand: the newest signs, all are accepted, and one that was taken
// away is not.
func TestKeyOverlap(t *testing.T) {
	zero := keyOf(0) // the scene's own, under which goodRequest is signed
	_, old := goodRequest(t)
	both := newScene(t, func(c *verifier.Config) { c.Keys = []ed25519.PrivateKey{keyOf(9), zero} })
	token := must(scope.ParseChallenge(must(scope.DecodeToken(both.ask(perDay)))))
	if token.KeyID != scope.IDOf(both.v.PublicKeys()[0]) || len(both.v.PublicKeys()) != 2 {
		t.Error("the newest key does not sign")
	}
	both.want(old, api.OK)
	gone := newScene(t, func(c *verifier.Config) { c.Keys = []ed25519.PrivateKey{keyOf(9)} })
	gone.want(old, api.ChallengeInvalid)
}

// A key added to the store by one process is known to all at once, and signs
// when its time has come; a dropped one is refused.
func TestKeyRotation(t *testing.T) {
	store := memory.New()
	ctx := t.Context()
	if err := store.AddKey(ctx, "live", rp, keyOf(0)); err != nil {
		t.Fatal(err)
	}
	open := func() *scene {
		return newScene(t, func(c *verifier.Config) { c.Keys, c.Store = nil, store })
	}
	signer := func(s *scene) ed25519.PublicKey {
		t.Helper()
		id := must(scope.ParseChallenge(must(scope.DecodeToken(s.ask(perDay))))).KeyID
		for _, pub := range s.v.PublicKeys() {
			if scope.IDOf(pub) == id {
				return pub
			}
		}
		t.Fatal("signed by a key that is not published")
		return nil
	}
	public := func(b byte) ed25519.PublicKey { return keyOf(b).Public().(ed25519.PublicKey) }

	first := open()
	before := first.request(0, perDay, 0, first.ask(perDay))
	if err := store.AddKey(ctx, "live", rp, keyOf(9)); err != nil {
		t.Fatal(err)
	}
	second := open() // started later: it has the new key from the start
	if !signer(second).Equal(public(9)) || !signer(first).Equal(public(0)) {
		t.Error("who signs with what")
	}
	time.Sleep(220 * time.Millisecond) // strange keys are looked up five times a second
	after := second.request(1, perDay, 0, second.ask(perDay))
	first.want(after, api.OK) // a challenge of a process that was ahead
	second.want(before, api.OK)
	if got := first.v.PublicKeys(); len(got) != 2 || !got[0].Equal(public(9)) {
		t.Error("the well-known document lacks the new key")
	}
	if !signer(first).Equal(public(0)) {
		t.Error("the new key signs before all can know it")
	}
	first.now = first.now.Add(2 * time.Minute)
	if !signer(first).Equal(public(9)) {
		t.Error("the new key never signs")
	}
	// A stranger's challenges make nobody read the store again and again.
	counting := &countingKeys{Store: store}
	third := newScene(t, func(c *verifier.Config) { c.Keys, c.Store = nil, counting })
	for range 50 {
		bad := after
		bad.Challenge = forged(third)
		third.want(bad, api.ChallengeInvalid)
	}
	if counting.n > 2 {
		t.Errorf("the store was asked %d times", counting.n)
	}
	if err := store.DropKey(ctx, "live", rp, public(0)); err != nil {
		t.Fatal(err)
	}
	late := open()
	late.want(before, api.ChallengeInvalid)
	// A store that is silent leaves the keys that are at hand.
	_ = store.Close()
	time.Sleep(220 * time.Millisecond)
	if err := first.v.RefreshKeys(ctx); err != nil {
		t.Error(err)
	}
	if _, err := verifier.New(ctx, verifier.Config{RP: rp, Roots: first.roots, Store: store, Rand: rand.NewChaCha8([32]byte{})}); !errors.Is(err, verifier.ErrUnavailable) {
		t.Error("a verifier without keys starts:", err)
	}
}

type countingKeys struct {
	verifier.Store
	n int
}

func (c *countingKeys) Keys(ctx context.Context, environment, rp string, make func() (ed25519.PrivateKey, error)) ([]ed25519.PrivateKey, error) {
	c.n++
	return c.Store.Keys(ctx, environment, rp, make)
}
