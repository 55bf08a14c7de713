package sqlite

import (
	"context"
	"database/sql"

	"github.com/perhuman/perhuman/issuer"
)

const (
	dropSessions  = `DELETE FROM sessions WHERE expires < ?`
	countSessions = `SELECT count(*) FROM sessions`
	insertSession = `INSERT INTO sessions (nonce, created, expires) VALUES (?, ?, ?)`
)

// StartSession implements issuer.Store. Sessions that ran out are dropped on
// the way: a missing session and an expired one are answered alike.
func (s *Store) StartSession(ctx context.Context, v issuer.Session, limit int) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(dropSessions, v.Created); err != nil {
			return err
		}
		var open int
		if err := tx.QueryRow(countSessions).Scan(&open); err != nil {
			return err
		}
		if open >= limit {
			return issuer.ErrTooManySessions
		}
		_, err := tx.Exec(insertSession, v.Nonce[:], v.Created, v.Expires)
		return err
	})
}
