package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	sqlInsertDeletion = `INSERT INTO deletions (set_id, id, until, destroyed, tombstone) VALUES ($1, $2, $3, 0, ''::BYTEA)`
	sqlDeletionByID   = `SELECT d.id, i.session, i.received, i.commitment, i.receipt, d.until, coalesce(r.created_ms, 0), d.destroyed, d.tombstone
		FROM deletions AS d JOIN intakes AS i ON i.id = d.id LEFT JOIN roots AS r ON r.set_id = d.set_id AND r.seq = i.seq
		WHERE d.set_id = $1 AND d.id = $2`
	sqlFirstMark       = `UPDATE templates SET mark = $1 WHERE serial = $2 AND length(mark) = 0`
	sqlMarkTemplate    = `UPDATE templates SET mark = $1 WHERE serial = $2`
	sqlDestroyTemplate = `DELETE FROM templates WHERE serial = $1`
	sqlEntomb          = `UPDATE deletions SET destroyed = $1, tombstone = $2 WHERE set_id = $3 AND id = $4 AND destroyed = 0`
)

// Delete implements issuer.LifeStore.
func (s *Store) Delete(ctx context.Context, d issuer.Deletion, serial *issuer.Serial, mark []byte) (first issuer.Deletion, repeated bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		first, repeated = d, false
		old, err := intakeOf(t, d.Session)
		there, err := found(err)
		switch {
		case err != nil:
			return err
		case !there:
			return deleteIn(t, d, serial, mark)
		case old.Op != setlog.OpRemove || old.Commitment != d.Commitment:
			return &api.Error{Code: api.SessionUsed}
		}
		repeated = true
		var row scannedDeletion
		if err := t.QueryRow(sqlDeletionByID, row.into(), setID, old.ID[:]); err != nil {
			return err
		}
		first, err = row.deletion()
		return err
	})
	return first, repeated, err
}

func deleteIn(t *tx, d issuer.Deletion, serial *issuer.Serial, mark []byte) error {
	var index uint64
	var leaving bool
	if live, err := found(t.QueryRow(sqlLiveAt, into(&index), setID, d.Commitment[:])); err != nil {
		return err
	} else if !live {
		return &api.Error{Code: api.NotEnrolled}
	}
	if err := t.QueryRow(sqlAboutToGo, into(&leaving), setID, d.Commitment[:]); err != nil {
		return err
	}
	if leaving {
		return &api.Error{Code: api.NotEnrolled}
	}
	if _, err := endRecoveryOf(t, d.Commitment[:], index, api.RecoveryCancelled); err != nil {
		return err
	}
	var q queue
	q.Queue(sqlInsertIntake, d.ID[:], int64(setlog.OpRemove), d.Session[:], d.Commitment[:], d.Received, api.StateMatched, "", blob(d.Receipt))
	q.Queue(sqlInsertDeletion, setID, d.ID[:], d.Until)
	q.Queue(sqlInsertPending, setID, d.ID[:], int64(setlog.OpRemove), index, d.Commitment[:], make([]byte, 32), []byte{}, 1, d.Received)
	if serial != nil {
		q.Queue(sqlMarkTemplate, blob(mark), serial[:])
	}
	return t.send(&q)
}

// Deletion implements issuer.LifeStore.
func (s *Store) Deletion(ctx context.Context, id issuer.ID) (d issuer.Deletion, err error) {
	err = s.read(ctx, func(c *pgx.Conn) (err error) {
		var row scannedDeletion
		if err := c.QueryRow(ctx, sqlDeletionByID, setID, id[:]).Scan(row.into()...); err != nil {
			return err
		}
		d, err = row.deletion()
		return err
	})
	return d, err
}

// scannedDeletion takes the columns of a deletion.
type scannedDeletion struct {
	id, session, commitment []byte
	removedMillis           uint64
	d                       issuer.Deletion
}

func (r *scannedDeletion) into() []any {
	return into(&r.id, &r.session, &r.d.Received, &r.commitment, &r.d.Receipt, &r.d.Until, &r.removedMillis, &r.d.Destroyed, &r.d.Tombstone)
}

func (r *scannedDeletion) deletion() (issuer.Deletion, error) {
	d := r.d
	d.Removed = r.removedMillis / 1000
	if copy(d.ID[:], r.id) != len(d.ID) || copy(d.Session[:], r.session) != len(d.Session) {
		return d, fmt.Errorf("%w: a deletion", issuer.ErrCorrupt)
	}
	var err error
	d.Commitment, err = element(r.commitment)
	return d, err
}

// Mark implements issuer.LifeStore.
func (s *Store) Mark(ctx context.Context, marks []issuer.TemplateMark) error {
	return s.write(ctx, func(t *tx) error {
		var q queue
		for _, m := range marks {
			q.Queue(sqlFirstMark, m.Mark, m.Serial[:])
			if len(q.exact) >= queueRoom {
				if err := t.send(&q); err != nil {
					return err
				}
			}
		}
		return t.send(&q)
	})
}

// Destroy implements issuer.LifeStore. The row is gone for every reader at
// once; its bytes leave the server's files with vacuum and the recycling of its
// log, which docs/issuer-storage.md speaks of.
func (s *Store) Destroy(ctx context.Context, d issuer.Deletion, serial issuer.Serial) error {
	return s.write(ctx, func(t *tx) error {
		if _, err := t.Exec(sqlDestroyTemplate, serial[:]); err != nil {
			return err
		}
		if _, err := t.Exec(sqlForgetCache, setID); err != nil {
			return err
		}
		_, err := t.Exec(sqlEntomb, d.Destroyed, blob(d.Tombstone), setID, d.ID[:])
		return err
	})
}
