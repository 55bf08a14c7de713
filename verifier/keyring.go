package verifier

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perhuman/perhuman/semaphore/scope"
)

// keyring holds the signing keys: the newest signs, all are accepted. Keys of
// the store are read again when a challenge names one that is not known, and now
// and then, so that a key that was added by one process is known to all.
//
// A key that this process learned of later does not sign before the overlap is
// over: until then another process, or a copy of the well-known document, may
// not know it.
type keyring struct {
	load func(context.Context) ([]ed25519.PrivateKey, error) // nil: the keys are given by hand
	now  func() time.Time

	ring atomic.Pointer[ring]

	loading sync.Mutex
	loaded  atomic.Pointer[time.Time] // by the wall clock
}

// read notes that the store is asked now.
func (k *keyring) read() {
	now := time.Now()
	k.loaded.Store(&now)
}

// ring is never changed once it is visible.
type ring struct {
	keys   []ed25519.PrivateKey // newest first
	public []ed25519.PublicKey
	since  []time.Time // when this process learned of each; zero = it always knew
}

const (
	keysEvery   = time.Minute     // how old what was read from the store may be
	keysGap     = time.Second / 5 // between two readings that strange challenges ask for
	keyOverlap  = 2 * time.Minute // before a new key signs: a reading, and the copies of the well-known document
	keysTimeout = 5 * time.Second
)

func newKeyring(ctx context.Context, cfg Config) (*keyring, error) {
	k := &keyring{now: cfg.Now}
	k.read()
	keys := cfg.Keys
	if len(keys) == 0 {
		k.load = func(ctx context.Context) ([]ed25519.PrivateKey, error) {
			return cfg.Store.Keys(ctx, cfg.Environment, cfg.RP, func() (ed25519.PrivateKey, error) {
				_, key, err := ed25519.GenerateKey(cfg.Rand)
				return key, err
			})
		}
		var err error
		if keys, err = k.load(ctx); err != nil {
			return nil, fmt.Errorf("verifier: signing keys: %w", err)
		}
	}
	r, err := newRing(keys, nil, time.Time{})
	if err != nil {
		return nil, err
	}
	k.ring.Store(r)
	return k, nil
}

func newRing(keys []ed25519.PrivateKey, before *ring, now time.Time) (*ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("verifier: there is no signing key")
	}
	r := &ring{keys: slices.Clone(keys)}
	for _, key := range keys {
		if len(key) != ed25519.PrivateKeySize {
			return nil, errors.New("verifier: a signing key has the wrong length")
		}
		r.public = append(r.public, key.Public().(ed25519.PublicKey))
		since := now
		if before != nil {
			if i := slices.IndexFunc(before.keys, func(old ed25519.PrivateKey) bool { return old.Equal(key) }); i >= 0 {
				since = before.since[i]
			}
		}
		r.since = append(r.since, since)
	}
	return r, nil
}

// signer is the newest key that all can be expected to know.
func (k *keyring) signer() ed25519.PrivateKey {
	r := k.ring.Load()
	for i, key := range r.keys {
		if k.now().Sub(r.since[i]) >= keyOverlap || r.since[i].IsZero() {
			return key
		}
	}
	return r.keys[len(r.keys)-1]
}

func (k *keyring) public() []ed25519.PublicKey { return k.ring.Load().public }

// knows reports whether a key of that name is here.
func (k *keyring) knows(id scope.KeyID) bool {
	return slices.ContainsFunc(k.public(), func(pub ed25519.PublicKey) bool { return scope.IDOf(pub) == id })
}

// refresh reads the keys again if that was longer ago than age. If the store
// does not answer, the keys stay.
func (k *keyring) refresh(ctx context.Context, age time.Duration) error {
	if k.load == nil || time.Since(*k.loaded.Load()) < age {
		return nil
	}
	k.loading.Lock()
	defer k.loading.Unlock()
	if time.Since(*k.loaded.Load()) < age {
		return nil // somebody else just did
	}
	k.read()
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	keys, err := k.load(ctx)
	if err != nil {
		return err
	}
	before := k.ring.Load()
	if slices.EqualFunc(keys, before.keys, func(a, b ed25519.PrivateKey) bool { return a.Equal(b) }) {
		return nil
	}
	r, err := newRing(keys, before, k.now())
	if err != nil {
		return err
	}
	k.ring.Store(r)
	return nil
}

// open reads a challenge token under the keys.
func (k *keyring) open(ctx context.Context, token []byte) (scope.Challenge, error) {
	age := keysEvery
	if c, err := scope.ParseChallenge(token); err == nil && !k.knows(c.KeyID) {
		age = keysGap
	}
	_ = k.refresh(ctx, age) // what stays unknown is refused for that
	return scope.OpenOwnChallenge(token, k.ring.Load().keys)
}

// PublicKeys are the keys that challenges and receipts are signed with, newest
// first: what /.well-known/perhuman.json publishes.
func (v *Verifier) PublicKeys() []ed25519.PublicKey { return slices.Clone(v.keys.public()) }

// RefreshKeys reads the signing keys from the store again, if that was not done
// within the last minute: call it now and then, for instance where the well-known
// document is served. A key that was added to the store is accepted as soon as a
// challenge names it, and signs two minutes after it was first seen here.
func (v *Verifier) RefreshKeys(ctx context.Context) error { return v.keys.refresh(ctx, keysEvery) }

// Receipt signs a receipt with the newest key.
func (v *Verifier) Receipt(r scope.Receipt) []byte { return r.Sign(v.keys.signer()) }
