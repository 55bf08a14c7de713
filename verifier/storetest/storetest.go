// Package storetest is the suite that every spend store must pass.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Store{Open: ..., Reopen: ..., Doubtful: ...})
//	}
//
// It also holds the control: a store that reads before it writes. Every
// implementation is run as that control too and must then fail the race, or
// the race would prove nothing.
package storetest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
)

// Store says how to get at the implementation under test.
type Store struct {
	// Open gives an empty store. The suite closes it.
	Open func(t testing.TB) verifier.Store
	// Reopen closes a store that Open gave and opens what it kept: a restart.
	// Nil if nothing outlives the process.
	Reopen func(t testing.TB, s verifier.Store) verifier.Store
	// Doubtful gives an empty store in which the first transaction with a
	// Spend reports a failed COMMIT; kept says whether it took place all the
	// same. The second result tells how often that happened. Nil if a commit
	// cannot fail.
	Doubtful func(t testing.TB, kept bool) (verifier.Store, func() int)
	// Rounds of each race; 0 is 20.
	Rounds int
}

// Run runs the suite.
func Run(t *testing.T, s Store) {
	if s.Rounds == 0 {
		s.Rounds = 20
	}
	for _, c := range []struct {
		name string
		run  func(*testing.T, Store)
	}{
		{"T10 one nullifier, one winner", raceNullifier},
		{"T10 one nonce, one winner", raceNonce},
		{"T10 one key, one winner", raceKey},
		{"T10 the control loses the race", raceControl},
		{"first and second use", firstAndSecond},
		{"every part of the key counts", keyParts},
		{"Returning is decided by the nonce", returning},
		{"idempotency", idempotency},
		{"a refusal repeats as a refusal", refusalRepeats},
		{"in doubt, kept", inDoubtKept},
		{"in doubt, lost", inDoubtLost},
		{"restart", restart},
		{"T14 cancelled", cancelled},
		{"T14 cancelled at any moment", cancelledAnywhere},
		{"T61 closed while spending", closed},
		{"policy binding", policyBinding},
		{"k changes with the period", kChanges},
		{"a snapshot is bound for ever", snapshots},
		{"keys are made once", keys},
		{"keys are rotated", rotation},
		{"states of followers", states},
		{"states are swapped by one", swaps},
		{"events come with the first acceptance", events},
		{"events of many at once", eventsOfCrowd},
		{"one claim holds an event", claims},
		{"sweep", sweep},
		{"T44 text is only text", hostileText},
		{"equals the model", equalsModel},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, s) })
	}
}

// Epoch is the time of day in the suite.
var epoch = time.UnixMilli(1_800_000_000_123)

// NewAct makes an act that no other equals: number n of a fresh series for
// each fill byte.
func NewAct(fill byte, n uint64) verifier.Act {
	a := verifier.Act{Environment: "live", Now: epoch, Expires: epoch.Add(time.Hour), RootSeq: n}
	for i, b := range [][]byte{a.Nonce[:], a.Scope[:], a.Nullifier[:], a.Message[:]} {
		for j := range b {
			b[j] = fill
		}
		b[0] = byte(i)
		binary.BigEndian.PutUint64(b[8:], n)
	}
	return a
}

// with gives a copy of a, changed.
func with(a verifier.Act, change func(*verifier.Act)) verifier.Act {
	change(&a)
	return a
}

func open(t testing.TB, s Store) verifier.Store {
	t.Helper()
	store := s.Open(t)
	t.Cleanup(func() { _ = store.Close() }) // many tests close it themselves
	return store
}

func spend(t testing.TB, s verifier.Store, a verifier.Act) verifier.Outcome {
	t.Helper()
	out, err := s.Spend(context.Background(), a)
	if err != nil {
		t.Fatalf("Spend: %v", err)
	}
	return out
}

// expect spends and checks that Spent had foretold the result.
func expect(t testing.TB, s verifier.Store, a verifier.Act, want verifier.Result) verifier.Outcome {
	t.Helper()
	told, err := s.Spent(context.Background(), a)
	if err != nil {
		t.Fatalf("Spent: %v", err)
	}
	got := spend(t, s, a)
	if got.Result != want {
		t.Fatalf("Spend: %s, want %s", got.Result, want)
	}
	if !same(told, got) {
		t.Fatalf("Spent foretold %+v, Spend says %+v", told, got)
	}
	return got
}

func same(a, b verifier.Outcome) bool {
	return a.Result == b.Result && a.Replayed == b.Replayed && a.Returned == b.Returned &&
		a.SameMessage == b.SameMessage && a.FirstSeen.Equal(b.FirstSeen) && string(a.Record) == string(b.Record)
}

func newKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func wantIs(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got %v, want %v", err, target)
	}
}
