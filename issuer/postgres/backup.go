package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/issuer/backup"
)

var (
	_ backup.Source = (*Store)(nil)
	_ backup.Target = (*Store)(nil)
)

// Backup writes a backup to a file that does not exist yet.
func (s *Store) Backup(ctx context.Context, path string) error { return backup.ToFile(ctx, s, path) }

// Dump implements backup.Source: it reads everything at one moment, beside the
// writer.
func (s *Store) Dump(ctx context.Context, w io.Writer) error {
	begun := false
	return s.snapshot(ctx, func(c *pgx.Conn) error {
		if begun {
			return errors.New("postgres: the connection broke within a backup")
		}
		begun = true
		out := backup.NewWriter(w)
		tables := backup.Tables()
		for n, p := range []struct{ query string }{
			{`SELECT set_id, origin, vkey, operator, writer FROM binding ORDER BY set_id`},
			{`SELECT set_id, change_no, root_seq, op, idx, commitment, entry FROM changes ORDER BY change_no`},
			{`SELECT set_id, n, hash FROM hashes ORDER BY n`},
			{`SELECT set_id, seq, root, size, live, depth, min_valid_seq, log_size, created_ms, superseded_ms, checkpoint FROM roots ORDER BY seq`},
			{`SELECT set_id, idx, commitment, added_seq, removed_seq, link FROM members ORDER BY idx`},
			{`SELECT set_id, name, lines, prefix FROM imports ORDER BY name`},
			{`SELECT id, op, session, commitment, received, state, code, receipt, seq, idx, record FROM intakes ORDER BY id`},
			{`SELECT set_id, id, commitment, biometric, link, old, idx, state, announced, record, out_at, boundary, due FROM recoveries ORDER BY id`},
			{`SELECT set_id, id, until, destroyed, tombstone FROM deletions ORDER BY id`},
			{`SELECT set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due FROM pending ORDER BY ticket`},
			{`SELECT serial, modality, sealed, link, mark FROM templates ORDER BY serial`},
			{`SELECT device, counter, admitted, refused FROM devices ORDER BY device`},
			{`SELECT set_id, n, at, reason, subject, chain FROM openings ORDER BY n`},
		} {
			rows, err := c.Query(ctx, p.query)
			if err != nil {
				return err
			}
			row := tables[n].NewRow()
			into := row.Into()
			for rows.Next() {
				if err = rows.Scan(into...); err == nil {
					err = out.Row(n, row)
				}
				if err != nil {
					rows.Close()
					return fmt.Errorf("table %s: %w", tables[n].Name, err)
				}
			}
			if err := rows.Err(); err != nil {
				return err
			}
		}
		return out.Close()
	})
}

const sqlAnything = `SELECT EXISTS (SELECT 1 FROM binding) OR EXISTS (SELECT 1 FROM changes) OR EXISTS (SELECT 1 FROM intakes) OR EXISTS (SELECT 1 FROM templates)`

// Restore implements backup.Target.
func (s *Store) Restore(ctx context.Context, r io.Reader) error {
	return classify(s.w.with(ctx, func(c *pgx.Conn) error {
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			var used bool
			if err := tx.QueryRow(ctx, sqlAnything).Scan(&used); err != nil {
				return err
			}
			if used {
				return backup.ErrNotEmpty
			}
			var q queue
			flush := func() error {
				err := tx.SendBatch(ctx, &q.b).Close()
				q = queue{}
				return err
			}
			err := backup.Read(r, func(table int, row *backup.Row) error {
				queueInsert(&q, table, row)
				if len(q.exact) < queueRoom/8 {
					return nil
				}
				return flush()
			})
			if err != nil {
				return err
			}
			return flush()
		})
	}))
}

func queueInsert(q *queue, table int, row *backup.Row) {
	for n, p := range []struct{ query string }{
		{`INSERT INTO binding (set_id, origin, vkey, operator, writer, acts) VALUES ($1, $2, $3, $4, $5, 0)`},
		{`INSERT INTO changes (set_id, change_no, root_seq, op, idx, commitment, entry) VALUES ($1, $2, $3, $4, $5, $6, $7)`},
		{`INSERT INTO hashes (set_id, n, hash) VALUES ($1, $2, $3)`},
		{`INSERT INTO roots (set_id, seq, root, size, live, depth, min_valid_seq, log_size, created_ms, superseded_ms, checkpoint) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`},
		{`INSERT INTO members (set_id, idx, commitment, added_seq, removed_seq, link) VALUES ($1, $2, $3, $4, $5, $6)`},
		{`INSERT INTO imports (set_id, name, lines, prefix) VALUES ($1, $2, $3, $4)`},
		{`INSERT INTO intakes (id, op, session, commitment, received, state, code, receipt, seq, idx, record) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`},
		{`INSERT INTO recoveries (set_id, id, commitment, biometric, link, old, idx, state, announced, record, out_at, boundary, due) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`},
		{`INSERT INTO deletions (set_id, id, until, destroyed, tombstone) VALUES ($1, $2, $3, $4, $5)`},
		{`INSERT INTO pending (set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`},
		{`INSERT INTO templates (serial, modality, sealed, link, mark) VALUES ($1, $2, $3, $4, $5)`},
		{`INSERT INTO devices (device, counter, admitted, refused) VALUES ($1, $2, $3, $4)`},
		{`INSERT INTO openings (set_id, n, at, reason, subject, chain) VALUES ($1, $2, $3, $4, $5, $6)`},
	} {
		if n == table {
			q.Queue(p.query, row.Values()...)
		}
	}
}
