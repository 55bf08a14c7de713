package postgres

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/perhuman/perhuman/issuer"
)

const (
	sqlBinding = `SELECT origin, vkey, operator, writer FROM binding WHERE set_id = $1`
	sqlFound   = `INSERT INTO binding (set_id, origin, vkey, operator, writer, acts) VALUES ($1, $2, $3, $4, 0, 0) ON CONFLICT DO NOTHING`
	sqlWriter  = `UPDATE binding SET writer = $1, vkey = $2 WHERE set_id = $3`
)

// Bind implements issuer.Store: it claims an empty database or compares, and
// makes this process the writer. Whoever was the writer before is fenced off.
func (s *Store) Bind(ctx context.Context, b issuer.Binding) error {
	var writer int64
	err := s.writeAs(ctx, func(t *tx) error {
		if _, err := t.Exec(sqlFound, setID, b.Origin, b.VKey, b.Operator[:]); err != nil {
			return err
		}
		var have issuer.Binding
		var operator []byte
		if err := t.QueryRow(sqlBinding, into(&have.Origin, &have.VKey, &operator, &writer), setID); err != nil {
			return err
		}
		switch {
		case have.Origin != b.Origin:
			return fmt.Errorf("%w: it is %q", issuer.ErrWrongOrigin, have.Origin)
		case have.VKey != b.VKey && !slices.Contains(b.Retiring, have.VKey):
			return fmt.Errorf("%w: it is %q", issuer.ErrWrongKey, have.VKey)
		case !bytes.Equal(operator, b.Operator[:]):
			return issuer.ErrWrongOperator
		}
		writer++
		return t.must(t.Exec(sqlWriter, writer, b.VKey, setID))
	}, func(int64, bool) error { return nil })
	if err == nil {
		s.writer = writer
	}
	return err
}
