package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/perhuman/perhuman/verifier"
)

const (
	sqlState     = `SELECT state FROM states WHERE name = $1`
	sqlPutState  = `INSERT INTO states (name, state) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET state = excluded.state`
	sqlSwapState = `UPDATE states SET state = $2 WHERE name = $1 AND state = $3`
	sqlAddState  = `INSERT INTO states (name, state) VALUES ($1, $2) ON CONFLICT DO NOTHING`

	// What another caller is claiming is skipped, not waited for.
	sqlClaim = `
WITH due AS (SELECT id FROM events WHERE next_ms <= $2 ORDER BY next_ms, id LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE events SET attempts = events.attempts + 1, next_ms = $1 FROM due WHERE events.id = due.id
RETURNING events.id, events.body, events.created_ms, events.attempts`
	sqlSettled = `DELETE FROM events WHERE id = $1`
	sqlRetry   = `UPDATE events SET next_ms = $2 WHERE id = $1`
)

// LoadState implements verifier.StateKeeper.
func (s *Store) LoadState(ctx context.Context, name string) (state []byte, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		err := c.QueryRow(ctx, sqlState, name).Scan(&state)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return state, err
}

// SaveState implements verifier.StateKeeper.
func (s *Store) SaveState(ctx context.Context, name string, state []byte) error {
	return s.change(ctx, s.home(), func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sqlPutState, name, notNull(state))
		return err
	})
}

// SwapState implements verifier.StateKeeper.
func (s *Store) SwapState(ctx context.Context, name string, old, state []byte) (swapped bool, err error) {
	err = s.change(ctx, s.home(), func(ctx context.Context, c *pgx.Conn) error {
		var tag pgconn.CommandTag
		var err error
		if old == nil {
			tag, err = c.Exec(ctx, sqlAddState, name, notNull(state))
		} else {
			tag, err = c.Exec(ctx, sqlSwapState, name, notNull(state), old)
		}
		swapped = tag.RowsAffected() == 1
		return err
	})
	return swapped && err == nil, err
}

// Post implements verifier.Outbox. Events of no act are spread by their id.
func (s *Store) Post(ctx context.Context, e verifier.Event) error {
	if err := e.Check(); err != nil {
		return err
	}
	return s.change(ctx, s.of(sha256.Sum256([]byte(e.ID))), func(ctx context.Context, c *pgx.Conn) error {
		return post(ctx, c, []verifier.Event{e})
	})
}

// Claim implements verifier.Outbox. It asks one database after the other.
func (s *Store) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]verifier.Event, error) {
	var all []verifier.Event
	until := time.UnixMilli(now.Add(lease).UnixMilli())
	for _, db := range s.dbs {
		var some []verifier.Event
		err := s.change(ctx, db, func(ctx context.Context, c *pgx.Conn) error {
			rows, err := c.Query(ctx, sqlClaim, until.UnixMilli(), now.UnixMilli(), max(limit-len(all), 0))
			if err != nil {
				return err
			}
			some, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (verifier.Event, error) {
				e := verifier.Event{Next: until}
				var created int64
				err := row.Scan(&e.ID, &e.Body, &created, &e.Attempts)
				e.Created = time.UnixMilli(created)
				return e, err
			})
			return err
		})
		if err != nil && len(all) == 0 {
			return nil, err
		}
		if err == nil {
			all = append(all, some...)
		}
	}
	slices.SortFunc(all, func(a, b verifier.Event) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

// Settle implements verifier.Outbox. Where an event lives is not in its id, so
// every database is told.
func (s *Store) Settle(ctx context.Context, id string, done bool, next time.Time) error {
	for _, db := range s.dbs {
		found := false
		err := s.change(ctx, db, func(ctx context.Context, c *pgx.Conn) error {
			var tag pgconn.CommandTag
			var err error
			if done {
				tag, err = c.Exec(ctx, sqlSettled, id)
			} else {
				tag, err = c.Exec(ctx, sqlRetry, id, next.UnixMilli())
			}
			found = tag.RowsAffected() > 0
			return err
		})
		if err != nil || found {
			return err
		}
	}
	return nil
}
