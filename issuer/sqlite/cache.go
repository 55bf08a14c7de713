package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

const (
	selectCacheKey = `SELECT sealed FROM gallery_cache WHERE set_id = ?`
	putCacheKey    = `INSERT INTO gallery_cache (set_id, sealed) VALUES (?, ?) ON CONFLICT DO UPDATE SET sealed = excluded.sealed`
	forgetCache    = `DELETE FROM gallery_cache WHERE set_id = ?`
)

// CacheKey implements issuer.CacheStore.
func (s *Store) CacheKey(ctx context.Context) (sealed []byte, err error) {
	err = s.r.QueryRowContext(ctx, selectCacheKey, setID).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return sealed, classifyNil(err)
}

// SetCacheKey implements issuer.CacheStore.
func (s *Store) SetCacheKey(ctx context.Context, sealed []byte) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(putCacheKey, setID, sealed)
		return err
	})
}
