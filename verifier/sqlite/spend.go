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
	act := &spending{act: a}
	if err := s.queue.Submit(ctx, job{order: a.Nullifier[:], spend: act}); err != nil {
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
	w.values = appendNullifier(w.values[:0], a)
	first, err := inserted(w.insertNullifier.ExecContext(ctx, w.values...))
	if err != nil {
		return out, err
	}
	if first {
		out.Result, out.FirstSeen = verifier.Accepted, time.UnixMilli(a.Now.UnixMilli())
		return out, nil
	}
	var nonce, message []byte
	var at int64
	row := w.touchNullifier.QueryRowContext(ctx, a.Nullifier[:], a.Scope[:], a.Environment)
	if err := row.Scan(&nonce, &message, &at); err != nil {
		return out, err
	}
	return judge(out, a, nonce, message, at), nil
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
func judge(out verifier.Outcome, a *verifier.Act, nonce, message []byte, at int64) verifier.Outcome {
	out.Result, out.FirstSeen = verifier.Accepted, time.UnixMilli(at)
	mine := out.Replayed && bytes.Equal(nonce, a.Nonce[:])
	if !mine && a.Returning {
		out.Returned = true
	} else if !mine {
		out.Result, out.SameMessage = verifier.NullifierUsed, bytes.Equal(message, a.Message[:])
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
	out, err := s.look(ctx, a)
	if err != nil {
		return verifier.Outcome{}, unavailable(err)
	}
	return out, nil
}

func (s *Store) look(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	var out verifier.Outcome
	before := verifier.Act{Environment: a.Environment, Nonce: a.Nonce}
	var credential, key sql.NullString
	var nullifier, scope, message, record, by, said []byte
	var taken bool // the key, by whatever nonce
	var at sql.NullInt64
	if err := s.seen.act.QueryRowContext(ctx, a.Nonce[:], a.Environment, a.Nullifier[:], a.Scope[:], a.Credential, a.Key).
		Scan(&credential, &key, &nullifier, &scope, &message, &record, &taken, &by, &said, &at); err != nil {
		return out, err
	}
	used, known := key.Valid, at.Valid
	before.Credential, before.Key = credential.String, key.String
	copy(before.Nullifier[:], nullifier)
	copy(before.Scope[:], scope)
	copy(before.Message[:], message)
	switch {
	case used && a.Repeats(before):
		out.Replayed, out.Record = true, record
	case taken:
		return verifier.Outcome{Result: verifier.KeyConflict}, nil
	case used:
		return verifier.Outcome{Result: verifier.NonceUsed}, nil
	}
	if !known {
		out.Result, out.FirstSeen = verifier.Accepted, time.UnixMilli(a.Now.UnixMilli())
		return out, nil
	}
	return judge(out, &a, by, said, at.Int64), nil
}
