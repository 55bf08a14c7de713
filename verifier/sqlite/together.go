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

// together is how many acts the statements of many rows take. Longer runs are
// cut: one act that is refused sends its whole piece through one by one.
var together = [...]int{32, 8}

// spendRun spends acts in their order. Nearly every act that comes this far is
// accepted for the first time: Spent has seen the others off. So a run is put in
// by two statements, one a table, and what they could not put in completely is
// taken back and spent act by act, which says why.
func (w *writer) spendRun(ctx context.Context, run []*spending) error {
	for size, n := range together {
		for len(run) >= n {
			all, err := w.spendTogether(ctx, size, run[:n])
			if err != nil {
				return err
			}
			if !all {
				if err := w.spendEach(ctx, run[:n]); err != nil {
					return err
				}
			}
			run = run[n:]
		}
	}
	return w.spendEach(ctx, run)
}

// spendTogether reports whether all acts were accepted for the first time;
// otherwise nothing has changed.
func (w *writer) spendTogether(ctx context.Context, size int, run []*spending) (bool, error) {
	new, err := w.addNew(ctx, run)
	if err != nil || !new {
		return false, err
	}
	if _, err := w.savepoint.ExecContext(ctx); err != nil {
		return false, err
	}
	w.values = w.values[:0]
	for _, s := range run {
		w.values = appendNonce(w.values, &s.act)
	}
	stmt := w.insertNonces[size]
	n, err := affected(stmt.ExecContext(ctx, w.values...))
	if err != nil {
		return false, err
	}
	all := n == int64(len(run))
	if all {
		first := w.last - int64(len(run)) + 1
		w.values = w.values[:0]
		for i, s := range run {
			w.values = appendSpent(w.values, first+int64(i), &s.act)
		}
		stmt = w.insertSpents[size]
		if _, err := stmt.ExecContext(ctx, w.values...); err != nil {
			return false, err
		}
	} else {
		w.unadd(len(run))
		if _, err := w.rollbackTo.ExecContext(ctx); err != nil {
			return false, err
		}
	}
	if _, err := w.release.ExecContext(ctx); err != nil || !all {
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
	var known bool
	if err := w.knownParts.QueryRowContext(ctx, w.parts).Scan(&known); err != nil {
		return false, err
	}
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
