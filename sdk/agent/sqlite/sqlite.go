// Package sqlite keeps the grants of agents and what they have used up in a
// SQLite file: WAL, synchronous=FULL, one writer.
package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/perhuman/perhuman/sdk/agent"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

//go:embed schema.sql
var schema string

// version is that of schema.sql; a file of another one is refused.
const version = 1

// Store is an agent.Store in a file. It is safe for concurrent use, and for
// several processes on one file.
type Store struct{ db *sql.DB }

var _ agent.Store = (*Store)(nil)

// Open opens a file, or makes it, for this user alone.
func Open(ctx context.Context, path string) (*Store, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return nil, err
	}
	// mode=rw: a file that goes missing while we run is not made anew, empty.
	u := url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: "mode=rw&_journal_mode=WAL&_synchronous=FULL&_busy_timeout=5000&_txlock=immediate&_foreign_keys=on"}
	db, err := sql.Open("sqlite3", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &Store{db: db}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("agent: %w", err), db.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		var have int
		if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&have); err != nil {
			return err
		}
		switch have {
		case version:
			return nil
		case 0:
			var tables int
			if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
				return err
			}
			if tables > 0 {
				return errors.New("the file is another program's database")
			}
			_, err := tx.ExecContext(ctx, schema)
			return err
		}
		return fmt.Errorf("the file has schema %d, this program knows %d", have, version)
	})
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// write runs f in an immediate transaction. An error of the commit itself is
// agent.ErrInDoubt, unless SQLite says that it rolled back.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		var e sqlite3.Error
		if errors.As(err, &e) && (e.Code == sqlite3.ErrBusy || e.Code == sqlite3.ErrFull) {
			return errors.Join(err, tx.Rollback())
		}
		return fmt.Errorf("%w: %w", agent.ErrInDoubt, err)
	}
	return nil
}

// Put implements agent.Store.
func (s *Store) Put(ctx context.Context, r agent.Record) error {
	body, err := r.Grant.Canonical()
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		var human []byte
		err := tx.QueryRowContext(ctx, `SELECT human FROM grants WHERE id = ?`, r.ID[:]).Scan(&human)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			_, err = tx.ExecContext(ctx, `INSERT INTO grants (id, human, body, revocation, accepted) VALUES (?, ?, ?, ?, ?)`,
				r.ID[:], r.Human[:], body, r.Grant.Revocation[:], r.Accepted.Unix())
			return err
		case err == nil && string(human) != string(r.Human[:]):
			return agent.ErrReplayed
		}
		return err
	})
}

// Get implements agent.Store.
func (s *Store) Get(ctx context.Context, id scope.Digest) (agent.Record, error) {
	row := s.db.QueryRowContext(ctx, `SELECT id, human, body, accepted, revoked FROM grants WHERE id = ?`, id[:])
	r, revoked, err := scan(row.Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return agent.Record{}, agent.ErrUnknown
	case err != nil:
		return agent.Record{}, err
	case revoked:
		return agent.Record{}, agent.ErrRevoked
	}
	return r, nil
}

func scan(row func(...any) error) (r agent.Record, revoked bool, err error) {
	var id, human, body []byte
	var accepted int64
	var when sql.NullInt64
	if err := row(&id, &human, &body, &accepted, &when); err != nil {
		return r, false, err
	}
	if len(id) != len(r.ID) || len(human) != len(r.Human) {
		return r, false, errors.New("agent: a stored grant is damaged")
	}
	copy(r.ID[:], id)
	r.Human = semaphore.Element(human)
	r.Accepted = time.Unix(accepted, 0)
	r.Grant, err = scope.ParseGrant(body)
	return r, when.Valid, err
}

// Spend implements agent.Store.
func (s *Store) Spend(ctx context.Context, a agent.Act) (left uint32, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		var revoked sql.NullInt64
		var used, mine uint32
		err := tx.QueryRowContext(ctx, `SELECT revoked, used FROM grants WHERE id = ?`, a.Grant[:]).Scan(&revoked, &used)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return agent.ErrUnknown
		case err != nil:
			return err
		case revoked.Valid:
			return agent.ErrRevoked
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM nonces WHERE until < ?`, a.Now.Unix()); err != nil {
			return err
		}
		done, err := tx.ExecContext(ctx, `INSERT INTO nonces (grant_id, nonce, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, a.Grant[:], a.Nonce, a.Until.Unix())
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, agent.ErrReplayed)
		}
		if used >= a.Budget {
			return agent.ErrSpent
		}
		if _, err := tx.ExecContext(ctx, `UPDATE grants SET used = used + 1 WHERE id = ?`, a.Grant[:]); err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, `INSERT INTO counts (human, action, start, period, used) VALUES (?, ?, ?, ?, 1)
			ON CONFLICT (human, action, period, start) DO UPDATE SET used = used + 1 RETURNING used`,
			a.Human[:], a.Action, a.Start, int64(a.Period/time.Second)).Scan(&mine)
		if err != nil {
			return err
		}
		if mine > a.Limit {
			return agent.ErrLimit
		}
		left = min(a.Budget-used-1, a.Limit-mine)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return left, nil
}

// Revoke implements agent.Store.
func (s *Store) Revoke(ctx context.Context, hash scope.Digest, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE grants SET revoked = coalesce(revoked, ?) WHERE revocation = ?`, now.Unix(), hash[:])
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, agent.ErrUnknown)
		}
		return nil
	})
}

// List implements agent.Store. Revoked grants are not in it.
func (s *Store) List(ctx context.Context, human semaphore.Element) ([]agent.Record, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, human, body, accepted, revoked FROM grants WHERE human = ? AND revoked IS NULL ORDER BY accepted DESC, id`, human[:])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []agent.Record
	for rows.Next() {
		r, _, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
