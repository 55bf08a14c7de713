package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	// In the order of random tickets: nothing tells who came first.
	sqlPending = `SELECT ticket, op, coalesce(idx, 0), commitment, biometric, urgent <> 0, since, due, CASE op WHEN 4 THEN link END
		FROM pending WHERE set_id = $1 ORDER BY ticket`
	sqlMemberAt = `SELECT commitment, removed_seq IS NULL FROM members WHERE set_id = $1 AND idx = $2`

	sqlLastRoot   = `SELECT coalesce(max(seq), 0), coalesce(max(log_size), 0) FROM roots WHERE set_id = $1`
	sqlInsertRoot = `INSERT INTO roots (set_id, seq, root, size, live, depth, min_valid_seq, log_size, created_ms, checkpoint)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
	sqlSupersede    = `UPDATE roots SET superseded_ms = $1 WHERE set_id = $2 AND superseded_ms IS NULL AND seq < $3`
	sqlInsertChange = `INSERT INTO changes (set_id, change_no, root_seq, op, idx, commitment, entry) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	sqlInsertMember = `INSERT INTO members (set_id, idx, commitment, added_seq, link)
		SELECT set_id, $1, commitment, $2, link FROM pending WHERE set_id = $3 AND ticket = $4 AND commitment = $5`
	sqlRemoveMember = `UPDATE members SET removed_seq = $1 WHERE set_id = $2 AND idx = $3 AND commitment = $4 AND removed_seq IS NULL`
	sqlCommitIntake = `UPDATE intakes SET state = 'committed', seq = $1, idx = $2, record = $3 WHERE id = $4`
	// A removal by the operator has no intake.
	sqlCommitDeletion = `UPDATE intakes SET state = 'committed', seq = $1, idx = $2, record = $3 WHERE id = $4 AND op = 2`
	sqlDeleteWaiting  = `DELETE FROM pending WHERE set_id = $1 AND op = $2`
	sqlDeletePending  = `DELETE FROM pending WHERE set_id = $1 AND ticket = $2 AND op = $3`
	sqlImportMember   = `INSERT INTO members (set_id, idx, commitment, added_seq, link) VALUES ($1, $2, $3, $4, $5)`
	sqlInsertHashes   = `INSERT INTO hashes (set_id, n, hash) SELECT $1, x.n, x.hash FROM unnest($2::BIGINT[], $3::BYTEA[]) AS x(n, hash)`

	// A removal that waits already becomes urgent if this one is.
	sqlQueueRemoval = `INSERT INTO pending (set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)
		ON CONFLICT (set_id, op, commitment) DO UPDATE SET urgent = greatest(pending.urgent, excluded.urgent)`
	sqlCheckpoint = `UPDATE roots SET checkpoint = $1 WHERE set_id = $2 AND seq = $3`
)

// Publish implements issuer.Store.
func (s *Store) Publish(ctx context.Context, c issuer.Change) error {
	return s.write(ctx, func(t *tx) error {
		if _, err := t.Exec(sqlDeleteWaiting, setID, int64(c.Op)); err != nil {
			return err
		}
		_, err := t.Exec(sqlInsertPending, setID, c.Ticket[:], int64(c.Op), nil, c.Document[:], make([]byte, 32), []byte{}, number(c.Urgent), c.Since)
		return err
	})
}

// Remove implements issuer.Store.
func (s *Store) Remove(ctx context.Context, c issuer.Change) error {
	return s.write(ctx, func(t *tx) error {
		var commitment []byte
		var live bool
		if err := t.QueryRow(sqlMemberAt, into(&commitment, &live), setID, c.Index); err != nil {
			return err
		}
		ended, err := endRecoveryOf(t, commitment, c.Index, api.RecoveryCancelled)
		if err != nil {
			return err
		}
		if !live && !ended {
			return issuer.ErrNotFound
		}
		if live {
			_, err = t.Exec(sqlQueueRemoval, setID, c.Ticket[:], int64(c.Op), c.Index, commitment, make([]byte, 32), []byte{}, number(c.Urgent), c.Since)
		}
		return err
	})
}

// Cosign implements issuer.CosignKeeper.
func (s *Store) Cosign(ctx context.Context, seq uint64, checkpoint []byte) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.Exec(sqlCheckpoint, checkpoint, setID, seq)
		if err == nil && n == 0 {
			err = issuer.ErrNotFound
		}
		return err
	})
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Anchor implements issuer.Store.
func (s *Store) Anchor(ctx context.Context, build func([]issuer.Change, tlog.HashReader) (*issuer.Batch, error)) error {
	return s.write(ctx, func(t *tx) error {
		pending, err := readPending(t)
		if err != nil {
			return err
		}
		log := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) { return readHashes(t.steady, t.c, indexes) })
		t.asked = true
		b, err := build(pending, log)
		if err != nil || b == nil {
			return err
		}
		return writeBatch(t, b)
	})
}

func readPending(t *tx) ([]issuer.Change, error) {
	ctx := t.steady
	rows, err := t.c.Query(ctx, sqlPending, setID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []issuer.Change
	for rows.Next() {
		var c issuer.Change
		var op int64
		var ticket, value, biometric []byte
		if err := rows.Scan(&ticket, &op, &c.Index, &value, &biometric, &c.Urgent, &c.Since, &c.Due, &c.Link); err != nil {
			return nil, err
		}
		c.Op = setlog.Op(op) // #nosec G115 -- written from an Op
		copy(c.Ticket[:], ticket)
		copy(c.Biometric[:], biometric)
		if c.Op.Publishes() {
			copy(c.Document[:], value)
		} else if c.Commitment, err = element(value); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// writeBatch writes an anchor. Every statement that must hit a row is counted:
// a batch that does not fit what is stored is refused whole.
func writeBatch(t *tx, b *issuer.Batch) error {
	var seq uint64
	var size int64
	if err := t.QueryRow(sqlLastRoot, into(&seq, &size), setID); err != nil {
		return err
	}
	r := b.Root
	if r.Seq != seq+1 || r.LogSize != size+int64(len(b.Entries)) || len(b.Entries) == 0 {
		return fmt.Errorf("%w: batch %d of log size %d on batch %d of log size %d", issuer.ErrCorrupt, r.Seq, r.LogSize, seq, size)
	}
	first := tlog.StoredHashCount(size)
	if int64(len(b.Hashes)) != tlog.StoredHashCount(r.LogSize)-first {
		return fmt.Errorf("%w: %d log hashes", issuer.ErrCorrupt, len(b.Hashes))
	}
	var q queue
	q.Queue(sqlSupersede, r.Created, setID, r.Seq)
	q.any()
	q.Queue(sqlInsertRoot, setID, r.Seq, r.Root[:], r.Size, r.Live, r.Depth, r.MinValidSeq, r.LogSize, r.Created, r.Checkpoint)
	for i, e := range b.Entries {
		queueEntry(&q, r.Seq, size+int64(i), e)
		if len(q.exact) >= queueRoom {
			if err := t.send(&q); err != nil {
				return err
			}
		}
	}
	if err := t.send(&q); err != nil {
		return err
	}
	if err := writeSteps(t, b); err != nil {
		return err
	}
	numbers, hashes := make([]int64, len(b.Hashes)), make([][]byte, len(b.Hashes))
	for i := range b.Hashes {
		numbers[i], hashes[i] = first+int64(i), b.Hashes[i][:]
	}
	_, err := t.Exec(sqlInsertHashes, setID, numbers, hashes)
	return err
}

func queueEntry(q *queue, seq uint64, record int64, e issuer.BatchEntry) {
	value := e.Commitment[:]
	if e.Op.Publishes() {
		value = e.Document[:]
	}
	value = append([]byte{}, value...)
	ticket := append([]byte{}, e.Ticket[:]...)
	q.Queue(sqlInsertChange, setID, record, seq, int64(e.Op), e.Index, value, e.Entry)
	switch {
	case e.Imported:
		q.Queue(sqlImportMember, setID, e.Index, value, seq, []byte{})
		return
	case e.Op.Adds():
		q.Queue(sqlInsertMember, e.Index, seq, setID, ticket, value)
		q.Queue(sqlCommitIntake, seq, e.Index, record, ticket)
	case e.Op.Clears():
		q.Queue(sqlRemoveMember, seq, setID, e.Index, value)
		if e.Op == setlog.OpRemove {
			q.Queue(sqlCommitDeletion, seq, e.Index, record, ticket)
			q.any()
		}
	}
	q.Queue(sqlDeletePending, setID, ticket, int64(e.Op))
}

// found reads one row of what may not be there.
func found(err error) (bool, error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
