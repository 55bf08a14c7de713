package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/semaphore"
)

const (
	selectMembers = `SELECT idx, commitment, removed_seq IS NULL FROM members WHERE set_id = ? ORDER BY idx`
	selectRoots   = `SELECT seq, root, size, live, depth, min_valid_seq, log_size, created_ms, coalesce(superseded_ms, 0), checkpoint
		FROM roots WHERE set_id = ?1 AND (superseded_ms IS NULL OR superseded_ms >= ?2) ORDER BY seq`
	countHashes   = `SELECT count(*), coalesce(max(n), -1) FROM hashes WHERE set_id = ?`
	selectHash    = `SELECT hash FROM hashes WHERE set_id = ? AND n = ?`
	selectHashes  = `SELECT n, hash FROM hashes WHERE set_id = ? AND n >= ? AND n <= ? ORDER BY n`
	selectEntries = `SELECT change_no, entry FROM changes WHERE set_id = ? AND change_no >= ? AND change_no < ? ORDER BY change_no`
)

// Load implements issuer.Store. It reads leaves, roots and counts at one
// moment.
func (s *Store) Load(ctx context.Context, since uint64, full bool) (issuer.State, error) {
	var state issuer.State
	tx, err := s.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return state, classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	if state.Roots, err = readRoots(ctx, tx, since); err != nil {
		return state, classify(err)
	}
	if err := tx.QueryRowContext(ctx, anyImport, setID).Scan(&state.Imported); err != nil {
		return state, classify(err)
	}
	if !full {
		return state, nil
	}
	if state.Leaves, err = readLeaves(ctx, tx); err != nil {
		return state, classify(err)
	}
	var highest int64
	if err := tx.QueryRowContext(ctx, countHashes, setID).Scan(&state.Hashes, &highest); err != nil {
		return state, classify(err)
	}
	if highest+1 != state.Hashes {
		return state, fmt.Errorf("%w: gap in the stored log hashes", issuer.ErrCorrupt)
	}
	return state, nil
}

func readLeaves(ctx context.Context, tx *sql.Tx) ([]semaphore.Element, error) {
	rows, err := tx.QueryContext(ctx, selectMembers, setID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var leaves []semaphore.Element
	for rows.Next() {
		var idx int
		var b sql.RawBytes
		var live bool
		if err := rows.Scan(&idx, &b, &live); err != nil {
			return nil, err
		}
		if idx != len(leaves) {
			return nil, fmt.Errorf("%w: no member at %d", issuer.ErrCorrupt, len(leaves))
		}
		e, err := element(b)
		if err != nil {
			return nil, err
		}
		if !live {
			e = semaphore.Element{}
		}
		leaves = append(leaves, e)
	}
	return leaves, rows.Err()
}

func readRoots(ctx context.Context, tx *sql.Tx, since uint64) ([]issuer.Root, error) {
	rows, err := tx.QueryContext(ctx, selectRoots, setID, since)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var roots []issuer.Root
	for rows.Next() {
		var r issuer.Root
		var root []byte
		if err := rows.Scan(&r.Seq, &root, &r.Size, &r.Live, &r.Depth, &r.MinValidSeq, &r.LogSize, &r.Created, &r.Superseded, &r.Checkpoint); err != nil {
			return nil, err
		}
		if r.Root, err = element(root); err != nil {
			return nil, err
		}
		roots = append(roots, r)
	}
	return roots, rows.Err()
}

// Entries implements issuer.Store.
func (s *Store) Entries(ctx context.Context, from, to int64) ([][]byte, error) {
	rows, err := s.r.QueryContext(ctx, selectEntries, setID, from, to)
	if err != nil {
		return nil, classify(err)
	}
	defer func() { _ = rows.Close() }()
	var out [][]byte
	for rows.Next() {
		var n int64
		var entry []byte
		if err := rows.Scan(&n, &entry); err != nil {
			return nil, classify(err)
		}
		if n != from+int64(len(out)) {
			return nil, fmt.Errorf("%w: no log entry %d", issuer.ErrCorrupt, from+int64(len(out)))
		}
		out = append(out, entry)
	}
	if err := rows.Err(); err != nil {
		return nil, classify(err)
	}
	if int64(len(out)) != to-from {
		return nil, fmt.Errorf("%w: log entries [%d, %d)", issuer.ErrNotFound, from, to)
	}
	return out, nil
}

// Hashes implements issuer.Store.
func (s *Store) Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	if dense(indexes) {
		out, err := s.scanHashes(ctx, indexes)
		return out, classifyNil(err)
	}
	stmt, err := s.r.PrepareContext(ctx, selectHash)
	if err != nil {
		return nil, classify(err)
	}
	defer func() { _ = stmt.Close() }()
	out, err := readHashes(ctx, stmt, indexes)
	return out, classifyNil(err)
}

// dense reports whether indexes rise and are at least a third of their range, as
// those of a tile and of a whole log are: then one statement reads the range.
func dense(indexes []int64) bool {
	return len(indexes) > 8 && slices.IsSorted(indexes) && indexes[len(indexes)-1]-indexes[0] < 3*int64(len(indexes))
}

func (s *Store) scanHashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	rows, err := s.r.QueryContext(ctx, selectHashes, setID, indexes[0], indexes[len(indexes)-1])
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := make([]tlog.Hash, len(indexes))
	at := 0
	for rows.Next() {
		var n int64
		var b sql.RawBytes
		if err := rows.Scan(&n, &b); err != nil {
			return nil, err
		}
		for ; at < len(indexes) && indexes[at] <= n; at++ {
			if indexes[at] < n || copy(out[at][:], b) != tlog.HashSize || len(b) != tlog.HashSize {
				return nil, fmt.Errorf("%w: log hash %d", issuer.ErrCorrupt, indexes[at])
			}
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if at < len(indexes) {
		return nil, fmt.Errorf("%w: log hash %d", issuer.ErrNotFound, indexes[at])
	}
	return out, nil
}

func readHashes(ctx context.Context, stmt *sql.Stmt, indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		var b []byte
		if err := stmt.QueryRowContext(ctx, setID, n).Scan(&b); err != nil {
			return nil, fmt.Errorf("log hash %d: %w", n, err)
		}
		if copy(out[i][:], b) != tlog.HashSize || len(b) != tlog.HashSize {
			return nil, fmt.Errorf("%w: log hash %d", issuer.ErrCorrupt, n)
		}
	}
	return out, nil
}
