package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	insertDeletion  = `INSERT INTO deletions (set_id, id, until, destroyed, tombstone) VALUES (?, ?, ?, 0, x'')`
	deletionColumns = `SELECT d.id, i.session, i.received, i.commitment, i.receipt, d.until, coalesce(r.created_ms, 0) / 1000, d.destroyed, d.tombstone
		FROM deletions AS d JOIN intakes AS i ON i.id = d.id LEFT JOIN roots AS r ON r.set_id = d.set_id AND r.seq = i.seq `
	deletionByID    = deletionColumns + `WHERE d.set_id = ? AND d.id = ?`
	firstMark       = `UPDATE templates SET mark = ? WHERE serial = ? AND length(mark) = 0`
	markTemplate    = `UPDATE templates SET mark = ? WHERE serial = ?`
	destroyTemplate = `DELETE FROM templates WHERE serial = ?`
	entomb          = `UPDATE deletions SET destroyed = ?, tombstone = ? WHERE set_id = ? AND id = ? AND destroyed = 0`
	truncateWAL     = `PRAGMA wal_checkpoint(TRUNCATE)`
)

// Delete implements issuer.LifeStore.
func (s *Store) Delete(ctx context.Context, d issuer.Deletion, serial *issuer.Serial, mark []byte) (first issuer.Deletion, repeated bool, err error) {
	first = d
	err = s.write(ctx, func(tx *sql.Tx) error {
		switch old, err := scanEnrolment(tx.QueryRow(intakeBySession, d.Session[:])); {
		case err == nil && old.Op == setlog.OpRemove && old.Commitment == d.Commitment:
			repeated = true
			first, err = scanDeletion(tx.QueryRow(deletionByID, setID, old.ID[:]))
			return err
		case err == nil:
			return &api.Error{Code: api.SessionUsed}
		case !errors.Is(err, issuer.ErrNotFound):
			return err
		}
		return deleteIn(tx, d, serial, mark)
	})
	return first, repeated, err
}

func deleteIn(tx *sql.Tx, d issuer.Deletion, serial *issuer.Serial, mark []byte) error {
	var index uint64
	var leaving bool
	switch err := tx.QueryRow(liveAt, setID, d.Commitment[:]).Scan(&index); {
	case errors.Is(err, sql.ErrNoRows):
		return &api.Error{Code: api.NotEnrolled}
	case err != nil:
		return err
	}
	if err := tx.QueryRow(aboutToGo, setID, d.Commitment[:]).Scan(&leaving); err != nil {
		return err
	}
	if leaving {
		return &api.Error{Code: api.NotEnrolled}
	}
	if _, err := endRecoveryOf(tx, d.Commitment[:], index, api.RecoveryCancelled); err != nil {
		return err
	}
	if _, err := tx.Exec(insertIntake, d.ID[:], setlog.OpRemove, d.Session[:], d.Commitment[:], d.Received, api.StateMatched, "", d.Receipt); err != nil {
		return err
	}
	if _, err := tx.Exec(insertDeletion, setID, d.ID[:], d.Until); err != nil {
		return err
	}
	if _, err := tx.Exec(insertPending, setID, d.ID[:], setlog.OpRemove, index, d.Commitment[:], make([]byte, 32), []byte{}, true, d.Received, 0); err != nil {
		return err
	}
	if serial == nil {
		return nil
	}
	return mustOne(tx.Exec(markTemplate, mark, serial[:]))
}

// Deletion implements issuer.LifeStore.
func (s *Store) Deletion(ctx context.Context, id issuer.ID) (issuer.Deletion, error) {
	return scanDeletion(s.r.QueryRowContext(ctx, deletionByID, setID, id[:]))
}

func scanDeletion(row *sql.Row) (issuer.Deletion, error) {
	var d issuer.Deletion
	var id, session, commitment []byte
	if err := row.Scan(&id, &session, &d.Received, &commitment, &d.Receipt, &d.Until, &d.Removed, &d.Destroyed, &d.Tombstone); err != nil {
		return d, classify(err)
	}
	if copy(d.ID[:], id) != len(d.ID) || copy(d.Session[:], session) != len(d.Session) {
		return d, fmt.Errorf("%w: a deletion", issuer.ErrCorrupt)
	}
	var err error
	d.Commitment, err = element(commitment)
	return d, err
}

// Destroy implements issuer.LifeStore. Deleted rows are overwritten
// (secure_delete), and the write-ahead log, which still has them, is emptied.
func (s *Store) Destroy(ctx context.Context, d issuer.Deletion, serial issuer.Serial) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(destroyTemplate, serial[:]); err != nil {
			return err
		}
		if _, err := tx.Exec(forgetCache, setID); err != nil {
			return err
		}
		_, err := tx.Exec(entomb, d.Destroyed, d.Tombstone, setID, d.ID[:])
		return err
	})
	if err != nil {
		return err
	}
	_, _ = s.w.ExecContext(context.WithoutCancel(ctx), truncateWAL) // readers in the way: the next one does it
	return nil
}

// Mark implements issuer.LifeStore.
func (s *Store) Mark(ctx context.Context, marks []issuer.TemplateMark) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, m := range marks {
			if _, err := tx.Exec(firstMark, m.Mark, m.Serial[:]); err != nil {
				return err
			}
		}
		return nil
	})
}
