package postgres

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/verifier"
)

var _ verifier.KeyRotator = (*Store)(nil)

const (
	// The lock lets one rotation happen at a time.
	sqlLockKeys  = `SELECT seed FROM signing_keys WHERE environment = $1 AND rp = $2 ORDER BY number DESC FOR UPDATE`
	sqlDropKey   = `DELETE FROM signing_keys WHERE environment = $1 AND rp = $2 AND seed = $3`
	sqlNewestKey = `
INSERT INTO signing_keys (environment, rp, number, seed)
SELECT $1, $2, coalesce(max(number), 0) + 1, $3 FROM signing_keys WHERE environment = $1 AND rp = $2`
)

// AddKey implements verifier.KeyRotator.
func (s *Store) AddKey(ctx context.Context, environment, rp string, key ed25519.PrivateKey) error {
	if len(key) != ed25519.PrivateKeySize {
		return fmt.Errorf("%w: signing key of %d bytes", verifier.ErrUnavailable, len(key))
	}
	return s.change(ctx, s.home(), func(ctx context.Context, c *pgx.Conn) error {
		if _, err := scanKeys(c.Query(ctx, sqlLockKeys, environment, rp)); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, sqlDropKey, environment, rp, key.Seed()); err != nil {
			return err
		}
		_, err := c.Exec(ctx, sqlNewestKey, environment, rp, key.Seed())
		return err
	})
}

// DropKey implements verifier.KeyRotator.
func (s *Store) DropKey(ctx context.Context, environment, rp string, public ed25519.PublicKey) error {
	var refused error
	err := s.change(ctx, s.home(), func(ctx context.Context, c *pgx.Conn) error {
		refused = nil
		keys, err := scanKeys(c.Query(ctx, sqlLockKeys, environment, rp))
		if err != nil {
			return err
		}
		for _, key := range keys {
			if !bytes.Equal(public, key.Public().(ed25519.PublicKey)) {
				continue
			}
			if len(keys) == 1 {
				refused = fmt.Errorf("%w: the last signing key stays", verifier.ErrUnavailable)
				return nil
			}
			_, err := c.Exec(ctx, sqlDropKey, environment, rp, key.Seed())
			return err
		}
		return nil
	})
	return errors.Join(err, refused)
}

func scanKeys(rows pgx.Rows, err error) ([]ed25519.PrivateKey, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (ed25519.PrivateKey, error) {
		var seed []byte
		if err := row.Scan(&seed); err != nil {
			return nil, err
		}
		if len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("a signing key has %d bytes", len(seed))
		}
		return ed25519.NewKeyFromSeed(seed), nil
	})
}
