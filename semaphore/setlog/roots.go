package setlog

import (
	"fmt"
	"slices"
	"time"

	"github.com/perhuman/perhuman/semaphore"
)

// Root says whether proofs against root may be accepted at now: root is the
// newest one, or was superseded less than the window ago, and its sequence
// number is not below min_valid_seq. Errors: ErrRootZero, ErrStale (also before
// the first head), ErrRootUnknown, ErrRootExpired, *ErrFork.
func (f *Follower) Root(root semaphore.Element, now time.Time) (RootInfo, error) {
	s := f.snap.Load()
	if s.fork != nil {
		return RootInfo{}, s.fork
	}
	if root.IsZero() {
		return RootInfo{}, ErrRootZero
	}
	if err := f.fresh(s, now); err != nil {
		return RootInfo{}, err
	}
	i, ok := s.byRoot[root]
	if !ok {
		return RootInfo{}, ErrRootUnknown
	}
	k := s.known[i]
	info := RootInfo{Seq: k.entry.Seq, Live: k.entry.Live, Current: i == 0}
	if k.entry.Seq < s.head.MinValidSeq {
		return info, fmt.Errorf("%w: sequence number %d is below min_valid_seq %d", ErrRootExpired, k.entry.Seq, s.head.MinValidSeq)
	}
	if !info.Current && now.Sub(time.Unix(int64(k.superseded), 0)) >= f.window {
		return info, fmt.Errorf("%w: superseded at %d", ErrRootExpired, k.superseded)
	}
	return info, nil
}

// Fresh says whether the head held is young enough at now to decide by: nil,
// ErrStale or *ErrFork.
func (f *Follower) Fresh(now time.Time) error {
	s := f.snap.Load()
	if s.fork != nil {
		return s.fork
	}
	return f.fresh(s, now)
}

func (f *Follower) fresh(s *snapshot, now time.Time) error {
	if s.signed == nil {
		return fmt.Errorf("%w: no head yet", ErrStale)
	}
	if s.lacking != nil {
		return fmt.Errorf("%w: %w", ErrStale, s.lacking)
	}
	age := now.Sub(time.Unix(int64(s.head.Issued), 0))
	if age > f.maxAge {
		return fmt.Errorf("%w: newest head is %s old", ErrStale, age.Round(time.Second))
	}
	if -age > f.maxSkew {
		// The local clock went back, or the issuer's was ahead when we took it.
		return fmt.Errorf("%w: newest head is issued %s ahead", ErrStale, (-age).Round(time.Second))
	}
	return nil
}

// Learnable reports whether the newest head lists root as superseded while this
// follower has no proof of it yet: then Learn can make it known.
func (f *Follower) Learnable(root semaphore.Element) bool {
	s := f.snap.Load()
	_, ok := s.learnable(root)
	return ok && s.fork == nil
}

// learnable finds root in the head's window, unless it is known at that sequence
// number or a newer one.
func (s *snapshot) learnable(root semaphore.Element) (WindowRoot, bool) {
	w, ok := listedRoot(s.head, root)
	if i, known := s.byRoot[root]; known && s.known[i].entry.Seq >= w.Seq {
		return w, false
	}
	return w, ok
}

func listedRoot(h Head, root semaphore.Element) (WindowRoot, bool) {
	for _, w := range h.Window {
		if w.Root == root {
			return w, true
		}
	}
	return WindowRoot{}, false
}

// Learn fetches the proof that a root listed in the newest head's window is in
// the log. ErrRootUnknown means that the head does not list it. Updates go on
// while it fetches.
func (f *Follower) Learn(root semaphore.Element, fetch Fetch) error {
	s := f.snap.Load()
	if s.fork != nil {
		return s.fork
	}
	w, ok := s.learnable(root)
	if !ok {
		if _, known := s.byRoot[root]; known {
			return nil
		}
		return ErrRootUnknown
	}
	k, err := prove(s.head, w.Seq, fetch)
	if err != nil {
		return err
	}
	if k.entry.Root != w.Root {
		return fmt.Errorf("%w: window has another root at seq %d than the log", ErrHead, w.Seq)
	}
	f.updating.Lock()
	defer f.updating.Unlock()
	// The head may be a newer one by now. It extends the log in which the root
	// was found, so the proof stands; only the window must still list it.
	now := f.snap.Load()
	if now.fork != nil {
		return now.fork
	}
	if w2, ok := now.learnable(root); !ok || w2.Seq != w.Seq {
		return ErrRootUnknown
	}
	k.superseded = w.Superseded
	return f.commit(now.with(k))
}

// with gives a snapshot that knows one root more.
func (s *snapshot) with(k knownRoot) *snapshot {
	next := *s
	at := len(s.known)
	for i, old := range s.known {
		if old.entry.Seq < k.entry.Seq {
			at = i
			break
		}
	}
	next.known = slices.Insert(slices.Clone(s.known), at, k)
	return &next
}

// prove finds the batch seq in the log under the head's checkpoint.
func prove(h Head, seq uint64, fetch Fetch) (knownRoot, error) {
	c, err := h.Checkpoint()
	if err != nil {
		return knownRoot{}, err
	}
	r := NewEntryReader(c.Tree(), fetch)
	e, index, err := r.FindSeq(seq)
	if err != nil {
		return knownRoot{}, err
	}
	p, err := ProveRoot(e, index, h.RootProof.Checkpoint, r.hashes)
	if err != nil {
		return knownRoot{}, err
	}
	return knownRoot{entry: e, index: index, proof: &p}, nil
}

// RootProof gives the proof of a known root, good or not, for a bundle that has
// to stand without a server. It fetches only if the proof was lost in a restart.
func (f *Follower) RootProof(root semaphore.Element, fetch Fetch) (RootProof, error) {
	s := f.snap.Load()
	i, ok := s.byRoot[root]
	if !ok {
		return RootProof{}, ErrRootUnknown
	}
	if p := s.known[i].proof; p != nil {
		return *p, nil
	}
	k, err := prove(s.head, s.known[i].entry.Seq, fetch)
	if err != nil {
		return RootProof{}, err
	}
	return *k.proof, nil
}
