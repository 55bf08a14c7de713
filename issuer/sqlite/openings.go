package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/semaphore"
)

const (
	leafLink      = `SELECT link FROM templates WHERE serial = ?`
	serialLink    = `SELECT link FROM members WHERE set_id = ? AND commitment = ? AND removed_seq IS NULL`
	lastOpening   = `SELECT n, chain FROM openings WHERE set_id = ? ORDER BY n DESC LIMIT 1`
	insertOpening = `INSERT INTO openings (set_id, n, at, reason, subject, chain) VALUES (?, ?, ?, ?, ?, ?)`
	openings      = `SELECT n, at, reason, subject, chain FROM openings WHERE set_id = ? AND n > ? ORDER BY n LIMIT ?`
)

// LeafLink implements issuer.LifeStore.
func (s *Store) LeafLink(ctx context.Context, of issuer.Serial, o issuer.Opening) (link []byte, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRow(leafLink, of[:]).Scan(&link); err != nil {
			return err
		}
		return recordOpening(tx, o)
	})
	return onlyIf(link, err)
}

// SerialLink implements issuer.LifeStore.
func (s *Store) SerialLink(ctx context.Context, of semaphore.Element, o issuer.Opening) (link []byte, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRow(serialLink, setID, of[:]).Scan(&link); err != nil || len(link) == 0 {
			return err
		}
		return recordOpening(tx, o)
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

func recordOpening(tx *sql.Tx, o issuer.Opening) error {
	var last issuer.Opening
	var chain []byte
	err := tx.QueryRow(lastOpening, setID).Scan(&last.Number, &chain)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	copy(last.Chain[:], chain)
	o = o.After(last)
	_, err = tx.Exec(insertOpening, setID, o.Number, o.At, o.Reason, o.Subject, o.Chain[:])
	return err
}

// Openings implements issuer.LifeStore.
func (s *Store) Openings(ctx context.Context, after int64, n int) ([]issuer.Opening, error) {
	rows, err := s.r.QueryContext(ctx, openings, setID, after, n)
	if err != nil {
		return nil, classify(err)
	}
	defer func() { _ = rows.Close() }()
	var out []issuer.Opening
	for rows.Next() {
		var o issuer.Opening
		var chain []byte
		if err := rows.Scan(&o.Number, &o.At, &o.Reason, &o.Subject, &chain); err != nil {
			return nil, classify(err)
		}
		if copy(o.Chain[:], chain) != len(o.Chain) {
			return nil, fmt.Errorf("%w: an opening", issuer.ErrCorrupt)
		}
		out = append(out, o)
	}
	return out, classifyNil(rows.Err())
}
