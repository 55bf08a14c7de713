package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/semaphore"
)

const (
	sqlBeginImport   = `INSERT INTO imports (set_id, name, lines, prefix) VALUES ($1, $2, 0, $3) ON CONFLICT DO NOTHING`
	sqlImport        = `SELECT lines, prefix FROM imports WHERE set_id = $1 AND name = $2`
	sqlAdvanceImport = `UPDATE imports SET lines = $1, prefix = $2 WHERE set_id = $3 AND name = $4 AND lines <= $1`
	sqlAnyImport     = `SELECT EXISTS (SELECT 1 FROM imports WHERE set_id = $1)`
)

// BeginImport implements issuer.ImportStore.
func (s *Store) BeginImport(ctx context.Context, name [32]byte) (issuer.ImportMark, error) {
	m := issuer.ImportMark{Name: name}
	err := s.write(ctx, func(t *tx) error {
		if _, err := t.Exec(sqlBeginImport, setID, name[:], make([]byte, 32)); err != nil {
			return err
		}
		var prefix []byte
		if err := t.QueryRow(sqlImport, into(&m.Lines, &prefix), setID, name[:]); err != nil {
			return err
		}
		if copy(m.Prefix[:], prefix) != len(m.Prefix) {
			return fmt.Errorf("%w: an import", issuer.ErrCorrupt)
		}
		return nil
	})
	return m, err
}

func writeImport(t *tx, m *issuer.ImportMark) error {
	if m == nil {
		return nil
	}
	return t.must(t.Exec(sqlAdvanceImport, m.Lines, m.Prefix[:], setID, m.Name[:]))
}

// Taken implements issuer.ImportStore.
func (s *Store) Taken(ctx context.Context, commitments []semaphore.Element) (taken []bool, err error) {
	err = s.read(ctx, func(c *pgx.Conn) error {
		taken = make([]bool, len(commitments))
		for from := 0; from < len(commitments); from += queueRoom {
			var b pgx.Batch
			part := commitments[from:min(from+queueRoom, len(commitments))]
			for i := range part {
				b.Queue(sqlTaken, setID, part[i][:])
			}
			r := c.SendBatch(ctx, &b)
			var failed error
			for i := range part {
				if failed = r.QueryRow().Scan(&taken[from+i]); failed != nil {
					break
				}
			}
			if err := r.Close(); failed == nil {
				failed = err
			}
			if failed != nil {
				return failed
			}
		}
		return nil
	})
	return taken, err
}
