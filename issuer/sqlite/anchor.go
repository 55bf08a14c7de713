package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	// In the order of random tickets: nothing tells who came first.
	selectPending = `SELECT ticket, op, coalesce(idx, 0), commitment, biometric, urgent, since, due, CASE op WHEN 4 THEN link END FROM pending WHERE set_id = ? ORDER BY ticket`
	memberAt      = `SELECT commitment, removed_seq IS NULL FROM members WHERE set_id = ? AND idx = ?`

	lastRoot   = `SELECT coalesce(max(seq), 0), coalesce(max(log_size), 0) FROM roots WHERE set_id = ?`
	insertRoot = `INSERT INTO roots (set_id, seq, root, size, live, depth, min_valid_seq, log_size, created_ms, checkpoint)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	supersede    = `UPDATE roots SET superseded_ms = ? WHERE set_id = ? AND superseded_ms IS NULL AND seq < ?`
	insertChange = `INSERT INTO changes (set_id, change_no, root_seq, op, idx, commitment, entry) VALUES (?, ?, ?, ?, ?, ?, ?)`
	insertMember = `INSERT INTO members (set_id, idx, commitment, added_seq, link)
		SELECT set_id, ?, commitment, ?, link FROM pending WHERE set_id = ? AND ticket = ? AND commitment = ?`
	removeMember   = `UPDATE members SET removed_seq = ? WHERE set_id = ? AND idx = ? AND commitment = ? AND removed_seq IS NULL`
	commitIntake   = `UPDATE intakes SET state = ?, seq = ?, idx = ?, record = ? WHERE id = ?`
	commitDeletion = `UPDATE intakes SET state = ?, seq = ?, idx = ?, record = ? WHERE id = ? AND op = ?`
	deleteWaiting  = `DELETE FROM pending WHERE set_id = ? AND op = ?`
	deletePending  = `DELETE FROM pending WHERE set_id = ? AND ticket = ? AND op = ?`
	importMember   = `INSERT INTO members (set_id, idx, commitment, added_seq, link) VALUES (?, ?, ?, ?, x'')`
	insertHash     = `INSERT INTO hashes (set_id, n, hash) VALUES (?, ?, ?)`
)

// Publish implements issuer.Store.
func (s *Store) Publish(ctx context.Context, c issuer.Change) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(deleteWaiting, setID, c.Op); err != nil {
			return err
		}
		_, err := tx.Exec(insertPending, setID, c.Ticket[:], c.Op, nil, c.Document[:], make([]byte, 32), []byte{}, c.Urgent, c.Since, 0)
		return err
	})
}

// Remove implements issuer.Store.
func (s *Store) Remove(ctx context.Context, c issuer.Change) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		var commitment []byte
		var live bool
		if err := tx.QueryRow(memberAt, setID, c.Index).Scan(&commitment, &live); err != nil {
			return err
		}
		ended, err := endRecoveryOf(tx, commitment, c.Index, api.RecoveryCancelled)
		if err != nil {
			return err
		}
		if !live && !ended {
			return issuer.ErrNotFound
		}
		if !live {
			return nil
		}
		_, err = tx.Exec(insertPending, setID, c.Ticket[:], c.Op, c.Index, commitment, make([]byte, 32), []byte{}, c.Urgent, c.Since, 0)
		if unique(err) {
			// It waits already; an urgent one makes it urgent.
			_, err = tx.Exec(hasten, c.Urgent, setID, c.Op, commitment)
		}
		return err
	})
}

const hasten = `UPDATE pending SET urgent = urgent OR ? WHERE set_id = ? AND op = ? AND commitment = ?`

// Anchor implements issuer.Store.
func (s *Store) Anchor(ctx context.Context, build func([]issuer.Change, tlog.HashReader) (*issuer.Batch, error)) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		pending, err := readPending(tx)
		if err != nil {
			return err
		}
		log := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			stmt, err := tx.Prepare(selectHash)
			if err != nil {
				return nil, err
			}
			defer func() { _ = stmt.Close() }()
			return readHashes(ctx, stmt, indexes)
		})
		b, err := build(pending, log)
		if err != nil || b == nil {
			return err
		}
		return writeBatch(ctx, tx, b)
	})
}

func readPending(tx *sql.Tx) ([]issuer.Change, error) {
	rows, err := tx.Query(selectPending, setID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []issuer.Change
	for rows.Next() {
		var c issuer.Change
		var ticket, value, biometric []byte
		if err := rows.Scan(&ticket, &c.Op, &c.Index, &value, &biometric, &c.Urgent, &c.Since, &c.Due, &c.Link); err != nil {
			return nil, err
		}
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
func writeBatch(ctx context.Context, tx *sql.Tx, b *issuer.Batch) error {
	var seq uint64
	var size int64
	if err := tx.QueryRow(lastRoot, setID).Scan(&seq, &size); err != nil {
		return err
	}
	r := b.Root
	if r.Seq != seq+1 || r.LogSize != size+int64(len(b.Entries)) || len(b.Entries) == 0 {
		return fmt.Errorf("%w: batch %d of log size %d on batch %d of log size %d", issuer.ErrCorrupt, r.Seq, r.LogSize, seq, size)
	}
	if _, err := tx.Exec(supersede, r.Created, setID, r.Seq); err != nil {
		return err
	}
	if _, err := tx.Exec(insertRoot, setID, r.Seq, r.Root[:], r.Size, r.Live, r.Depth, r.MinValidSeq, r.LogSize, r.Created, r.Checkpoint); err != nil {
		return err
	}
	w, err := newBatchWriter(tx)
	if err != nil {
		return err
	}
	defer w.close()
	for i, e := range b.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.entry(r.Seq, size+int64(i), e); err != nil {
			return err
		}
	}
	if err := writeSteps(tx, b); err != nil {
		return err
	}
	first := tlog.StoredHashCount(size)
	if int64(len(b.Hashes)) != tlog.StoredHashCount(r.LogSize)-first {
		return fmt.Errorf("%w: %d log hashes", issuer.ErrCorrupt, len(b.Hashes))
	}
	for i, h := range b.Hashes {
		if _, err := w.hash.Exec(setID, first+int64(i), h[:]); err != nil {
			return err
		}
	}
	return nil
}

// batchWriter holds the statements that run once per entry.
type batchWriter struct {
	change, member, imported, remove, intake, removal, pending, hash *sql.Stmt
}

func newBatchWriter(tx *sql.Tx) (*batchWriter, error) {
	w := &batchWriter{}
	for _, p := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&w.change, insertChange}, {&w.member, insertMember}, {&w.imported, importMember}, {&w.remove, removeMember},
		{&w.intake, commitIntake}, {&w.removal, commitDeletion}, {&w.pending, deletePending}, {&w.hash, insertHash},
	} {
		stmt, err := tx.Prepare(p.query)
		if err != nil {
			w.close()
			return nil, err
		}
		*p.to = stmt
	}
	return w, nil
}

func (w *batchWriter) close() {
	for _, s := range []*sql.Stmt{w.change, w.member, w.imported, w.remove, w.intake, w.removal, w.pending, w.hash} {
		if s != nil {
			_ = s.Close()
		}
	}
}

func (w *batchWriter) entry(seq uint64, record int64, e issuer.BatchEntry) error {
	value := [32]byte(e.Commitment)
	if e.Op.Publishes() {
		value = e.Document
	}
	if err := mustOne(w.change.Exec(setID, record, seq, e.Op, e.Index, value[:], e.Entry)); err != nil {
		return err
	}
	switch {
	case e.Imported:
		return mustOne(w.imported.Exec(setID, e.Index, value[:], seq))
	case e.Op.Adds():
		if err := mustOne(w.member.Exec(e.Index, seq, setID, e.Ticket[:], value[:])); err != nil {
			return err
		}
		if err := mustOne(w.intake.Exec(api.StateCommitted, seq, e.Index, record, e.Ticket[:])); err != nil {
			return err
		}
	case e.Op.Clears():
		if err := mustOne(w.remove.Exec(seq, setID, e.Index, value[:])); err != nil {
			return err
		}
		if e.Op == setlog.OpRemove { // asked for by the person, or by the operator without an intake
			if _, err := w.removal.Exec(api.StateCommitted, seq, e.Index, record, e.Ticket[:], e.Op); err != nil {
				return err
			}
		}
	}
	return mustOne(w.pending.Exec(setID, e.Ticket[:], e.Op))
}

func mustOne(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = fmt.Errorf("%w: a change does not fit the set (%d rows)", issuer.ErrCorrupt, n)
	}
	return err
}
