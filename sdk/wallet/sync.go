package wallet

import (
	"context"
	"errors"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// syncTries bounds how often Sync starts again from the head because the set
// moved on while its files were read.
const syncTries = 3

// Status is what a wallet knows after Sync.
type Status struct {
	Member   bool
	Position uint64 // leaf index, if Member
	Seq      uint64 // of the head
	Live     uint64 // members of the set that were not removed
	Crowd    uint64 // members behind the requests that this wallet made
}

// Sync reads the issuer's head, checks it against all that was seen before,
// and builds and checks the path from this identity to its root. Call it on a
// schedule of your own, at random times: never because a site asked. Not being
// in the set is not an error. It needs no secret: it also works while the wallet
// is locked, after Watch or an earlier Unlock.
func (w *Wallet) Sync(ctx context.Context) (Status, error) {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	w.mu.Lock()
	owner, hint := w.owner, w.hint
	w.mu.Unlock()
	if owner.IsZero() {
		return Status{}, refuse(Locked, "nobody to look for yet")
	}
	var err error
	for range syncTries {
		var h setlog.Head
		if h, err = w.refresh(ctx); err != nil {
			return Status{}, err
		}
		if st, ok := w.status(h, owner); ok {
			return st, nil
		}
		var m membership
		m, err = w.locate(ctx, h, owner, hint)
		if CodeOf(err) == NotMember && hint != nil {
			hint = nil // the hint may be wrong
			continue
		}
		if CodeOf(err) == SourceUnavailable && ctx.Err() == nil {
			continue // superseded sets go away: start again from the head
		}
		if err != nil && CodeOf(err) != NotMember {
			return Status{}, err
		}
		return w.adopt(h, owner, m, err == nil)
	}
	if CodeOf(err) == NotMember {
		return Status{}, nil
	}
	return Status{}, err
}

// refresh takes the newest head.
func (w *Wallet) refresh(ctx context.Context) (setlog.Head, error) {
	signed, err := w.cfg.Source.Head(ctx)
	if err != nil {
		return setlog.Head{}, wrap(SourceUnavailable, "head", err)
	}
	err = w.follower.Update(signed, w.cfg.Now(), logTiles(ctx, w.cfg.Source))
	switch {
	case err == nil, errors.Is(err, setlog.ErrOldHead): // a cache may lag behind
	case errors.Is(err, errSource):
		return setlog.Head{}, wrap(SourceUnavailable, "log tiles", err)
	case errors.Is(err, setlog.ErrFuture):
		return setlog.Head{}, wrap(RootsStale, "this device's clock and the issuer's disagree", err)
	default:
		return setlog.Head{}, wrap(RootUnproven, "head", err)
	}
	h, _ := w.follower.Head()
	return h, nil
}

// status answers from memory if the path under h is already built.
func (w *Wallet) status(h setlog.Head, owner semaphore.Element) (Status, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.member
	if m == nil || w.owner != owner || m.path.Root != h.Root || w.head.Size != h.Size {
		return Status{}, false
	}
	w.head = h
	return Status{true, m.position, h.Seq, h.Live, m.crowd}, true
}

// adopt makes the result of a Sync current.
func (w *Wallet) adopt(h setlog.Head, owner semaphore.Element, m membership, member bool) (Status, error) {
	w.mu.Lock()
	if w.owner != owner {
		w.mu.Unlock()
		return Status{}, refuse(NotSynced, "the secret was changed meanwhile")
	}
	st := Status{Member: member, Seq: h.Seq, Live: h.Live}
	w.head, w.member, w.hint = h, nil, nil
	if member {
		w.member, w.hint = &m, &m.position
		st.Position, st.Crowd = m.position, m.crowd
	}
	w.mu.Unlock()
	if w.cfg.Persist != nil {
		if err := w.cfg.Persist(w.State()); err != nil {
			return st, wrap(StoreUnavailable, "state", err)
		}
	}
	return st, nil
}

// ready gives the path to prove with now, or refuses. A policy over a frozen
// set takes the path that Freeze has built: neither its age nor later removals
// count there, the issuer's honesty does.
func (w *Wallet) ready(s *secret, snapshot uint64) (membership, setlog.Head, error) {
	w.mu.Lock()
	member, h, owner := w.member, w.head, w.owner
	frozen, known := w.frozen[snapshot]
	w.mu.Unlock()
	if fork := w.follower.Fork(); fork != nil {
		return membership{}, h, wrap(ForkDetected, "", fork)
	}
	switch {
	case h.Origin == "" || owner != s.commitment:
		return membership{}, h, refuse(NotSynced, "the set has not been read yet")
	case snapshot != 0 && !known:
		return membership{}, h, refuse(NotSynced, "the frozen set has not been read yet")
	case snapshot != 0 && len(frozen.path.Siblings) == 0:
		return membership{}, h, refuse(NotMember, "this identity is not in the frozen set")
	case snapshot != 0 && frozen.crowd < w.cfg.MinCrowd:
		return membership{}, h, refuse(CrowdTooSmall, "too few live members to hide among in the frozen set")
	case snapshot != 0:
		return frozen, h, nil
	case member == nil:
		return membership{}, h, refuse(NotMember, "this identity is not in the set")
	}
	_, err := w.follower.Root(member.path.Root, w.cfg.Now())
	switch {
	case errors.Is(err, setlog.ErrStale), errors.Is(err, setlog.ErrRootExpired):
		return membership{}, h, wrap(RootsStale, "", err)
	case err != nil:
		return membership{}, h, wrap(RootUnproven, "", err)
	case h.Live < w.cfg.MinCrowd || member.crowd < w.cfg.MinCrowd:
		return membership{}, h, refuse(CrowdTooSmall, "too few live members to hide among")
	}
	return *member, h, nil
}

// Frozen is what a wallet knows of a frozen set.
type Frozen struct {
	Member bool
	Live   uint64 // members that were not removed at that time
}

// Freeze rebuilds the set as it was at a sequence number, for policies over a
// frozen set (scope.Snapshot): call it after Sync and before Prepare. It reads
// the issuer's whole log up to there, the same bytes for everybody; of sets with
// more than a quarter of a million members it refuses to. Not being in the set is
// not an error.
//
// Unlike Sync it follows a request, so the issuer can see that somebody is about
// to prove under that set, and nothing else. Wallets that know of a vote
// beforehand call it beforehand.
func (w *Wallet) Freeze(ctx context.Context, seq uint64) (Frozen, error) {
	w.syncing.Lock()
	defer w.syncing.Unlock()
	w.mu.Lock()
	owner := w.owner
	m, known := w.frozen[seq]
	w.mu.Unlock()
	if owner.IsZero() {
		return Frozen{}, refuse(Locked, "nobody to look for yet")
	}
	if !known {
		var err error
		if m, err = w.thaw(ctx, seq, owner); err != nil {
			return Frozen{}, err
		}
		w.mu.Lock()
		if w.owner == owner {
			w.frozen[seq] = m
		}
		w.mu.Unlock()
	}
	return Frozen{len(m.path.Siblings) > 0, m.crowd}, nil
}

// maxFrozen bounds the members of a frozen set that is rebuilt from the log.
const maxFrozen = 1 << 18

// thaw gives the membership at a sequence number; one without a path is that of
// somebody who was not there.
func (w *Wallet) thaw(ctx context.Context, seq uint64, owner semaphore.Element) (membership, error) {
	fetch := logTiles(ctx, w.cfg.Source)
	refused := func(err error) error {
		if errors.Is(err, errSource) {
			return wrap(SourceUnavailable, "log", err)
		}
		if errors.Is(err, setlog.ErrRootUnknown) {
			return wrap(RequestInvalid, "no such frozen set", err)
		}
		return wrap(RootUnproven, "frozen set", err)
	}
	p, err := w.follower.SeqProof(seq, fetch)
	if err != nil {
		return membership{}, refused(err)
	}
	if p.Entry.Live > maxFrozen {
		return membership{}, refuse(RequestInvalid, "the frozen set is too large to be rebuilt by this wallet")
	}
	set, live, err := w.follower.Frozen(seq, fetch)
	if err != nil {
		return membership{}, refused(err)
	}
	i := set.IndexOf(owner)
	if i < 0 {
		return membership{crowd: live}, nil
	}
	path, err := set.Proof(i)
	if err != nil {
		return membership{}, wrap(Internal, "path", err)
	}
	return membership{position: uint64(i), path: path, crowd: live}, nil
}
