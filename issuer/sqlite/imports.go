package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/perhuman/perhuman/issuer"
)

const (
	beginImport   = `INSERT INTO imports (set_id, name, lines, prefix) VALUES (?, ?, 0, zeroblob(32)) ON CONFLICT DO NOTHING`
	selectImport  = `SELECT lines, prefix FROM imports WHERE set_id = ? AND name = ?`
	advanceImport = `UPDATE imports SET lines = ?1, prefix = ?2 WHERE set_id = ?3 AND name = ?4 AND lines <= ?1`
	anyImport     = `SELECT EXISTS (SELECT 1 FROM imports WHERE set_id = ? AND lines > 0)`
)

// BeginImport implements issuer.ImportStore.
func (s *Store) BeginImport(ctx context.Context, name [32]byte) (issuer.ImportMark, error) {
	m := issuer.ImportMark{Name: name}
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(beginImport, setID, name[:]); err != nil {
			return err
		}
		var prefix []byte
		if err := tx.QueryRow(selectImport, setID, name[:]).Scan(&m.Lines, &prefix); err != nil {
			return err
		}
		if copy(m.Prefix[:], prefix) != len(m.Prefix) {
			return fmt.Errorf("%w: an import", issuer.ErrCorrupt)
		}
		return nil
	})
	return m, err
}

func writeImport(tx *sql.Tx, m *issuer.ImportMark) error {
	if m == nil {
		return nil
	}
	return mustOne(tx.Exec(advanceImport, m.Lines, m.Prefix[:], setID, m.Name[:]))
}
