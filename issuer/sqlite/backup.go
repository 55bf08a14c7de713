package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"github.com/perhuman/perhuman/issuer/backup"
)

var (
	_ backup.Source = (*Store)(nil)
	_ backup.Target = (*Store)(nil)
	_ backup.Source = (*Reader)(nil)
)

// Reader is a database that is only read, beside the process that writes it.
type Reader struct{ r *sql.DB }

// OpenReader opens an existing database for reading. It takes no lock and
// brings no schema up to date.
func OpenReader(path string) (*Reader, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db, err := sql.Open("sqlite3", dsn(path, busyTimeout, url.Values{"_query_only": {"1"}}))
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	var version int
	if err := db.QueryRow(getVersion).Scan(&version); err == nil && version == schemaVersion {
		return &Reader{db}, nil
	} else if err == nil {
		err = fmt.Errorf("sqlite: schema version %d; this program reads %d", version, schemaVersion)
		return nil, errors.Join(err, db.Close())
	} else {
		return nil, errors.Join(classify(err), db.Close())
	}
}

// Dump implements backup.Source.
func (r *Reader) Dump(ctx context.Context, w io.Writer) error { return dump(ctx, r.r, w) }

// Close closes the database.
func (r *Reader) Close() error { return r.r.Close() }

// Dump implements backup.Source: it reads everything at one moment, beside the
// writer.
func (s *Store) Dump(ctx context.Context, w io.Writer) error { return dump(ctx, s.r, w) }

// Backup writes a backup to a file that does not exist yet.
func (s *Store) Backup(ctx context.Context, path string) error { return backup.ToFile(ctx, s, path) }

func dump(ctx context.Context, db *sql.DB, w io.Writer) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }()
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
		rows, err := tx.QueryContext(ctx, p.query)
		if err != nil {
			return classify(err)
		}
		row := tables[n].NewRow()
		into := row.Into()
		for rows.Next() {
			if err = rows.Scan(into...); err == nil {
				err = out.Row(n, row)
			}
			if err != nil {
				_ = rows.Close()
				return fmt.Errorf("table %s: %w", tables[n].Name, classify(err))
			}
		}
		if err := rows.Err(); err != nil {
			return classify(err)
		}
	}
	return out.Close()
}

// Restore implements backup.Target.
func (s *Store) Restore(ctx context.Context, r io.Reader) error {
	if err := s.present(); err != nil {
		return err
	}
	tx, err := s.w.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return classify(err)
	}
	defer func() { _ = tx.Rollback() }()
	var used bool
	if err := tx.QueryRow(anything).Scan(&used); err != nil {
		return classify(err)
	}
	if used {
		return backup.ErrNotEmpty
	}
	var insert []*sql.Stmt
	for _, p := range []struct{ query string }{
		{`INSERT INTO binding (set_id, origin, vkey, operator, writer) VALUES (?, ?, ?, ?, ?)`},
		{`INSERT INTO changes (set_id, change_no, root_seq, op, idx, commitment, entry) VALUES (?, ?, ?, ?, ?, ?, ?)`},
		{`INSERT INTO hashes (set_id, n, hash) VALUES (?, ?, ?)`},
		{`INSERT INTO roots (set_id, seq, root, size, live, depth, min_valid_seq, log_size, created_ms, superseded_ms, checkpoint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{`INSERT INTO members (set_id, idx, commitment, added_seq, removed_seq, link) VALUES (?, ?, ?, ?, ?, ?)`},
		{`INSERT INTO imports (set_id, name, lines, prefix) VALUES (?, ?, ?, ?)`},
		{`INSERT INTO intakes (id, op, session, commitment, received, state, code, receipt, seq, idx, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{`INSERT INTO recoveries (set_id, id, commitment, biometric, link, old, idx, state, announced, record, out_at, boundary, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{`INSERT INTO deletions (set_id, id, until, destroyed, tombstone) VALUES (?, ?, ?, ?, ?)`},
		{`INSERT INTO pending (set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{`INSERT INTO templates (serial, modality, sealed, link, mark) VALUES (?, ?, ?, ?, ?)`},
		{`INSERT INTO devices (device, counter, admitted, refused) VALUES (?, ?, ?, ?)`},
		{`INSERT INTO openings (set_id, n, at, reason, subject, chain) VALUES (?, ?, ?, ?, ?, ?)`},
	} {
		stmt, err := tx.Prepare(p.query)
		if err != nil {
			return err
		}
		insert = append(insert, stmt)
	}
	err = backup.Read(r, func(table int, row *backup.Row) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		stmt := insert[table]
		_, err := stmt.Exec(row.Values()...)
		return err
	})
	if err != nil {
		return classify(err)
	}
	return tx.Commit()
}

const anything = `SELECT EXISTS (SELECT 1 FROM binding) OR EXISTS (SELECT 1 FROM changes) OR EXISTS (SELECT 1 FROM intakes) OR EXISTS (SELECT 1 FROM templates)`
