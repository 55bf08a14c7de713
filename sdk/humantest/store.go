package humantest

import (
	"context"
	"sync"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
)

// Store is a memory store with switches for what can go wrong with one.
type Store struct {
	*memory.Store

	mu      sync.Mutex
	spend   error  // what Spend answers, and writes nothing; InDoubt is written first
	spent   error  // what Spent answers
	bind    error  // what BindPolicy answers
	looking func() // called by Spent
}

var (
	_ verifier.Store       = (*Store)(nil)
	_ verifier.StateKeeper = (*Store)(nil)
)

// Fail makes every following spend end with err, one of verifier.ErrUnavailable
// and verifier.ErrInDoubt, or succeed again with nil. In doubt, the act is
// written, and its caller not told.
func (s *Store) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spend = err
}

func (s *Store) faults() (looking func(), spend, spent, bind error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looking, s.spend, s.spent, s.bind
}

// Spend implements verifier.Store.
func (s *Store) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	_, fault, _, _ := s.faults()
	if fault != nil && fault != verifier.ErrInDoubt {
		return verifier.Outcome{}, fault
	}
	out, err := s.Store.Spend(ctx, a)
	if fault != nil {
		return verifier.Outcome{}, fault
	}
	return out, err
}

// Spent implements verifier.Store.
func (s *Store) Spent(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	looking, _, fault, _ := s.faults()
	if fault != nil {
		return verifier.Outcome{}, fault
	}
	out, err := s.Store.Spent(ctx, a)
	if looking != nil {
		looking()
	}
	return out, err
}

// BindPolicy implements verifier.Store.
func (s *Store) BindPolicy(ctx context.Context, b verifier.Binding) (verifier.Binding, error) {
	if _, _, _, fault := s.faults(); fault != nil {
		return verifier.Binding{}, fault
	}
	return s.Store.BindPolicy(ctx, b)
}

// with runs f while the switches are set.
func (s *Store) with(set func(*Store), f func()) {
	s.mu.Lock()
	before := [3]error{s.spend, s.spent, s.bind}
	set(s)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.spend, s.spent, s.bind, s.looking = before[0], before[1], before[2], nil
	}()
	f()
}
