package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/verifier"
)

const (
	sqlSeenNonce     = `SELECT nonce, environment, ticket, digest, nullifier, scope, message, record FROM nonces WHERE nonce = $1 AND environment = $2`
	sqlSeenKey       = `SELECT count(*) FROM idempotency_keys WHERE digest = $1`
	sqlSeenNullifier = `SELECT ticket, message, first_ms FROM nullifiers WHERE nullifier = $1 AND scope = $2 AND environment = $3`
)

// Spent implements verifier.Store.
func (s *Store) Spent(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	if err := check(a); err != nil {
		return verifier.Outcome{}, err
	}
	if err := s.gate.Begin(); err != nil {
		return verifier.Outcome{}, err
	}
	defer s.gate.End()
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	out, err := s.look(ctx, a)
	if err != nil {
		return verifier.Outcome{}, unavailable(err)
	}
	return out, nil
}

// look reads an act's rows. What lives in one database is asked at once.
func (s *Store) look(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	p := &spending{act: a, digest: keyDigest(a)}
	var row nonceRow
	var seenNonce, seenKey, seenNullifier bool
	var owner ticket
	var message []byte
	var first int64

	asks := map[*database]*pgx.Batch{}
	ask := func(db *database, sqlQuery string, args []any, read func(pgx.Row) error) {
		if asks[db] == nil {
			asks[db] = &pgx.Batch{}
		}
		asks[db].Queue(sqlQuery, args...).QueryRow(func(r pgx.Row) error {
			if err := read(r); !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			return nil
		})
	}
	ask(s.of(a.Nonce), sqlSeenNonce, []any{a.Nonce[:], a.Environment}, func(r pgx.Row) error {
		_, err := row.scan(r)
		seenNonce = err == nil
		return err
	})
	if a.Key != "" {
		ask(s.of(p.digest), sqlSeenKey, []any{p.digest[:]}, func(r pgx.Row) error {
			var n int
			err := r.Scan(&n)
			seenKey = n > 0
			return err
		})
	}
	ask(s.of([32]byte(a.Nullifier)), sqlSeenNullifier, []any{a.Nullifier[:], a.Scope[:], a.Environment}, func(r pgx.Row) error {
		var by []byte
		err := r.Scan(&by, &message, &first)
		seenNullifier = err == nil
		copy(owner[:], by)
		return err
	})
	for db, b := range asks {
		if err := db.pool.with(ctx, func(c *pgx.Conn) error { return c.SendBatch(ctx, b).Close() }); err != nil {
			return verifier.Outcome{}, err
		}
	}
	switch {
	case seenNonce && row.repeats(p):
		p.nonce, p.owner, p.record = repeated, row.ticket, row.record
	case seenKey:
		return verifier.Outcome{Result: verifier.KeyConflict}, nil
	case seenNonce:
		return verifier.Outcome{Result: verifier.NonceUsed}, nil
	}
	if !seenNullifier {
		owner, first = p.owner, a.Now.UnixMilli()
		if p.nonce == unknown { // the row would be this act's
			p.nonce = fresh
		}
	}
	p.judge(owner, message, first)
	return p.out, nil
}

// keyUsed tells whether an idempotency key belongs to any act.
func (s *Store) keyUsed(ctx context.Context, digest [32]byte) (bool, error) {
	var n int
	err := s.of(digest).pool.with(ctx, func(c *pgx.Conn) error { return c.QueryRow(ctx, sqlSeenKey, digest[:]).Scan(&n) })
	return n > 0, err
}
