package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/perhuman/perhuman/issuer"
)

const (
	selectBinding = `SELECT origin, vkey, operator, writer FROM binding WHERE set_id = ?`
	insertBinding = `INSERT INTO binding (set_id, origin, vkey, operator, writer) VALUES (?, ?, ?, ?, 1)`
	updateWriter  = `UPDATE binding SET writer = ?, vkey = ? WHERE set_id = ?`
)

// Bind implements issuer.Store: it claims an empty database or compares, and
// makes this process the writer. Whoever was the writer before is fenced off.
func (s *Store) Bind(ctx context.Context, b issuer.Binding) error {
	tx, err := s.w.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	var have issuer.Binding
	var operator []byte
	var writer int64
	err = tx.QueryRow(selectBinding, setID).Scan(&have.Origin, &have.VKey, &operator, &writer)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		writer = 1
		_, err = tx.Exec(insertBinding, setID, b.Origin, b.VKey, b.Operator[:])
	case err != nil:
	case have.Origin != b.Origin:
		return fmt.Errorf("%w: it is %q", issuer.ErrWrongOrigin, have.Origin)
	case have.VKey != b.VKey && !slices.Contains(b.Retiring, have.VKey):
		return fmt.Errorf("%w: it is %q", issuer.ErrWrongKey, have.VKey)
	case !bytes.Equal(operator, b.Operator[:]):
		return issuer.ErrWrongOperator
	default:
		writer++
		_, err = tx.Exec(updateWriter, writer, b.VKey, setID)
	}
	if err != nil {
		return classify(err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("sqlite: bind: %w", err)
	}
	s.writer = writer
	return nil
}
