package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// allowance is how often this person has done one thing in the period that runs, as
// far as this folder knows: another device of the same person counts for itself.
type allowance struct {
	RP     string  `json:"rp"`
	Action string  `json:"action"`
	Len    uint64  `json:"len"`             // of the period, in seconds; 0: for ever
	Until  uint64  `json:"until,omitempty"` // when it ends, unix; 0: never
	Used   uint32  `json:"used"`
	K      uint32  `json:"k,omitempty"`    // how often the site allowed it last; 0: that was erased with the history
	Left   *uint32 `json:"left,omitempty"` // only where K is known
}

func (t allowance) String() string {
	until := "for ever"
	if t.Until > 0 {
		until = "until " + time.Unix(int64(t.Until), 0).UTC().Format(time.RFC3339) // #nosec G115 -- the end of a period that holds now
	}
	if t.Left == nil {
		return fmt.Sprintf("%s, %s: %d used %s; of how many, the site says when it asks", t.RP, t.Action, t.Used, until)
	}
	return fmt.Sprintf("%s, %s: %d left of %d %s", t.RP, t.Action, *t.Left, t.K, until)
}

// allowances counts the books whose period holds now, by site and action. The file
// of slots names them; of slots that a backup brought, only the history tells
// whose they are. Returning has no slots to count.
func (w *purse) allowances(ctx context.Context, now time.Time) ([]allowance, error) {
	books := make(map[wallet.Book]uint32) // how often each allows it
	for _, b := range w.slots.Books() {
		if b.Period == (scope.Policy{Len: b.Period.Len}).Period(now) {
			books[b] = 0
		}
	}
	acts, err := w.history()
	if err != nil {
		return nil, err
	}
	for _, a := range acts { // the newest last
		kind, err := scope.ParseKind(a.Kind)
		p := scope.Policy{Kind: kind, Len: a.Len, K: a.K}
		if err != nil || kind == scope.KindReturning || p.Validate() != nil || p.Period(now) != p.Period(time.Unix(a.At, 0)) {
			continue
		}
		books[wallet.Book{RP: a.RP, Action: a.Action, Period: p.Period(now)}] = a.K
	}
	out := make([]allowance, 0, len(books))
	for b, k := range books {
		uses, err := w.store.Uses(ctx, b)
		if err != nil {
			return nil, err
		}
		shown := make(map[uint32]bool)
		for _, u := range uses {
			if (k == 0 || u.Slot < k) && (u.Outcome != wallet.NotSpent || k != 1) { // one of many is not shown again
				shown[u.Slot] = true
			}
		}
		t := allowance{RP: b.RP, Action: b.Action, Len: b.Period.Len, Used: uint32(len(shown)), K: k} // #nosec G115 -- at most 1000
		if b.Period.Len > 0 {
			t.Until = b.Period.End()
		}
		if k > 0 {
			left := k - min(k, t.Used)
			t.Left = &left
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b allowance) int {
		return cmp.Or(cmp.Compare(a.RP, b.RP), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Len, b.Len))
	})
	return out, nil
}
