package sethttp

import (
	"context"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// SnapshotRoot gives the root that the log has at a sequence number, for
// policies over a frozen set. It fetches the proof once and keeps it, over
// restarts with Config.Kept; from then on it needs the issuer no more. Errors:
// setlog.ErrRootUnknown for a number that the log does not have yet, *ErrFork,
// ctx's error, and ErrStale where it could not find out.
func (s *Source) SnapshotRoot(ctx context.Context, seq uint64) (semaphore.Element, setlog.RootInfo, error) {
	p, err := s.SnapshotProof(ctx, seq)
	if err != nil {
		return semaphore.Element{}, setlog.RootInfo{}, err
	}
	return p.Entry.Root, setlog.RootInfo{Seq: p.Entry.Seq, Live: p.Entry.Live}, nil
}

// SnapshotProof gives the proof behind SnapshotRoot.
func (s *Source) SnapshotProof(ctx context.Context, seq uint64) (setlog.RootProof, error) {
	if fork := s.follower.Fork(); fork != nil {
		return setlog.RootProof{}, fork
	}
	if p, ok := s.frozen.Load(seq); ok {
		return p.(setlog.RootProof), nil
	}
	done := s.learns.DoChan(fmt.Sprint("snapshot ", seq), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*requestTimeout)
		defer cancel()
		p, err := s.freeze(ctx, seq)
		return p, err
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return setlog.RootProof{}, r.Err
		}
		return r.Val.(setlog.RootProof), nil
	case <-ctx.Done():
		return setlog.RootProof{}, ctx.Err()
	}
}

// Repin gives the root of the set frozen at a sequence number with the leaves of
// those zeroed who were removed since, and how many they are. It reads the whole
// log under the newest head, which it fetches first.
func (s *Source) Repin(ctx context.Context, seq uint64) (root semaphore.Element, zeroed int, err error) {
	if err := s.Refresh(ctx); err != nil && !errors.Is(err, setlog.ErrOldHead) {
		return root, 0, couldNot(err)
	}
	return s.follower.Repin(seq, s.Fetch(ctx))
}

// freeze finds a proof: where it was kept, or in the log.
func (s *Source) freeze(ctx context.Context, seq uint64) (setlog.RootProof, error) {
	var state State
	if s.kept != nil {
		state = s.kept(fmt.Sprint("snapshot ", seq))
		if p, ok := s.thawed(state, seq); ok {
			s.frozen.Store(seq, p)
			return p, nil
		}
	}
	if head, ok := s.follower.Head(); !ok || seq > head.Seq || s.follower.Fresh(s.now()) != nil {
		if err := s.Refresh(ctx); err != nil && !errors.Is(err, setlog.ErrOldHead) {
			return setlog.RootProof{}, couldNot(err)
		}
	}
	p, err := s.follower.SeqProof(seq, s.Fetch(ctx))
	var fork *setlog.ErrFork
	switch {
	case errors.Is(err, setlog.ErrRootUnknown), errors.Is(err, setlog.ErrRootZero), errors.As(err, &fork):
		return p, err
	case err != nil:
		return p, couldNot(err)
	}
	if state != nil {
		text, err := p.MarshalText()
		if err == nil {
			err = state.Save(text)
		}
		if err != nil {
			return p, couldNot(err)
		}
	}
	s.frozen.Store(seq, p)
	return p, nil
}

// thawed reads a kept proof. It is checked again under the key and the
// witnesses; one that does not pass is looked up anew.
func (s *Source) thawed(state State, seq uint64) (setlog.RootProof, bool) {
	text, err := state.Load()
	if err != nil || len(text) == 0 {
		return setlog.RootProof{}, false
	}
	p, err := setlog.ParseRootProof(text)
	if err != nil || p.Entry.Seq != seq || p.Entry.Root.IsZero() || s.follower.CheckProof(p) != nil {
		return setlog.RootProof{}, false
	}
	return p, true
}
