package verifier

import (
	"context"
	"errors"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Frozen is an optional power of Roots, which Snapshot policies need: the root
// that the issuer's log has at a sequence number, proven to be there. It may
// block to find out. Neither the window nor min_valid_seq plays a part.
// ErrRootUnknown: the log has no such number yet; any other error means that it
// cannot tell.
type Frozen interface {
	SnapshotRoot(ctx context.Context, seq uint64) (semaphore.Element, setlog.RootInfo, error)
}

// errManyIssuers: sequence numbers of different issuers count different things.
var errManyIssuers = errors.New("verifier: a snapshot belongs to one issuer; pin its root in Config.Snapshots")

// errNotFrozen: the program asks for what its Roots cannot do.
var errNotFrozen = errors.New("verifier: these Roots know no snapshots; pin the root in Config.Snapshots")

// SnapshotRoot is that of the one issuer; with several there is none.
func (a anyOf) SnapshotRoot(ctx context.Context, seq uint64) (semaphore.Element, setlog.RootInfo, error) {
	return soleSnapshot(ctx, a, seq)
}

// SnapshotRoot is that of the one issuer; with several there is none.
func (a allOf) SnapshotRoot(ctx context.Context, seq uint64) (semaphore.Element, setlog.RootInfo, error) {
	return soleSnapshot(ctx, a, seq)
}

func soleSnapshot(ctx context.Context, roots []Roots, seq uint64) (semaphore.Element, setlog.RootInfo, error) {
	if len(roots) != 1 {
		return semaphore.Element{}, setlog.RootInfo{}, errManyIssuers
	}
	f, ok := roots[0].(Frozen)
	if !ok {
		return semaphore.Element{}, setlog.RootInfo{}, errNotFrozen
	}
	return f.SnapshotRoot(ctx, seq)
}

// frozen gives the one root that counts for a snapshot: the operator's pin, or
// what the log has.
func (v *Verifier) frozen(ctx context.Context, seq uint64) (semaphore.Element, setlog.RootInfo, error) {
	if root, ok := v.cfg.Snapshots[seq]; ok {
		return root, setlog.RootInfo{Seq: seq}, nil
	}
	f, ok := v.cfg.Roots.(Frozen)
	if !ok {
		return semaphore.Element{}, setlog.RootInfo{}, errNotFrozen
	}
	return f.SnapshotRoot(ctx, seq)
}

// rootFrozen demands the one root of a snapshot.
func (q *inquiry) rootFrozen(ctx context.Context, seq uint64) *api.Error {
	got := q.req.Proof.MerkleTreeRoot
	if got.IsZero() {
		return refuseRoot(setlog.ErrRootZero)
	}
	if len(q.req.And) > 0 {
		return api.Wrap(api.Internal, errManyIssuers)
	}
	want, info, err := q.v.frozen(ctx, seq)
	switch {
	case errors.Is(err, errManyIssuers), errors.Is(err, errNotFrozen):
		return api.Wrap(api.Internal, err) // the server's own mistake
	case errors.Is(err, setlog.ErrRootUnknown):
		return &api.Error{Code: api.RootNotSnapshot, Detail: "the set is not frozen yet", Err: err}
	case err != nil:
		return refuseRoot(err)
	case want.IsZero() || got != want:
		return api.Errorf(api.RootNotSnapshot, "")
	}
	q.root = info
	return nil
}
