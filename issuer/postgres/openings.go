package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/semaphore"
)

const (
	sqlLeafLink      = `SELECT link FROM templates WHERE serial = $1`
	sqlSerialLink    = `SELECT link FROM members WHERE set_id = $1 AND commitment = $2 AND removed_seq IS NULL`
	sqlLastOpening   = `SELECT n, chain FROM openings WHERE set_id = $1 ORDER BY n DESC LIMIT 1`
	sqlInsertOpening = `INSERT INTO openings (set_id, n, at, reason, subject, chain) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlOpenings      = `SELECT n, at, reason, subject, chain FROM openings WHERE set_id = $1 AND n > $2 ORDER BY n LIMIT $3`
)

// LeafLink implements issuer.LifeStore.
func (s *Store) LeafLink(ctx context.Context, of issuer.Serial, o issuer.Opening) (link []byte, err error) {
	err = s.write(ctx, func(t *tx) error {
		if err := t.QueryRow(sqlLeafLink, into(&link), of[:]); err != nil {
			return err
		}
		return recordOpening(t, o)
	})
	return onlyIf(link, err)
}

// SerialLink implements issuer.LifeStore.
func (s *Store) SerialLink(ctx context.Context, of semaphore.Element, o issuer.Opening) (link []byte, err error) {
	err = s.write(ctx, func(t *tx) error {
		if err := t.QueryRow(sqlSerialLink, into(&link), setID, of[:]); err != nil || len(link) == 0 {
			return err
		}
		return recordOpening(t, o)
	})
	return onlyIf(link, err)
}

// onlyIf hands a link out only when its opening is committed.
func onlyIf(link []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return link, nil
}

func recordOpening(t *tx, o issuer.Opening) error {
	var last issuer.Opening
	var chain []byte
	if _, err := found(t.QueryRow(sqlLastOpening, into(&last.Number, &chain), setID)); err != nil {
		return err
	}
	copy(last.Chain[:], chain)
	o = o.After(last)
	_, err := t.Exec(sqlInsertOpening, setID, o.Number, o.At, o.Reason, blob(o.Subject), o.Chain[:])
	return err
}

// Openings implements issuer.LifeStore.
func (s *Store) Openings(ctx context.Context, after int64, n int) (out []issuer.Opening, err error) {
	err = s.read(ctx, func(c *pgx.Conn) error {
		out = nil
		rows, err := c.Query(ctx, sqlOpenings, setID, after, n)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var o issuer.Opening
			var chain []byte
			if err := rows.Scan(&o.Number, &o.At, &o.Reason, &o.Subject, &chain); err != nil {
				return err
			}
			if copy(o.Chain[:], chain) != len(o.Chain) {
				return fmt.Errorf("%w: an opening", issuer.ErrCorrupt)
			}
			out = append(out, o)
		}
		return rows.Err()
	})
	return out, err
}
