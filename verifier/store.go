package verifier

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/perhuman/perhuman/semaphore"
)

// Errors of a Store. Anything else that a store returns is treated as
// ErrUnavailable.
var (
	// ErrUnavailable: nothing was written and nothing was decided.
	ErrUnavailable = errors.New("verifier: the spend store does not answer")
	// ErrClosed: the store was closed before the act began. It is a kind of
	// ErrUnavailable.
	ErrClosed error = closedError{}
	// ErrInDoubt: the act may or may not have been written. The only honest
	// way on is to send the same act again.
	ErrInDoubt = errors.New("verifier: it is not known whether the act was stored")
	// ErrPolicyConflict: the action is bound to another policy.
	ErrPolicyConflict = errors.New("verifier: the action is bound to another policy")
)

type closedError struct{}

func (closedError) Error() string   { return "verifier: the spend store is closed" }
func (closedError) Is(e error) bool { return e == ErrUnavailable }

// Act is one business act: a person uses one challenge to do one thing once.
// A store writes all of it or nothing of it.
type Act struct {
	Environment string    // live, test ...: part of every stored key
	Nonce       [32]byte  // of the challenge
	Expires     time.Time // from here on the nonce row may be forgotten
	Scope       semaphore.Uint256
	Nullifier   semaphore.Element
	Message     semaphore.Uint256
	Closes      time.Time // from here on the nullifier row may be forgotten; zero = never
	Returning   bool      // a known nullifier is welcome; only the nonce decides

	// Credential and Key are the idempotency key and the caller it belongs to.
	// An empty Key means that no repeat is expected.
	Credential, Key string

	Now     time.Time // when it happens, kept in milliseconds
	RootSeq uint64    // of the root that the proof was checked against
	Record  []byte    // returned with every repeat; at most MaxRecord bytes

	// Event is told to others if the act is accepted: it enters the Outbox in
	// the very transaction that accepts the act the first time, and never with
	// a repeat or a refusal. Nil, or a store that is no Outbox, tells nobody.
	Event *Event
}

// SweepGrace is how much longer a nullifier is kept than its scope was open:
// the challenges of the last minutes of a scope outlive it.
const SweepGrace = time.Hour

// Bounds of what a store keeps for others.
const (
	MaxRecord = 1024     // bytes of Act.Record
	MaxEvent  = 16 << 10 // bytes of Event.Body
)

// Check says why an act cannot be stored by anybody, as ErrUnavailable.
func (a Act) Check() error {
	if len(a.Record) > MaxRecord {
		return fmt.Errorf("%w: record of %d bytes", ErrUnavailable, len(a.Record))
	}
	if a.Event != nil {
		return a.Event.Check()
	}
	return nil
}

// Repeats reports whether b is the same act as a, sent again under the same
// idempotency key. Proof bytes play no part: proofs are malleable.
func (a Act) Repeats(b Act) bool {
	return a.Key != "" && a.Environment == b.Environment && a.Credential == b.Credential && a.Key == b.Key &&
		a.Nonce == b.Nonce && a.Scope == b.Scope && a.Nullifier == b.Nullifier && a.Message == b.Message
}

// Result says what became of an act.
type Result uint8

// The results.
const (
	Accepted      Result = iota + 1 // the nullifier is spent by this act, or welcome back
	NonceUsed                       // another act used the challenge
	NullifierUsed                   // another act spent the nullifier in this scope
	KeyConflict                     // the idempotency key belongs to another act
)

func (r Result) String() string {
	switch r {
	case Accepted:
		return "accepted"
	case NonceUsed:
		return "nonce used"
	case NullifierUsed:
		return "nullifier used"
	case KeyConflict:
		return "key conflict"
	}
	return "no result"
}

// Outcome is a store's answer.
type Outcome struct {
	Result      Result
	Replayed    bool      // the act had been written before; all other fields are those of the first time
	Returned    bool      // Returning only: the nullifier had been here before
	SameMessage bool      // NullifierUsed only: the first act had the same message
	FirstSeen   time.Time // when the nullifier was first accepted in its scope
	Record      []byte    // Replayed only: what the first attempt recorded
}

// Store keeps what has been spent. Its methods are business acts, not tables;
// package storetest holds the suite that every implementation must pass. A
// Store is safe for concurrent use.
type Store interface {
	// Spend writes the act and answers only from what was committed: first the
	// nonce, then the nullifier, in one transaction where one database holds
	// both. The insert decides, never a read before it. A repeat is a write
	// too: its answer comes from a row that this very call committed.
	Spend(context.Context, Act) (Outcome, error)

	// Spent tells what Spend would answer now. It is a read, saves work, and
	// decides nothing.
	Spent(context.Context, Act) (Outcome, error)

	// BindPolicy records at first use which policy an action has, for ever,
	// and gives the binding in force. It fails with ErrPolicyConflict if kind,
	// length or snapshot differ from what is bound; see Binding.Rebind about k.
	BindPolicy(context.Context, Binding) (Binding, error)

	// Policy reads a binding; false if the action was never used.
	Policy(ctx context.Context, environment, rp, action string) (Binding, bool, error)

	// Keys gives the challenge-signing keys of a relying party, newest first.
	// If there is none yet, generate makes the first one, and every caller on
	// every machine gets the same.
	Keys(ctx context.Context, environment, rp string, generate func() (ed25519.PrivateKey, error)) ([]ed25519.PrivateKey, error)

	// Sweep forgets nonces that expired before a time and scopes that closed
	// SweepGrace before it, and tells how many rows went: call it again until
	// none does. While a nonce is left that it would forget, it forgets no
	// nullifier: a repeat must never find its nullifier gone.
	Sweep(ctx context.Context, before time.Time) (int, error)

	// Close finishes the acts that were begun and refuses new ones.
	Close() error
}

// StateKeeper is an optional power of a Store: it keeps what a follower of an
// issuer must not forget over a restart (setlog.Follower.State), durably and
// under a name. LoadState gives nil before the first SaveState; an empty state
// is one that was saved.
type StateKeeper interface {
	LoadState(ctx context.Context, name string) ([]byte, error)
	SaveState(ctx context.Context, name string, state []byte) error

	// SwapState saves state if what is saved is still old, and tells whether
	// it did. A nil old means that nothing may have been saved yet.
	SwapState(ctx context.Context, name string, old, state []byte) (bool, error)
}

// Outbox is an optional power of a Store: a durable queue of events. Delivery
// is at least once: a process that dies between telling and settling leaves the
// event to whoever claims it after the lease.
type Outbox interface {
	// Post puts an event into the queue, unless its ID is there already.
	Post(context.Context, Event) error

	// Claim gives up to limit events that are due at now, those that are due
	// the longest, in the order in which they were made, and holds them for the
	// caller until now plus lease: two callers, in whatever processes, never
	// hold one event at the same time. A store of many machines may give fewer
	// than are due; it gives none only if none is.
	Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Event, error)

	// Settle ends a claim: done forgets the event; otherwise it is due again at
	// next. An event that is not there any more is no error.
	Settle(ctx context.Context, id string, done bool, next time.Time) error
}

// KeyRotator is an optional power of a Store: other signing keys than the one
// that Keys made. AddKey puts a key before all others, or moves it there if it
// is known. DropKey forgets a key, but never the last one (ErrUnavailable);
// what it signed, receipts among it, is then no longer vouched for.
type KeyRotator interface {
	AddKey(ctx context.Context, environment, rp string, key ed25519.PrivateKey) error
	DropKey(ctx context.Context, environment, rp string, public ed25519.PublicKey) error
}
