package verifier

import (
	"context"
	"errors"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Roots knows which roots an issuer published. It may block to learn of a new
// one. Errors are those of setlog.Follower.Root: ErrRootZero, ErrRootUnknown,
// ErrRootExpired; everything else means that it cannot tell.
type Roots interface {
	Root(ctx context.Context, root semaphore.Element, now time.Time) (setlog.RootInfo, error)
}

// Crowd is an optional power of Roots: how many live members the newest root
// has, 0 if that is not known.
type Crowd interface {
	Live() uint64
}

// Floor is an optional power of Roots: the lowest sequence number whose root
// still counts, 0 if that is not known.
type Floor interface {
	MinSeq() uint64
}

// Fresh is an optional power of Roots: nil if proofs can be judged at now.
type Fresh interface {
	Fresh(now time.Time) error
}

// refuseRoot maps what Roots says to its wire code.
func refuseRoot(err error) *api.Error {
	switch {
	case errors.Is(err, setlog.ErrRootZero):
		return &api.Error{Code: api.RootUnknown, Detail: "root 0 is the root of no set", Err: err}
	case errors.Is(err, setlog.ErrRootUnknown):
		return api.Wrap(api.RootUnknown, err)
	case errors.Is(err, setlog.ErrRootExpired):
		return api.Wrap(api.RootExpired, err)
	}
	return &api.Error{Code: api.RootsStale, RetryAfter: 5 * time.Second, Err: err}
}

// rootKnown demands that each root is one that its issuer published and that
// still counts; or, for a snapshot, the one frozen root.
func (q *inquiry) rootKnown(ctx context.Context) *api.Error {
	if seq := q.req.Policy.Snapshot; seq != 0 {
		return q.rootFrozen(ctx, seq)
	}
	if len(q.v.required) == 0 {
		var err error
		if q.root, err = q.v.cfg.Roots.Root(ctx, q.req.Proof.MerkleTreeRoot, q.now); err != nil {
			return refuseRoot(err)
		}
		return nil
	}
	for i, p := range q.proofs() {
		info, err := q.v.required[i].Root(ctx, p.MerkleTreeRoot, q.now)
		if err != nil {
			return refuseRoot(err)
		}
		if i == 0 { // the first issuer's is told; the crowd is the smallest
			q.root = info
		}
		q.root.Live = min(q.root.Live, info.Live)
	}
	return nil
}

// Peek is an optional power of Roots: to answer Root from memory. AnyOf asks
// all for that before it asks any to look further.
type Peek interface {
	Peek(root semaphore.Element, now time.Time) (setlog.RootInfo, error)
}

// AnyOf accepts the roots of several issuers. A person with two secrets, one
// with each, can act twice: its Bound is the sum of theirs.
func AnyOf(roots ...Roots) Roots { return anyOf(roots) }

// AllOf demands a proof under a root of each of several issuers, up to
// MaxProofs, in their order: Request.Proof under the first, Request.And under
// the others. All must show one nullifier and be bound to one message, and no
// two may be about one root. Its Bound is the smallest of theirs.
func AllOf(roots ...Roots) Roots { return allOf(roots) }

type (
	anyOf []Roots
	allOf []Roots
)

var (
	_ Crowd   = anyOf{}
	_ Fresh   = anyOf{}
	_ Bounder = anyOf{}
	_ Frozen  = anyOf{}
	_ Crowd   = allOf{}
	_ Fresh   = allOf{}
	_ Bounder = allOf{}
	_ Frozen  = allOf{}
)

// Root asks one issuer after the other. "Unknown" needs all of them to say so:
// one that cannot tell makes the answer "cannot tell".
func (a anyOf) Root(ctx context.Context, root semaphore.Element, now time.Time) (setlog.RootInfo, error) {
	for _, r := range a {
		if p, ok := r.(Peek); ok && len(a) > 1 {
			if info, err := p.Peek(root, now); err == nil {
				return info, nil
			}
		}
	}
	worst := setlog.ErrRootUnknown
	for _, r := range a {
		info, err := r.Root(ctx, root, now)
		if err == nil || errors.Is(err, setlog.ErrRootExpired) || errors.Is(err, setlog.ErrRootZero) {
			return info, err
		}
		if !errors.Is(err, setlog.ErrRootUnknown) {
			worst = err
		}
	}
	return setlog.RootInfo{}, worst
}

// Root is for one proof alone, and one is not enough.
func (a allOf) Root(context.Context, semaphore.Element, time.Time) (setlog.RootInfo, error) {
	return setlog.RootInfo{}, errors.New("verifier: AllOf has no single root")
}

// Live is the smallest of the crowds: what a person can count on.
func (a anyOf) Live() uint64 { return smallestCrowd(a) }
func (a allOf) Live() uint64 { return smallestCrowd(a) }

func smallestCrowd(roots []Roots) uint64 {
	var least uint64
	for i, r := range roots {
		c, ok := r.(Crowd)
		if !ok {
			return 0
		}
		if n := c.Live(); i == 0 || n < least {
			least = n
		}
	}
	return least
}

// Fresh needs every issuer to be fresh.
func (a anyOf) Fresh(now time.Time) error { return allFresh(a, now) }
func (a allOf) Fresh(now time.Time) error { return allFresh(a, now) }

func allFresh(roots []Roots, now time.Time) error {
	var errs []error
	for _, r := range roots {
		if f, ok := r.(Fresh); ok {
			errs = append(errs, f.Fresh(now))
		}
	}
	return errors.Join(errs...)
}
