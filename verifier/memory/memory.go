// Package memory is a spend store that forgets everything at the end of the
// process. It is for tests and for things that may be done again after a
// restart; whoever needs "once" to mean once takes verifier/sqlite.
package memory

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
	"time"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/verifier"
)

// Store implements verifier.Store.
type Store struct {
	mu         sync.Mutex
	closed     bool
	nonces     map[nonceKey]verifier.Act
	keys       map[idemKey]nonceKey
	nullifiers map[nullifierKey]first
	bindings   map[[3]string]verifier.Binding
	signing    map[[2]string][]ed25519.PrivateKey
	states     map[string][]byte
	events     map[string]verifier.Event
}

type (
	nonceKey struct {
		environment string
		nonce       [32]byte
	}
	idemKey      struct{ environment, credential, key string }
	nullifierKey struct {
		environment string
		nullifier   semaphore.Element
		scope       semaphore.Uint256
	}
	first struct {
		nonce   [32]byte
		message semaphore.Uint256
		at      time.Time
		closes  time.Time
	}
)

var (
	_ verifier.Store       = (*Store)(nil)
	_ verifier.StateKeeper = (*Store)(nil)
	_ verifier.KeyRotator  = (*Store)(nil)
	_ verifier.Outbox      = (*Store)(nil)
)

// New gives an empty store.
func New() *Store {
	return &Store{
		nonces:     map[nonceKey]verifier.Act{},
		keys:       map[idemKey]nonceKey{},
		nullifiers: map[nullifierKey]first{},
		bindings:   map[[3]string]verifier.Binding{},
		signing:    map[[2]string][]ed25519.PrivateKey{},
		states:     map[string][]byte{},
		events:     map[string]verifier.Event{},
	}
}

// enter locks the store, unless it is closed or nobody waits any more.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", verifier.ErrUnavailable, err)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return verifier.ErrClosed
	}
	return nil
}

func keysOf(a verifier.Act) (nonceKey, idemKey, nullifierKey) {
	return nonceKey{a.Environment, a.Nonce},
		idemKey{a.Environment, a.Credential, a.Key},
		nullifierKey{a.Environment, a.Nullifier, a.Scope}
}

// Spend implements verifier.Store.
func (s *Store) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if err := a.Check(); err != nil {
		return verifier.Outcome{}, err
	}
	if err := s.enter(ctx); err != nil {
		return verifier.Outcome{}, err
	}
	defer s.mu.Unlock()
	out := s.look(a)
	if out.Replayed || out.Result == verifier.NonceUsed || out.Result == verifier.KeyConflict {
		return out, nil
	}
	nonce, idem, nullifier := keysOf(a)
	a.Record = append([]byte(nil), a.Record...)
	a.Now = millis(a.Now)
	s.nonces[nonce] = a
	if a.Key != "" {
		s.keys[idem] = nonce
	}
	if _, known := s.nullifiers[nullifier]; !known {
		s.nullifiers[nullifier] = first{a.Nonce, a.Message, a.Now, a.Closes}
	}
	if a.Event != nil && out.Result == verifier.Accepted {
		s.post(*a.Event)
	}
	return out, nil
}

// Spent implements verifier.Store.
func (s *Store) Spent(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if err := s.enter(ctx); err != nil {
		return verifier.Outcome{}, err
	}
	defer s.mu.Unlock()
	return s.look(a), nil
}

// look tells what becomes of an act; the caller holds the lock.
func (s *Store) look(a verifier.Act) verifier.Outcome {
	nonce, idem, nullifier := keysOf(a)
	var out verifier.Outcome
	before, used := s.nonces[nonce]
	switch {
	case used && a.Repeats(before):
		out.Replayed, out.Record = true, append([]byte(nil), before.Record...)
	case a.Key != "" && has(s.keys, idem):
		return verifier.Outcome{Result: verifier.KeyConflict}
	case used:
		return verifier.Outcome{Result: verifier.NonceUsed}
	}
	row, known := s.nullifiers[nullifier]
	// Of those that find the row there, only a repeat can have written it.
	mine := !known || out.Replayed && row.nonce == a.Nonce
	out.Result, out.FirstSeen = verifier.Accepted, row.at
	if !known {
		out.FirstSeen = millis(a.Now)
	}
	if !mine && a.Returning {
		out.Returned = true
	} else if !mine {
		out.Result, out.SameMessage = verifier.NullifierUsed, row.message == a.Message
	}
	return out
}

// BindPolicy implements verifier.Store.
func (s *Store) BindPolicy(ctx context.Context, want verifier.Binding) (verifier.Binding, error) {
	if err := s.enter(ctx); err != nil {
		return verifier.Binding{}, err
	}
	defer s.mu.Unlock()
	key := [3]string{want.Environment, want.RP, want.Action}
	if stored, ok := s.bindings[key]; ok {
		var err error
		if want, err = stored.Rebind(want); err != nil {
			return stored, err
		}
	}
	s.bindings[key] = want
	return want, nil
}

// Policy implements verifier.Store.
func (s *Store) Policy(ctx context.Context, environment, rp, action string) (verifier.Binding, bool, error) {
	if err := s.enter(ctx); err != nil {
		return verifier.Binding{}, false, err
	}
	defer s.mu.Unlock()
	b, ok := s.bindings[[3]string{environment, rp, action}]
	return b, ok, nil
}

// Keys implements verifier.Store.
func (s *Store) Keys(ctx context.Context, environment, rp string, generate func() (ed25519.PrivateKey, error)) ([]ed25519.PrivateKey, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	owner := [2]string{environment, rp}
	if len(s.signing[owner]) == 0 {
		key, err := generate()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", verifier.ErrUnavailable, err)
		}
		s.signing[owner] = []ed25519.PrivateKey{key}
	}
	return append([]ed25519.PrivateKey(nil), s.signing[owner]...), nil
}

// AddKey implements verifier.KeyRotator.
func (s *Store) AddKey(ctx context.Context, environment, rp string, key ed25519.PrivateKey) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	owner := [2]string{environment, rp}
	keys := []ed25519.PrivateKey{key}
	for _, old := range s.signing[owner] {
		if !old.Equal(key) {
			keys = append(keys, old)
		}
	}
	s.signing[owner] = keys
	return nil
}

// DropKey implements verifier.KeyRotator.
func (s *Store) DropKey(ctx context.Context, environment, rp string, public ed25519.PublicKey) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	owner := [2]string{environment, rp}
	var keys []ed25519.PrivateKey
	for _, key := range s.signing[owner] {
		if !public.Equal(key.Public()) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return fmt.Errorf("%w: the last signing key stays", verifier.ErrUnavailable)
	}
	s.signing[owner] = keys
	return nil
}

// Sweep implements verifier.Store.
func (s *Store) Sweep(ctx context.Context, before time.Time) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	n := 0
	for k, a := range s.nonces {
		if a.Expires.Before(before) {
			_, idem, _ := keysOf(a)
			delete(s.nonces, k)
			delete(s.keys, idem)
			n++
		}
	}
	if n > 0 {
		return n, nil
	}
	for k, row := range s.nullifiers {
		if !row.closes.IsZero() && row.closes.Before(before.Add(-verifier.SweepGrace)) {
			delete(s.nullifiers, k)
			n++
		}
	}
	return n, nil
}

// Close implements verifier.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func has[K comparable, V any](m map[K]V, k K) bool { _, ok := m[k]; return ok }

// millis is the precision that every store keeps.
func millis(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()) }
