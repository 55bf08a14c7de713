package setlog

import (
	"fmt"
	"slices"

	"github.com/perhuman/perhuman/semaphore"
)

// SeqProof proves which root the log has at a sequence number, however long ago:
// for policies over a frozen set. Neither the window nor min_valid_seq plays a
// part, nor the age of the head. It fetches what it does not hold. Errors:
// *ErrFork, ErrStale before the first head or one with too few witnesses,
// ErrRootUnknown for a number that the log does not have yet, ErrRootZero for a
// set of nobody, ErrProof, and what fetch returns.
func (f *Follower) SeqProof(seq uint64, fetch Fetch) (RootProof, error) {
	s := f.snap.Load()
	switch {
	case s.fork != nil:
		return RootProof{}, s.fork
	case s.signed == nil:
		return RootProof{}, fmt.Errorf("%w: no head yet", ErrStale)
	case s.lacking != nil:
		return RootProof{}, fmt.Errorf("%w: %w", ErrStale, s.lacking)
	case seq == 0 || seq > s.head.Seq:
		return RootProof{}, fmt.Errorf("%w: no sequence number %d yet", ErrRootUnknown, seq)
	}
	var k knownRoot
	if i := slices.IndexFunc(s.known, func(k knownRoot) bool { return k.entry.Seq == seq }); i >= 0 {
		k = s.known[i]
	}
	if k.proof == nil {
		var err error
		if k, err = prove(s.head, seq, fetch); err != nil {
			return RootProof{}, err
		}
	}
	if k.entry.Root.IsZero() {
		return RootProof{}, ErrRootZero
	}
	return *k.proof, nil
}

// CheckProof checks a proof that was kept: the issuer's signature, the
// witnesses, and the inclusion. What a Follower with the same policy has given
// before passes.
func (f *Follower) CheckProof(p RootProof) error {
	if fork := f.Fork(); fork != nil {
		return fork
	}
	if _, _, err := p.Verify(f.verifier); err != nil {
		return err
	}
	return f.witnesses.Check(p.Checkpoint)
}

// Repin gives the root of the set as it was at a sequence number, with the
// leaves of everybody zeroed who was removed or re-keyed since, and how many
// those are: what an operator may put in the place of a frozen root, so that
// later removals count after all. It reads and replays the whole log under the
// newest head.
func (f *Follower) Repin(seq uint64, fetch Fetch) (root semaphore.Element, zeroed int, err error) {
	if _, err := f.SeqProof(seq, fetch); err != nil {
		return root, 0, err
	}
	s := f.snap.Load()
	c, err := s.head.Checkpoint()
	if err != nil {
		return root, 0, err
	}
	var replay Replay
	r := NewEntryReader(c.Tree(), fetch)
	var frozen *semaphore.Group
	for i := int64(0); i < c.Size; i++ {
		if i%TileWidth == 0 {
			clear(r.bundles) // what lies behind is not asked for again
		}
		e, err := r.Entry(i)
		if err != nil {
			return root, 0, err
		}
		if e.Seq <= seq {
			if err := replay.Apply(e); err != nil {
				return root, 0, err
			}
			continue
		}
		if frozen == nil {
			if frozen, err = finished(&replay, seq); err != nil {
				return root, 0, err
			}
		}
		if e.Op.Clears() && e.LeafIndex < uint64(frozen.Size()) {
			if err := frozen.Remove(int(e.LeafIndex)); err != nil {
				return root, 0, fmt.Errorf("%w: %w", ErrProof, err)
			}
			zeroed++
		}
	}
	if frozen == nil {
		if frozen, err = finished(&replay, seq); err != nil {
			return root, 0, err
		}
	}
	return frozen.Root(), zeroed, nil
}

// Frozen rebuilds the set as it was at a sequence number out of the log, and
// says how many live members it has: for a wallet that proves under a frozen
// root. It reads the log from its beginning up to there, the same bytes whoever
// asks; the result is checked against the root that the log has at that number.
// Errors are those of SeqProof, and *AuditError for a log that does not replay.
func (f *Follower) Frozen(seq uint64, fetch Fetch) (set *semaphore.Group, live uint64, err error) {
	p, err := f.SeqProof(seq, fetch)
	if err != nil {
		return nil, 0, err
	}
	var replay Replay
	if _, err := f.snap.Load().walk(0, fetch, func(_ int64, e Entry) error {
		if e.Seq > seq {
			return errEnough
		}
		return replay.Apply(e)
	}); err != nil {
		return nil, 0, err
	}
	if set, err = finished(&replay, seq); err != nil {
		return nil, 0, err
	}
	if set.Root() != p.Entry.Root {
		return nil, 0, fmt.Errorf("%w: the entries do not lead to the root", ErrProof)
	}
	return set, replay.Live(), nil
}

func finished(r *Replay, seq uint64) (*semaphore.Group, error) {
	if err := r.Finish(); err != nil {
		return nil, err
	}
	if r.Seq() != seq {
		return nil, fmt.Errorf("%w: no entry has sequence number %d", ErrProof, seq)
	}
	return r.Group()
}
