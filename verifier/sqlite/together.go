package sqlite

import (
	"context"
	"time"

	"github.com/perhuman/perhuman/verifier"
)

// spending is an act that waits for the writer, and what became of it.
type spending struct {
	act verifier.Act
	out verifier.Outcome
}

// together is how many acts the statements of many rows take at most.
var together = [...]int{64, 8}

// spendRun spends acts in their order. Nearly every act that comes this far is
// accepted for the first time: Spent has seen the others off. So a run is put in
// by two statements, one a table. If one of its acts is not new, both halves try
// again; the last few go one by one, which says why.
func (w *writer) spendRun(ctx context.Context, run []*spending) error {
	if len(run) == 0 {
		return nil
	}
	cut := together[0]
	if len(run) <= cut {
		all, err := w.spendTogether(ctx, run)
		if err != nil || all {
			return err
		}
		if len(run) <= together[1] {
			return w.spendEach(ctx, run)
		}
		cut = len(run) / 2
	}
	if err := w.spendRun(ctx, run[:cut]); err != nil {
		return err
	}
	return w.spendRun(ctx, run[cut:])
}

// spendTogether reports whether all acts were accepted for the first time;
// otherwise nothing has changed.
func (w *writer) spendTogether(ctx context.Context, run []*spending) (bool, error) {
	first, size := w.last+1, 0
	if len(run) <= together[1] {
		size = 1
	}
	if ok, err := w.addNew(ctx, run); err != nil || !ok {
		return false, err
	}
	stmt := &w.insertNonces[size]
	for _, s := range run {
		w.values = appendNonce(w.values[:0], &s.act)
		stmt.bind(w.values...)
	}
	if err := stmt.run(ctx); err != nil {
		if !conflicts(err) {
			return false, err
		}
		w.unadd(len(run)) // the statement has taken back all of its rows
		return false, nil
	}
	stmt = &w.insertSpents[size]
	for i, s := range run {
		w.values = appendSpent(w.values[:0], first+int64(i), &s.act)
		stmt.bind(w.values...)
	}
	if err := stmt.run(ctx); err != nil {
		return false, err
	}
	for _, s := range run {
		s.out = verifier.Outcome{Result: verifier.Accepted, FirstSeen: time.UnixMilli(s.act.Now.UnixMilli())}
		if s.act.Event != nil {
			if err := w.post(ctx, *s.act.Event); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// addNew adds all acts if the nullifiers of all are new; otherwise nothing has
// changed.
func (w *writer) addNew(ctx context.Context, run []*spending) (bool, error) {
	w.parts = w.parts[:0]
	for i, s := range run {
		if _, known := w.inTail(keyOf(&s.act)); known {
			w.unadd(i)
			return false, nil
		}
		w.add(&s.act)
		w.parts = append(w.parts, s.act.Nullifier[:16]...)
	}
	w.knownParts.bind(w.parts)
	if err := w.knownParts.run(ctx); err != nil {
		return false, err
	}
	known := w.knownParts.number(0) != 0
	if known {
		w.unadd(len(run))
	}
	return !known, nil
}

func (w *writer) spendEach(ctx context.Context, run []*spending) error {
	for _, s := range run {
		out, err := w.spend(ctx, &s.act)
		if err == nil && s.act.Event != nil && out.Result == verifier.Accepted && !out.Replayed {
			err = w.post(ctx, *s.act.Event)
		}
		if err != nil {
			return err
		}
		s.out = out
	}
	return nil
}

// appendNonce appends the values of a row of nonces, in sqlInsertNonce's order.
func appendNonce(to []any, a *verifier.Act) []any {
	return append(to, a.Nonce[:], a.Environment, a.Credential, a.Key,
		a.Nullifier[:], a.Scope[:], a.Message[:], notNull(a.Record), a.Expires.UnixMilli())
}

// appendSpent appends those of spent, in sqlInsertSpent's order.
func appendSpent(to []any, id int64, a *verifier.Act) []any {
	var closes int64
	if !a.Closes.IsZero() {
		closes = a.Closes.UnixMilli()
	}
	return append(to, id, a.Nullifier[:], a.Scope[:], a.Environment, a.Message[:], a.Nonce[:], a.Key,
		int64(a.RootSeq), a.Now.UnixMilli(), closes)
}
