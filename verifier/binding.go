package verifier

import (
	"fmt"

	"github.com/perhuman/perhuman/semaphore/scope"
)

// Binding ties an action to its policy for ever (protocol.md section 1). Kind,
// Len and Snapshot never change. K may change from the next period on: NextK holds from
// the period that starts at NextFrom.
type Binding struct {
	Environment, RP, Action string
	Kind                    scope.Kind
	Len                     uint64
	Snapshot                uint64 // sequence number of the frozen set, 0 = the moving set
	K                       uint32
	NextK                   uint32
	NextFrom                uint64
	Period                  uint64 // start of the period that this was asked for
}

// Bind is the binding that a policy asks for in a period.
func Bind(environment, rp, action string, p scope.Policy, period scope.Period) Binding {
	return Binding{
		Environment: environment, RP: rp, Action: action,
		Kind: p.Kind, Len: p.Len, Snapshot: p.Snapshot, K: p.K, NextK: p.K, NextFrom: period.Start, Period: period.Start,
	}
}

// KIn gives the number of slots in the period that starts at start.
func (b Binding) KIn(start uint64) uint32 {
	if start >= b.NextFrom {
		return b.NextK
	}
	return b.K
}

// Rebind gives what is to be stored when want is asked for and b is stored. It
// refuses another kind, length or snapshot. Another k is put down for the period after
// want's, so that nobody's cap moves in the middle of a period. Stores call it
// inside the transaction that read b.
func (b Binding) Rebind(want Binding) (Binding, error) {
	if b.Kind != want.Kind || b.Len != want.Len || b.Snapshot != want.Snapshot {
		return b, fmt.Errorf("%w: %s of %d s over snapshot %d, not %s of %d s over snapshot %d", ErrPolicyConflict,
			b.Kind, b.Len, b.Snapshot, want.Kind, want.Len, want.Snapshot)
	}
	now := b.KIn(want.Period)
	b.K, b.NextK, b.NextFrom, b.Period = now, now, want.Period, want.Period
	if want.NextK != now {
		b.NextK, b.NextFrom = want.NextK, want.Period+want.Len
	}
	return b, nil
}
