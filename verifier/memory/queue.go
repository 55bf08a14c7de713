package memory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/perhuman/perhuman/verifier"
)

// LoadState implements verifier.StateKeeper.
func (s *Store) LoadState(ctx context.Context, name string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return bytes.Clone(s.states[name]), nil
}

// SaveState implements verifier.StateKeeper.
func (s *Store) SaveState(ctx context.Context, name string, state []byte) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.states[name] = append([]byte{}, state...)
	return nil
}

// SwapState implements verifier.StateKeeper.
func (s *Store) SwapState(ctx context.Context, name string, old, state []byte) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.mu.Unlock()
	have, saved := s.states[name]
	if saved != (old != nil) || !bytes.Equal(have, old) {
		return false, nil
	}
	s.states[name] = append([]byte{}, state...)
	return true, nil
}

// post puts an event into the queue; the caller holds the lock.
func (s *Store) post(e verifier.Event) {
	if has(s.events, e.ID) {
		return
	}
	e.Body = bytes.Clone(e.Body)
	e.Created, e.Next, e.Attempts = millis(e.Created), millis(e.Due()), 0
	s.events[e.ID] = e
}

// Post implements verifier.Outbox.
func (s *Store) Post(ctx context.Context, e verifier.Event) error {
	if err := e.Check(); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.post(e)
	return nil
}

// Claim implements verifier.Outbox.
func (s *Store) Claim(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]verifier.Event, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var due []verifier.Event
	for _, e := range s.events {
		if !e.Next.After(now) {
			due = append(due, e)
		}
	}
	slices.SortFunc(due, func(a, b verifier.Event) int { return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.ID, b.ID)) })
	due = due[:min(len(due), max(limit, 0))]
	slices.SortFunc(due, func(a, b verifier.Event) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	for i := range due {
		due[i].Attempts++
		due[i].Next = millis(now.Add(lease))
		s.events[due[i].ID] = due[i]
		due[i].Body = bytes.Clone(due[i].Body)
	}
	return due, nil
}

// Settle implements verifier.Outbox.
func (s *Store) Settle(ctx context.Context, id string, done bool, next time.Time) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	e, ok := s.events[id]
	switch {
	case !ok:
	case done:
		delete(s.events, id)
	default:
		e.Next = millis(next)
		s.events[id] = e
	}
	return nil
}
