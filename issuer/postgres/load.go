package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/semaphore"
)

const (
	sqlMembers = `SELECT idx, commitment, removed_seq IS NULL FROM members WHERE set_id = $1 ORDER BY idx`
	sqlRoots   = `SELECT seq, root, size, live, depth, min_valid_seq, log_size, created_ms, coalesce(superseded_ms, 0), checkpoint
		FROM roots WHERE set_id = $1 AND (superseded_ms IS NULL OR superseded_ms >= $2) ORDER BY seq`
	sqlCountHashes = `SELECT count(*), coalesce(max(n), -1) FROM hashes WHERE set_id = $1`
	sqlHashes      = `SELECT n, hash FROM hashes WHERE set_id = $1 AND n = ANY($2)`
	sqlEntries     = `SELECT change_no, entry FROM changes WHERE set_id = $1 AND change_no >= $2 AND change_no < $3 ORDER BY change_no`
)

// Load implements issuer.Store. It reads leaves, roots and counts at one
// moment.
func (s *Store) Load(ctx context.Context, since uint64, full bool) (state issuer.State, err error) {
	err = s.snapshot(ctx, func(c *pgx.Conn) error {
		state = issuer.State{}
		var err error
		if state.Roots, err = readRoots(ctx, c, since); err != nil {
			return err
		}
		if err := c.QueryRow(ctx, sqlAnyImport, setID).Scan(&state.Imported); err != nil || !full {
			return err
		}
		if state.Leaves, err = readLeaves(ctx, c); err != nil {
			return err
		}
		var highest int64
		if err := c.QueryRow(ctx, sqlCountHashes, setID).Scan(&state.Hashes, &highest); err != nil {
			return err
		}
		if highest+1 != state.Hashes {
			return fmt.Errorf("%w: gap in the stored log hashes", issuer.ErrCorrupt)
		}
		return nil
	})
	return state, err
}

func readLeaves(ctx context.Context, c *pgx.Conn) ([]semaphore.Element, error) {
	rows, err := c.Query(ctx, sqlMembers, setID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var leaves []semaphore.Element
	for rows.Next() {
		var idx int
		var b []byte
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

func readRoots(ctx context.Context, c *pgx.Conn, since uint64) ([]issuer.Root, error) {
	rows, err := c.Query(ctx, sqlRoots, setID, int64(min(since, 1<<63-1)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
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
func (s *Store) Entries(ctx context.Context, from, to int64) (out [][]byte, err error) {
	err = s.read(ctx, func(c *pgx.Conn) error {
		out = nil
		rows, err := c.Query(ctx, sqlEntries, setID, from, to)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n int64
			var entry []byte
			if err := rows.Scan(&n, &entry); err != nil {
				return err
			}
			if n != from+int64(len(out)) {
				return fmt.Errorf("%w: no log entry %d", issuer.ErrCorrupt, from+int64(len(out)))
			}
			out = append(out, entry)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if int64(len(out)) != to-from {
			return fmt.Errorf("%w: log entries [%d, %d)", issuer.ErrNotFound, from, to)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Hashes implements issuer.Store.
func (s *Store) Hashes(ctx context.Context, indexes []int64) (out []tlog.Hash, err error) {
	err = s.read(ctx, func(c *pgx.Conn) (err error) {
		out, err = readHashes(ctx, c, indexes)
		return err
	})
	return out, err
}

func readHashes(ctx context.Context, c *pgx.Conn, indexes []int64) ([]tlog.Hash, error) {
	rows, err := c.Query(ctx, sqlHashes, setID, indexes)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[int64]tlog.Hash, len(indexes))
	for rows.Next() {
		var n int64
		var b []byte
		if err := rows.Scan(&n, &b); err != nil {
			return nil, err
		}
		if len(b) != tlog.HashSize {
			return nil, fmt.Errorf("%w: log hash %d", issuer.ErrCorrupt, n)
		}
		found[n] = tlog.Hash(b)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	out := make([]tlog.Hash, len(indexes))
	for i, n := range indexes {
		h, ok := found[n]
		if !ok {
			return nil, fmt.Errorf("log hash %d: %w", n, issuer.ErrNotFound)
		}
		out[i] = h
	}
	return out, nil
}
