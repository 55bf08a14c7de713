package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/perhuman/perhuman/verifier"
)

// Nullifiers come from all over their range. Kept in a tree by their value, each
// of them costs a page of its own in every commit: a page to sum up, to write to
// the WAL, to wait for and to write back. So rows of spent are appended, and the
// index over them follows later and in its own order; see index.go. The rows that
// it may not have yet, those above spent_mark.upto, are known from memory: this
// is the tail.
//
// What makes it safe: rows above the mark are never deleted and the mark never
// falls, so ids only rise, and "rows above id n" is all that anybody, in whatever
// process, may have missed. A writer looks for them inside its immediate
// transaction, where nobody else writes, before it decides anything.

// spentKey is what must be unique in the table spent.
type spentKey struct {
	nullifier, scope [32]byte
	environment      string
}

func keyOf(a *verifier.Act) spentKey { return spentKey{a.Nullifier, a.Scope, a.Environment} }

// spentRow is what an answer about a known nullifier needs.
type spentRow struct {
	id             int64
	nonce, message [32]byte
	firstMS        int64
}

type tailRow struct {
	spentKey
	spentRow
}

// tail holds the committed rows with upto < id <= last. The zero tail is ready.
type tail struct {
	mu         sync.RWMutex
	upto, last int64
	rows       map[spentKey]spentRow
}

func (t *tail) span() (upto, last int64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.upto, t.last
}

// errSetBack: rows that were committed are not in the file. Somebody put an older
// file in the place of this one, behind our back.
var errSetBack = errors.New("the database file was set back to an earlier state")

// find looks for a row that a transaction with this mark and this last row sees
// above its mark. The answer is no good if it is not current: the tail is behind
// that transaction, or ahead of it.
func (t *tail) find(k spentKey, upto, last int64) (row spentRow, known, current bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	row, known = t.rows[k]
	return row, known && row.id <= last, t.last >= last && t.upto <= upto
}

// advance adds committed rows, all that there are from t.last on, and drops those
// that the index has. Who comes late with them changes nothing.
func (t *tail) advance(upto int64, rows []tailRow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = map[spentKey]spentRow{}
	}
	if upto > t.upto {
		if upto >= t.last {
			clear(t.rows)
		}
		for k, row := range t.rows {
			if row.id <= upto {
				delete(t.rows, k)
			}
		}
		t.upto, t.last = upto, max(t.last, upto)
	}
	for _, r := range rows {
		if r.id > t.last {
			t.rows[r.spentKey], t.last = r.spentRow, r.id
		}
	}
}

// catchUp reads what the tail has missed, with sqlTail.
func (t *tail) catchUp(ctx context.Context, stmt *sql.Stmt) (err error) {
	_, last := t.span()
	rows, err := stmt.QueryContext(ctx, last)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var upto int64
	var missed []tailRow
	for rows.Next() {
		var id, at sql.NullInt64
		var nullifier, scope, nonce, message []byte
		var environment sql.NullString
		if err := rows.Scan(&upto, &id, &nullifier, &scope, &environment, &nonce, &message, &at); err != nil {
			return err
		}
		if !id.Valid {
			break // the mark alone
		}
		r := tailRow{spentKey{environment: environment.String}, spentRow{id: id.Int64, firstMS: at.Int64}}
		copy(r.nullifier[:], nullifier)
		copy(r.scope[:], scope)
		copy(r.nonce[:], nonce)
		copy(r.message[:], message)
		missed = append(missed, r)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	t.advance(upto, missed)
	return nil
}

// known finds the row of a nullifier inside the writer's transaction.
func (w *writer) known(ctx context.Context, a *verifier.Act) (row spentRow, known bool, err error) {
	if row, known = w.inTail(keyOf(a)); known {
		return row, true, nil
	}
	var nonce, message []byte
	err = w.findNullifier.QueryRowContext(ctx, a.Nullifier[:], a.Scope[:], a.Environment).Scan(&row.id, &nonce, &message, &row.firstMS)
	if errors.Is(err, sql.ErrNoRows) {
		return row, false, nil
	}
	copy(row.nonce[:], nonce)
	copy(row.message[:], message)
	return row, err == nil, err
}

// inTail looks through the rows that the index does not have: those of this
// transaction and those of the tail, which no one can add to while it lasts.
func (w *writer) inTail(k spentKey) (spentRow, bool) {
	if row, known := w.added[k]; known {
		return row, true
	}
	row, known, _ := w.tail.find(k, w.upto, w.last)
	return row, known
}

// add notes that an act gets the next row, and gives it.
func (w *writer) add(a *verifier.Act) tailRow {
	w.last++
	r := tailRow{keyOf(a), spentRow{w.last, a.Nonce, a.Message, a.Now.UnixMilli()}}
	w.added[r.spentKey] = r.spentRow
	w.fresh = append(w.fresh, r)
	return r
}

// unadd takes back what add did last, n times.
func (w *writer) unadd(n int) {
	for range n {
		r := w.fresh[len(w.fresh)-1]
		delete(w.added, r.spentKey)
		w.fresh, w.last = w.fresh[:len(w.fresh)-1], w.last-1
	}
}

// enter readies the writer for a transaction that has just begun.
func (w *writer) enter(ctx context.Context) error {
	clear(w.added)
	w.fresh = w.fresh[:0]
	if err := w.mark.run(ctx); err != nil {
		return err
	}
	w.upto, w.last = w.mark.number(0), w.mark.number(1)
	if w.upto != w.pass.base {
		w.pass = pass{} // another process was faster, or Sweep
	}
	switch upto, last := w.tail.span(); {
	case upto == w.upto && last == w.last:
		return nil
	case upto > w.upto || last > w.last:
		return errSetBack
	}
	return w.tail.catchUp(ctx, w.readTail) // another process wrote, or this one before its connection broke
}

// publish makes what was committed known to the readers.
func (w *writer) publish() { w.tail.advance(w.upto, w.fresh) }
