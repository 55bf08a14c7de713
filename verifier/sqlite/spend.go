package sqlite

import (
	"bytes"
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
	var out verifier.Outcome
	err := s.submit(ctx, a.Nullifier[:], func(ctx context.Context, w *writer) (err error) {
		out, err = w.spend(ctx, a)
		if err == nil && a.Event != nil && out.Result == verifier.Accepted && !out.Replayed {
			err = w.post(ctx, *a.Event)
		}
		return err
	})
	if err != nil {
		return verifier.Outcome{}, err // what the transaction saw was not committed
	}
	return out, nil
}

// spend runs inside the writer's transaction: nonce first, then nullifier.
func (w *writer) spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	var out verifier.Outcome
	record := a.Record
	if record == nil {
		record = []byte{} // NULL is no BLOB
	}
	fresh, err := inserted(w.insertNonce.ExecContext(ctx, a.Nonce[:], a.Environment, a.Credential, a.Key,
		a.Nullifier[:], a.Scope[:], a.Message[:], record, a.Expires.UnixMilli()))
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
	var closes int64
	if !a.Closes.IsZero() {
		closes = a.Closes.UnixMilli()
	}
	first, err := inserted(w.insertNullifier.ExecContext(ctx, a.Nullifier[:], a.Scope[:], a.Environment, a.Message[:], a.Nonce[:], a.Key,
		int64(a.RootSeq), a.Now.UnixMilli(), closes))
	if err != nil {
		return out, err
	}
	if first {
		out.Result, out.FirstSeen = verifier.Accepted, time.UnixMilli(a.Now.UnixMilli())
		return out, nil
	}
	row := w.touchNullifier.QueryRowContext(ctx, a.Nullifier[:], a.Scope[:], a.Environment)
	return judge(out, a, row)
}

// whyRefused tells which of its two unique rows stood in an act's way.
func (w *writer) whyRefused(ctx context.Context, a verifier.Act) (verifier.Result, error) {
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

// judge reads the row of a nullifier that is known. Only a repeat can have
// written it: it did if its nonce is in the row.
func judge(out verifier.Outcome, a verifier.Act, row *sql.Row) (verifier.Outcome, error) {
	var nonce, message []byte
	var at int64
	if err := row.Scan(&nonce, &message, &at); err != nil {
		return out, err
	}
	out.Result, out.FirstSeen = verifier.Accepted, time.UnixMilli(at)
	mine := out.Replayed && bytes.Equal(nonce, a.Nonce[:])
	if !mine && a.Returning {
		out.Returned = true
	} else if !mine {
		out.Result, out.SameMessage = verifier.NullifierUsed, bytes.Equal(message, a.Message[:])
	}
	return out, nil
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
	out, err := s.look(ctx, a)
	if err != nil {
		return verifier.Outcome{}, unavailable(err)
	}
	return out, nil
}

func (s *Store) look(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	var out verifier.Outcome
	before := verifier.Act{Environment: a.Environment, Nonce: a.Nonce}
	var nullifier, scope, message, record []byte
	err := s.seen.nonce.QueryRowContext(ctx, a.Nonce[:], a.Environment).
		Scan(&before.Credential, &before.Key, &nullifier, &scope, &message, &record)
	used := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return out, err
	}
	copy(before.Nullifier[:], nullifier)
	copy(before.Scope[:], scope)
	copy(before.Message[:], message)
	if used && a.Repeats(before) {
		out.Replayed, out.Record = true, record
	} else {
		if a.Key != "" {
			var n int
			if err := s.seen.key.QueryRowContext(ctx, a.Environment, a.Credential, a.Key).Scan(&n); err != nil {
				return out, err
			}
			if n > 0 {
				return verifier.Outcome{Result: verifier.KeyConflict}, nil
			}
		}
		if used {
			return verifier.Outcome{Result: verifier.NonceUsed}, nil
		}
	}
	row := s.seen.nullifier.QueryRowContext(ctx, a.Nullifier[:], a.Scope[:], a.Environment)
	seen, err := judge(out, a, row)
	if errors.Is(err, sql.ErrNoRows) {
		out.Result, out.FirstSeen = verifier.Accepted, time.UnixMilli(a.Now.UnixMilli())
		return out, nil
	}
	return seen, err
}
