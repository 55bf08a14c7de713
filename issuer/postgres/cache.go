package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

const (
	sqlCacheKey    = `SELECT sealed FROM gallery_cache WHERE set_id = $1`
	sqlPutCacheKey = `INSERT INTO gallery_cache (set_id, sealed) VALUES ($1, $2) ON CONFLICT (set_id) DO UPDATE SET sealed = excluded.sealed`
	sqlForgetCache = `DELETE FROM gallery_cache WHERE set_id = $1`
)

// CacheKey implements issuer.CacheStore.
func (s *Store) CacheKey(ctx context.Context) (sealed []byte, err error) {
	err = s.read(ctx, func(c *pgx.Conn) error {
		err := c.QueryRow(ctx, sqlCacheKey, setID).Scan(&sealed)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return sealed, err
}

// SetCacheKey implements issuer.CacheStore.
func (s *Store) SetCacheKey(ctx context.Context, sealed []byte) error {
	return s.write(ctx, func(t *tx) error {
		_, err := t.Exec(sqlPutCacheKey, setID, blob(sealed))
		return err
	})
}
