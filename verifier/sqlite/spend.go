package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/perhuman/perhuman/verifier"
)

// Spend implements verifier.Store.
func (s *Store) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if err := a.Check(); err != nil {
		return verifier.Outcome{}, err
	}
	act := &spending{act: a}
	if err := s.queue.Submit(ctx, job{order: a.Nonce[:], spend: act}); err != nil {
		return verifier.Outcome{}, err // what the transaction saw was not committed
	}
	return act.out, nil
}

// spend runs inside the writer's transaction: nonce first, then nullifier.
func (w *writer) spend(ctx context.Context, a *verifier.Act) (verifier.Outcome, error) {
	var out verifier.Outcome
	w.values = appendNonce(w.values[:0], a)
	fresh, err := inserted(w.insertNonce.ExecContext(ctx, w.values...))
	if err != nil {
		return out, err
	}
	if !fresh {
		err := w.repeatNonce.QueryRowContext(ctx, a.Nonce[:], a.Environment, a.Credential, a.Key,
			a.Nullifier[:], a.Scope[:], a.Message[:]).Scan(&out.Record)
		if errors.Is(err, sql.ErrNoRows) {
			out.Result, err = w.whyRefused(ctx, a)
			return out, err
		}
		if err != nil {
			return out, err
		}
		out.Replayed = true
	}
	row, known, err := w.known(ctx, a)
	if err != nil {
		return out, err
	}
	if !known {
		w.values = appendSpent(w.values[:0], w.add(a).id, a)
		if _, err := w.insertSpent.ExecContext(ctx, w.values...); err != nil {
			return out, err
		}
		out.Result, out.FirstSeen = verifier.Accepted, time.UnixMilli(a.Now.UnixMilli())
		return out, nil
	}
	touched, err := inserted(w.touchNullifier.ExecContext(ctx, row.id))
	if err == nil && !touched {
		err = errors.New("a nullifier is known whose row is not there")
	}
	if err != nil {
		return out, err
	}
	return judge(out, a, row), nil
}

// whyRefused tells which of its two unique rows stood in an act's way.
func (w *writer) whyRefused(ctx context.Context, a *verifier.Act) (verifier.Result, error) {
	var n int
	if err := w.keyUsed.QueryRowContext(ctx, a.Environment, a.Credential, a.Key).Scan(&n); err != nil {
		return 0, err
	}
	if n > 0 {
		return verifier.KeyConflict, nil
	}
	if err := w.nonceUsed.QueryRowContext(ctx, a.Nonce[:], a.Environment).Scan(&n); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errors.New("a nonce was refused that is not there")
	}
	return verifier.NonceUsed, nil
}

// judge goes by the row of a nullifier that is known. Only a repeat can have
// written it: it did if its nonce is in the row.
func judge(out verifier.Outcome, a *verifier.Act, row spentRow) verifier.Outcome {
	out.Result, out.FirstSeen = verifier.Accepted, time.UnixMilli(row.firstMS)
	mine := out.Replayed && row.nonce == a.Nonce
	if !mine && a.Returning {
		out.Returned = true
	} else if !mine {
		out.Result, out.SameMessage = verifier.NullifierUsed, row.message == a.Message
	}
	return out
}

func inserted(r sql.Result, err error) (bool, error) {
	n, err := affected(r, err)
	return n == 1, err
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Spent implements verifier.Store.
func (s *Store) Spent(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if err := s.queue.Begin(); err != nil {
		return verifier.Outcome{}, err
	}
	defer s.queue.End()
	for range 100 {
		out, current, err := s.look(ctx, &a)
		if err == nil && !current {
			err = s.tail.catchUp(ctx, s.seen.tail)
		}
		if err != nil {
			return verifier.Outcome{}, unavailable(err)
		}
		if current {
			return out, nil
		}
	}
	return verifier.Outcome{}, unavailable(errSetBack)
}

// look answers from one read and the tail. The answer is no good if the two are
// not of the same time: somebody wrote in between.
func (s *Store) look(ctx context.Context, a *verifier.Act) (out verifier.Outcome, current bool, err error) {
	before := verifier.Act{Environment: a.Environment, Nonce: a.Nonce}
	var credential, key sql.NullString
	var nullifier, scope, message, record, by, said []byte
	var upto, last int64
	var taken bool // the key, by whatever nonce
	var at sql.NullInt64
	if err := s.seen.act.QueryRowContext(ctx, a.Nonce[:], a.Environment, a.Nullifier[:], a.Scope[:], a.Credential, a.Key).
		Scan(&credential, &key, &nullifier, &scope, &message, &record, &taken, &by, &said, &at, &upto, &last); err != nil {
		return out, false, err
	}
	row, used, known := spentRow{firstMS: at.Int64}, key.Valid, at.Valid
	copy(row.nonce[:], by)
	copy(row.message[:], said)
	if !known {
		if row, known, current = s.tail.find(keyOf(a), upto, last); !current {
			return out, false, nil
		}
	}
	before.Credential, before.Key = credential.String, key.String
	copy(before.Nullifier[:], nullifier)
	copy(before.Scope[:], scope)
	copy(before.Message[:], message)
	switch {
	case used && a.Repeats(before):
		out.Replayed, out.Record = true, record
	case taken:
		return verifier.Outcome{Result: verifier.KeyConflict}, true, nil
	case used:
		return verifier.Outcome{Result: verifier.NonceUsed}, true, nil
	}
	if !known {
		out.Result, out.FirstSeen = verifier.Accepted, time.UnixMilli(a.Now.UnixMilli())
		return out, true, nil
	}
	return judge(out, a, row), true, nil
}
