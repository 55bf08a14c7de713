package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/perhuman/perhuman/issuer"
)

const selectWriter = `SELECT writer FROM binding WHERE set_id = ?`

// write runs one act in one IMMEDIATE transaction. ctx is looked at before and
// after f: between those points and in COMMIT nothing is interrupted, so a
// cancelled act either never was or is whole.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.present(); err != nil {
		return err
	}
	steady := context.WithoutCancel(ctx)
	tx, err := s.w.BeginTx(steady, nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	var writer int64
	if err := tx.QueryRow(selectWriter, setID).Scan(&writer); err != nil {
		return classify(err)
	}
	if writer != s.writer {
		return issuer.ErrFenced
	}
	if err := f(tx); err != nil {
		return classify(err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		s.discard(steady)
		return fmt.Errorf("%w: %w", issuer.ErrInDoubt, err)
	}
	if err := s.present(); err != nil { // it went while we wrote
		return fmt.Errorf("%w: %w", issuer.ErrInDoubt, err)
	}
	return nil
}

// classify gives SQLite's errors the names of the Store interface.
func classify(err error) error {
	var e sqlite3.Error
	if errors.As(err, &e) && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrLocked) {
		return fmt.Errorf("%w: %w", issuer.ErrBusy, err)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: %w", issuer.ErrNotFound, err)
	}
	return err
}

// unique reports whether err is a violated uniqueness.
func unique(err error) bool {
	var e sqlite3.Error
	return errors.As(err, &e) && (e.ExtendedCode == sqlite3.ErrConstraintUnique || e.ExtendedCode == sqlite3.ErrConstraintPrimaryKey)
}

// one runs a statement and reports whether it changed exactly one row.
func one(tx *sql.Tx, query string, args ...any) (bool, error) {
	res, err := tx.Exec(query, args...)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
