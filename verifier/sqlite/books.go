package sqlite

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

// BindPolicy implements verifier.Store.
func (s *Store) BindPolicy(ctx context.Context, want verifier.Binding) (verifier.Binding, error) {
	var got verifier.Binding
	var refused error
	err := s.submit(ctx, nil, func(ctx context.Context, w *writer) error {
		put := want
		stored, known, err := readPolicy(ctx, w.policy, want.Environment, want.RP, want.Action)
		if err != nil {
			return err
		}
		if known {
			if put, refused = stored.Rebind(want); refused != nil {
				got = stored
				return nil
			}
		}
		got = put
		_, err = w.putPolicy.ExecContext(ctx, put.Environment, put.RP, put.Action, int64(put.Kind),
			int64(put.Len), int64(put.Snapshot), int64(put.K), int64(put.NextK), int64(put.NextFrom))
		return err
	})
	if err != nil {
		return verifier.Binding{}, err
	}
	return got, refused
}

// Policy implements verifier.Store.
func (s *Store) Policy(ctx context.Context, environment, rp, action string) (verifier.Binding, bool, error) {
	if err := s.queue.Begin(); err != nil {
		return verifier.Binding{}, false, err
	}
	defer s.queue.End()
	// This is what readiness asks. A file that is gone can still be read, but
	// nothing can be spent in it.
	if info, err := os.Stat(s.path); err != nil || !os.SameFile(info, s.file) {
		return verifier.Binding{}, false, unavailable(errors.Join(errors.New("the database file is gone or was replaced"), err))
	}
	b, ok, err := readPolicy(ctx, s.seen.policy, environment, rp, action)
	if err != nil {
		return verifier.Binding{}, false, unavailable(err)
	}
	return b, ok, nil
}

func readPolicy(ctx context.Context, stmt *sql.Stmt, environment, rp, action string) (verifier.Binding, bool, error) {
	b := verifier.Binding{Environment: environment, RP: rp, Action: action}
	var kind, length, snapshot, from int64
	err := stmt.QueryRowContext(ctx, environment, rp, action).Scan(&kind, &length, &snapshot, &b.K, &b.NextK, &from)
	if errors.Is(err, sql.ErrNoRows) {
		return verifier.Binding{}, false, nil
	}
	b.Kind, b.Len, b.Snapshot, b.NextFrom = scope.Kind(kind), uint64(length), uint64(snapshot), uint64(from)
	return b, err == nil, err
}

// Keys implements verifier.Store.
func (s *Store) Keys(ctx context.Context, environment, rp string, generate func() (ed25519.PrivateKey, error)) ([]ed25519.PrivateKey, error) {
	var keys []ed25519.PrivateKey
	err := s.submit(ctx, nil, func(ctx context.Context, w *writer) (err error) {
		if keys, err = readKeys(ctx, w.signingKeys, environment, rp); err != nil || len(keys) > 0 {
			return err
		}
		key, err := generate()
		if err != nil {
			return err
		}
		if _, err := w.addKey.ExecContext(ctx, environment, rp, int64(1), key.Seed()); err != nil {
			return err
		}
		keys = []ed25519.PrivateKey{key}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

func readKeys(ctx context.Context, stmt *sql.Stmt, environment, rp string) (keys []ed25519.PrivateKey, err error) {
	rows, err := stmt.QueryContext(ctx, environment, rp)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var seed []byte
		if err := rows.Scan(&seed); err != nil {
			return nil, err
		}
		if len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("a signing key has %d bytes", len(seed))
		}
		keys = append(keys, ed25519.NewKeyFromSeed(seed))
	}
	return keys, rows.Err()
}

// Sweep implements verifier.Store.
func (s *Store) Sweep(ctx context.Context, before time.Time) (int, error) {
	var gone int64
	err := s.submit(ctx, nil, func(ctx context.Context, w *writer) (err error) {
		if gone, err = affected(w.forgetNonces.ExecContext(ctx, before.UnixMilli())); err != nil || gone > 0 {
			return err
		}
		gone, err = w.forgetClosed(ctx, before.Add(-verifier.SweepGrace).UnixMilli())
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(gone), nil
}

// forgetClosed deletes rows of scopes that closed before a time, with what the
// index says of them. Only rows that are in the index may go.
func (w *writer) forgetClosed(ctx context.Context, ms int64) (int64, error) {
	var last int64
	if err := w.lastClosed.QueryRowContext(ctx, ms).Scan(&last); err != nil || last == 0 {
		return 0, err
	}
	if last > w.upto { // that long ago, and still in the tail: there is little to do here
		if err := w.index(ctx); err != nil {
			return 0, err
		}
	}
	listed, err := affected(w.unindex.ExecContext(ctx, ms))
	if err != nil {
		return 0, err
	}
	gone, err := affected(w.forgetSpent.ExecContext(ctx, ms))
	if err == nil && gone != listed {
		err = fmt.Errorf("%d rows and %d entries of the index for them", gone, listed)
	}
	return gone, err
}
