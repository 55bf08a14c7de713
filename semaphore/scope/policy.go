package scope

import (
	"fmt"
	"math"
	"time"
)

// Kind tells what a second use of one nullifier means.
type Kind uint8

// The kinds of policy.
const (
	KindOnce      Kind = 1 // once for ever; a second use is refused
	KindReturning Kind = 2 // the same pseudonymous person is back: accepted, for sign-in
	KindPerEpoch  Kind = 3 // k times in each period
)

// String gives the wire name.
func (k Kind) String() string {
	switch k {
	case KindOnce:
		return "once"
	case KindReturning:
		return "returning"
	case KindPerEpoch:
		return "per_epoch"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind reads a wire name.
func ParseKind(s string) (Kind, error) {
	for _, k := range []Kind{KindOnce, KindReturning, KindPerEpoch} {
		if s == k.String() {
			return k, nil
		}
	}
	return 0, fmt.Errorf("%w: kind %q", ErrPolicy, s)
}

// Bounds of a policy.
const (
	// MaxSlots is the largest k.
	MaxSlots = 1000
	// MaxLen is the longest period, ten years in seconds.
	MaxLen = 10 * 366 * 86400
)

// Policy is the compulsory answer to "how often may one human do this?".
type Policy struct {
	Kind Kind
	Len  uint64 // length of a period in seconds; 0 = for ever
	K    uint32 // slots in a period; 1 for Once and Returning

	// Snapshot is the sequence number of the one frozen set that proofs must be
	// about; 0 = the moving set.
	Snapshot uint64
}

// Once lets each human do a thing one time, for ever.
func Once() Policy { return Policy{Kind: KindOnce, K: 1} }

// Returning recognises the same human each time: a sign-in.
func Returning() Policy { return Policy{Kind: KindReturning, K: 1} }

// PerEpoch lets each human do a thing k times in each period. Periods are
// multiples of length since 1970 in UTC; length is taken in whole seconds.
func PerEpoch(length time.Duration, k int) Policy {
	p := Policy{Kind: KindPerEpoch}
	if length > 0 && length%time.Second == 0 {
		p.Len = uint64(length / time.Second)
	}
	if k > 0 && k <= MaxSlots {
		p.K = uint32(k)
	}
	return p // Validate refuses what was left at 0
}

// PerDay lets each human do a thing k times a day, UTC.
func PerDay(k int) Policy { return PerEpoch(24*time.Hour, k) }

// Snapshot is p over the set as it was at a sequence number of the issuer's
// log, frozen: votes and airdrops that nobody enters twice with a new secret.
// Scopes, and so nullifiers, are those of p. A seq of 0 is refused by Validate,
// and so is a snapshot of a snapshot.
func Snapshot(seq uint64, p Policy) Policy {
	if seq == 0 || p.Snapshot != 0 {
		return Policy{}
	}
	p.Snapshot = seq
	return p
}

// MaxSeq bounds the sequence number of a snapshot: what a database's signed
// integer holds.
const MaxSeq = math.MaxInt64

// Validate refuses policies that mean nothing, the zero value among them.
func (p Policy) Validate() error {
	switch p.Kind {
	case KindOnce, KindReturning:
		if p.Len != 0 || p.K != 1 {
			return fmt.Errorf("%w: %s has no period and one slot", ErrPolicy, p.Kind)
		}
	case KindPerEpoch:
		if p.Len < 1 || p.Len > MaxLen {
			return fmt.Errorf("%w: a period lasts 1..%d whole seconds", ErrPolicy, uint64(MaxLen))
		}
		if p.K < 1 || p.K > MaxSlots {
			return fmt.Errorf("%w: k is 1..%d", ErrPolicy, MaxSlots)
		}
	default:
		return fmt.Errorf("%w: no policy given", ErrPolicy)
	}
	if p.Snapshot > MaxSeq {
		return fmt.Errorf("%w: sequence number of a snapshot", ErrPolicy)
	}
	return nil
}

// Period is a stretch of time, in seconds since 1970. The zero Period is "for
// ever".
type Period struct{ Start, Len uint64 }

// End is the first second after the period, or 0 for "never".
func (p Period) End() uint64 {
	if p.Len == 0 {
		return 0
	}
	return p.Start + p.Len
}

// Period is the one that contains now; there is no grace at its edges. Times
// before 1970 fall into the period that starts in 1970.
func (p Policy) Period(now time.Time) Period {
	if p.Len == 0 {
		return Period{}
	}
	unix := uint64(max(now.Unix(), 0))
	return Period{Start: unix - unix%p.Len, Len: p.Len}
}
