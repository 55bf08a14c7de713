package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/perhuman/perhuman/verifier"
)

// LoadState implements verifier.StateKeeper.
func (s *Store) LoadState(ctx context.Context, name string) ([]byte, error) {
	if err := s.queue.Begin(); err != nil {
		return nil, err
	}
	defer s.queue.End()
	var state []byte
	err := s.seen.state.QueryRowContext(ctx, name).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return notNull(state), nil
}

// SaveState implements verifier.StateKeeper.
func (s *Store) SaveState(ctx context.Context, name string, state []byte) error {
	return s.submit(ctx, nil, func(ctx context.Context, w *writer) error {
		_, err := w.putState.ExecContext(ctx, name, notNull(state))
		return err
	})
}

// SwapState implements verifier.StateKeeper.
func (s *Store) SwapState(ctx context.Context, name string, old, state []byte) (swapped bool, err error) {
	err = s.submit(ctx, nil, func(ctx context.Context, w *writer) (err error) {
		if old == nil {
			swapped, err = inserted(w.addState.ExecContext(ctx, name, notNull(state)))
		} else {
			swapped, err = inserted(w.swapState.ExecContext(ctx, notNull(state), name, old))
		}
		return err
	})
	return swapped && err == nil, err
}

// notNull makes nil an empty BLOB: the driver takes nil for NULL, and gives nil
// for an empty BLOB.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Post implements verifier.Outbox.
func (s *Store) Post(ctx context.Context, e verifier.Event) error {
	if err := e.Check(); err != nil {
		return err
	}
	return s.submit(ctx, nil, func(ctx context.Context, w *writer) error { return w.post(ctx, e) })
}

func (w *writer) post(ctx context.Context, e verifier.Event) error {
	_, err := w.postEvent.ExecContext(ctx, e.ID, notNull(e.Body), e.Created.UnixMilli(), e.Due().UnixMilli())
	return err
}

// Claim implements verifier.Outbox.
func (s *Store) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]verifier.Event, error) {
	var events []verifier.Event
	err := s.submit(ctx, nil, func(ctx context.Context, w *writer) (err error) {
		events, err = w.claimed(ctx, now, time.UnixMilli(now.Add(lease).UnixMilli()), max(limit, 0))
		return err
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

func (w *writer) claimed(ctx context.Context, now, until time.Time, limit int) (events []verifier.Event, err error) {
	rows, err := w.claim.QueryContext(ctx, until.UnixMilli(), now.UnixMilli(), limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		e := verifier.Event{Next: until}
		var created int64
		if err := rows.Scan(&e.ID, &e.Body, &created, &e.Attempts); err != nil {
			return nil, err
		}
		e.Created = time.UnixMilli(created)
		events = append(events, e)
	}
	// RETURNING keeps no order.
	slices.SortFunc(events, func(a, b verifier.Event) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return events, rows.Err()
}

// Settle implements verifier.Outbox.
func (s *Store) Settle(ctx context.Context, id string, done bool, next time.Time) error {
	return s.submit(ctx, nil, func(ctx context.Context, w *writer) (err error) {
		if done {
			_, err = w.settled.ExecContext(ctx, id)
		} else {
			_, err = w.retry.ExecContext(ctx, next.UnixMilli(), id)
		}
		return err
	})
}
