package sqlite

import (
	"context"
	"database/sql"

	"github.com/perhuman/perhuman/issuer"
)

var _ issuer.CosignKeeper = (*Store)(nil)

const updateCheckpoint = `UPDATE roots SET checkpoint = ? WHERE set_id = ? AND seq = ?`

// Cosign implements issuer.CosignKeeper.
func (s *Store) Cosign(ctx context.Context, seq uint64, checkpoint []byte) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		found, err := one(tx, updateCheckpoint, checkpoint, setID, seq)
		if err == nil && !found {
			err = issuer.ErrNotFound
		}
		return err
	})
}
