package verifier

import (
	"context"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// slotTable holds the scopes of one action in one period, under the binding
// that the store gave.
type slotTable struct {
	policy  scope.Policy // as asked for
	binding Binding
	period  scope.Period
	k       uint32
	bound   bool // the binding is written, not only read
	slots   map[semaphore.Uint256]uint32
}

// maxTables bounds the cache: actions come from the application, not from
// people, but a bound costs nothing.
const maxTables = 1024

// table gives the scopes that an action accepts in the period that contains
// the verifier's now. With write, the policy is bound at first use; without, a
// binding that is there is only compared.
func (v *Verifier) table(ctx context.Context, action string, p scope.Policy, period scope.Period, write bool) (slotTable, error) {
	v.mu.Lock()
	t, ok := v.slots[action]
	v.mu.Unlock()
	if ok && t.policy == p && t.period == period && (t.bound || !write) {
		return t, nil
	}
	want := Bind(v.cfg.Environment, v.cfg.RP, action, p, period)
	t = slotTable{policy: p, period: period, bound: write}
	var err error
	if write {
		t.binding, err = v.cfg.Store.BindPolicy(ctx, want)
	} else {
		var known bool
		if t.binding, known, err = v.cfg.Store.Policy(ctx, v.cfg.Environment, v.cfg.RP, action); err == nil {
			if known {
				t.binding, err = t.binding.Rebind(want)
			} else {
				t.binding = want
			}
		}
	}
	if err != nil {
		return t, storeError(err)
	}
	t.k = t.binding.KIn(period.Start)
	t.slots = make(map[semaphore.Uint256]uint32, t.k)
	for slot := range t.k {
		s, err := scope.Compute(v.cfg.RP, action, period, slot)
		if err != nil {
			return t, api.Wrap(api.Internal, err)
		}
		t.slots[s] = slot
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.slots) >= maxTables {
		clear(v.slots)
	}
	v.slots[action] = t
	return t, nil
}
