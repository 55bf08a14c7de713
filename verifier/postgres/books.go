package postgres

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
)

const (
	sqlPolicy = `SELECT kind, len, snapshot, k, next_k, next_from FROM policies WHERE environment = $1 AND rp = $2 AND action = $3`
	// The lock makes read and write one.
	sqlPolicyLocked = `SELECT kind, len, snapshot, k, next_k, next_from FROM policies WHERE environment = $1 AND rp = $2 AND action = $3 FOR UPDATE`
	sqlAddPolicy    = `
INSERT INTO policies (environment, rp, action, kind, len, snapshot, k, next_k, next_from)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`
	sqlPutPolicy = `
UPDATE policies SET k = $4, next_k = $5, next_from = $6 WHERE environment = $1 AND rp = $2 AND action = $3`

	sqlSigningKeys = `SELECT seed FROM signing_keys WHERE environment = $1 AND rp = $2 ORDER BY number DESC`
	sqlAddKey      = `INSERT INTO signing_keys (environment, rp, number, seed) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`

	// Forgetting is done in bites, so that it never holds up a writer long.
	sqlSweepNonces = `
DELETE FROM nonces WHERE (nonce, environment) IN (SELECT nonce, environment FROM nonces WHERE expires_ms < $1 LIMIT 5000)`
	sqlSweepKeys = `
DELETE FROM idempotency_keys WHERE digest IN (SELECT digest FROM idempotency_keys WHERE expires_ms < $1 LIMIT 5000)`
	sqlSweepNullifiers = `
DELETE FROM nullifiers WHERE (nullifier, scope, environment) IN
	(SELECT nullifier, scope, environment FROM nullifiers WHERE closes_ms > 0 AND closes_ms < $1 LIMIT 5000)`
)

// change runs a transaction for one caller. One that stops waiting before COMMIT
// has changed nothing, and is in doubt from then on.
func (s *Store) change(ctx context.Context, db *database, work func(context.Context, *pgx.Conn) error) error {
	if err := s.gate.Begin(); err != nil {
		return err
	}
	defer s.gate.End()
	return db.transact(ctx, work)
}

// read runs a query for one caller, in the database of what is not sharded.
func (s *Store) read(ctx context.Context, work func(context.Context, *pgx.Conn) error) error {
	if err := s.gate.Begin(); err != nil {
		return err
	}
	defer s.gate.End()
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	if err := s.home().pool.with(ctx, func(c *pgx.Conn) error { return work(ctx, c) }); err != nil {
		return unavailable(err)
	}
	return nil
}

// BindPolicy implements verifier.Store.
func (s *Store) BindPolicy(ctx context.Context, want verifier.Binding) (verifier.Binding, error) {
	var got verifier.Binding
	var refused error
	err := s.change(ctx, s.home(), func(ctx context.Context, c *pgx.Conn) error {
		refused, got = nil, want
		tag, err := c.Exec(ctx, sqlAddPolicy, want.Environment, want.RP, want.Action, int64(want.Kind),
			int64(want.Len), int64(want.Snapshot), int64(want.K), int64(want.NextK), int64(want.NextFrom))
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
		stored, known, err := scanPolicy(c.QueryRow(ctx, sqlPolicyLocked, want.Environment, want.RP, want.Action), want)
		if err != nil {
			return err
		}
		if !known {
			return errors.New("a policy was refused that is not there")
		}
		put, err := stored.Rebind(want)
		if err != nil {
			refused, got = err, stored
			return nil
		}
		got, stored.Period = put, put.Period // which is not stored
		if put == stored {
			return nil
		}
		_, err = c.Exec(ctx, sqlPutPolicy, put.Environment, put.RP, put.Action, int64(put.K), int64(put.NextK), int64(put.NextFrom))
		return err
	})
	if err != nil {
		return verifier.Binding{}, err
	}
	return got, refused
}

// Policy implements verifier.Store.
func (s *Store) Policy(ctx context.Context, environment, rp, action string) (b verifier.Binding, ok bool, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		b, ok, err = scanPolicy(c.QueryRow(ctx, sqlPolicy, environment, rp, action),
			verifier.Binding{Environment: environment, RP: rp, Action: action})
		return err
	})
	return b, ok && err == nil, err
}

func scanPolicy(row pgx.Row, of verifier.Binding) (verifier.Binding, bool, error) {
	b := verifier.Binding{Environment: of.Environment, RP: of.RP, Action: of.Action}
	var kind, length, snapshot, from int64
	err := row.Scan(&kind, &length, &snapshot, &b.K, &b.NextK, &from)
	if errors.Is(err, pgx.ErrNoRows) {
		return verifier.Binding{}, false, nil
	}
	b.Kind, b.Len, b.Snapshot, b.NextFrom = scope.Kind(kind), uint64(length), uint64(snapshot), uint64(from)
	return b, err == nil, err
}

// Keys implements verifier.Store.
func (s *Store) Keys(ctx context.Context, environment, rp string, generate func() (ed25519.PrivateKey, error)) ([]ed25519.PrivateKey, error) {
	var keys []ed25519.PrivateKey
	err := s.change(ctx, s.home(), func(ctx context.Context, c *pgx.Conn) (err error) {
		if keys, err = scanKeys(c.Query(ctx, sqlSigningKeys, environment, rp)); err != nil || len(keys) > 0 {
			return err
		}
		key, err := generate()
		if err != nil {
			return err
		}
		if _, err := c.Exec(ctx, sqlAddKey, environment, rp, int64(1), key.Seed()); err != nil {
			return err
		}
		keys, err = scanKeys(c.Query(ctx, sqlSigningKeys, environment, rp)) // another may have been first
		return err
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// Sweep implements verifier.Store.
func (s *Store) Sweep(ctx context.Context, before time.Time) (int, error) {
	gone := 0
	sweep := func(at time.Time, statements ...string) error {
		for _, db := range s.dbs {
			bite := 0 // of the try that was committed
			if err := s.change(ctx, db, func(ctx context.Context, c *pgx.Conn) error {
				bite = 0
				for _, sqlSweep := range statements {
					tag, err := c.Exec(ctx, sqlSweep, at.UnixMilli())
					if err != nil {
						return err
					}
					bite += int(tag.RowsAffected())
				}
				return nil
			}); err != nil {
				return err
			}
			gone += bite
		}
		return nil
	}
	// Nullifiers go when no nonce of any database is left that should go.
	err := sweep(before, sqlSweepNonces, sqlSweepKeys)
	if err == nil && gone == 0 {
		err = sweep(before.Add(-verifier.SweepGrace), sqlSweepNullifiers)
	}
	return gone, err
}
