package sdk

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
)

// issuer is one issuer that the Gate follows.
type issuer struct {
	*sethttp.Source
}

var (
	_ verifier.Roots   = (*issuer)(nil)
	_ verifier.Crowd   = (*issuer)(nil)
	_ verifier.Fresh   = (*issuer)(nil)
	_ verifier.Peek    = (*issuer)(nil)
	_ verifier.Frozen  = (*issuer)(nil)
	_ verifier.Bounder = (*issuer)(nil)
)

// follow sets up the following of one issuer. What it has seen is kept in the
// spend store, so that a restart cannot be shown an older head.
func follow(cfg Config, witnesses *setlog.Witnesses, vkey string) (*issuer, error) {
	key, err := setlog.ParseVKey(vkey)
	if err != nil {
		return nil, err
	}
	sc := sethttp.Config{
		VKey: vkey, At: cfg.At[key.Name()], Client: cfg.Client, Now: cfg.Now,
		Window: cfg.Window, MaxStaleness: cfg.MaxStaleness, OnError: cfg.OnError,
		Witnesses: witnesses,
	}
	if keeper, ok := cfg.Store.(verifier.StateKeeper); ok {
		sc.State = &memory{
			kept: kept{keeper: keeper, name: vkey}, last: kept{keeper: keeper, name: "last key of " + key.Name()},
			afresh: slices.Contains(cfg.Afresh, vkey),
		}
		sc.Kept = func(name string) sethttp.State { return &kept{keeper: keeper, name: name + " of " + vkey} }
	}
	source, err := sethttp.New(sc)
	if err != nil {
		return nil, err
	}
	return &issuer{source}, nil
}

// Live is how many live members the newest head counts.
func (i *issuer) Live() uint64 {
	head, _ := i.Follower().Head()
	return head.Live
}

// MinSeq is the lowest sequence number whose root the newest head lets count.
func (i *issuer) MinSeq() uint64 {
	head, _ := i.Follower().Head()
	return head.MinValidSeq
}

// Fresh tells whether the newest head is young enough.
func (i *issuer) Fresh(now time.Time) error { return i.Follower().Fresh(now) }

// Bound is what the issuer's metadata says about a policy.
func (i *issuer) Bound(ctx context.Context, p scope.Policy) (verifier.Bound, error) {
	info, err := i.Info(ctx)
	if err != nil {
		return verifier.Bound{}, err
	}
	return verifier.BoundOf(info, p)
}

// kept keeps a follower's state in the spend store.
type kept struct {
	keeper verifier.StateKeeper
	name   string
}

// memory is a follower's state under the issuer's verifier key. Which key of the
// issuer was followed last is kept beside it: a new one goes on from what was
// seen under that (setlog.ErrUnvouched says when it may).
type memory struct {
	kept
	last   kept
	afresh bool
	named  bool // last says name
}

func (m *memory) Load() ([]byte, error) {
	state, err := m.kept.Load()
	if err != nil || len(state) > 0 || m.afresh {
		return state, err
	}
	last, err := m.last.Load()
	if err != nil || len(last) == 0 {
		return nil, err
	}
	before := kept{keeper: m.keeper, name: string(last)}
	return before.Load()
}

func (m *memory) Save(state []byte) error {
	if err := m.kept.Save(state); err != nil || m.named {
		return err
	}
	if err := m.last.Save([]byte(m.name)); err != nil {
		return err
	}
	m.named = true
	return nil
}

const stateTimeout = 10 * time.Second

func (k *kept) Load() ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), stateTimeout)
	defer cancel()
	return k.keeper.LoadState(ctx, k.name)
}

func (k *kept) Save(state []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), stateTimeout)
	defer cancel()
	return k.keeper.SaveState(ctx, k.name, state)
}

// RootProof gives the proof that a root is in the log of one of the issuers,
// and that issuer's verifier key: parts of a post bundle that stands without
// any server.
func (g *Gate) RootProof(ctx context.Context, root semaphore.Element) (setlog.RootProof, string, error) {
	var errs []error
	for _, i := range g.issuers {
		p, err := i.RootProof(ctx, root)
		if err == nil {
			return p, i.Follower().VKey(), nil
		}
		errs = append(errs, err)
	}
	return setlog.RootProof{}, "", errors.Join(errs...)
}

// Repin computes what an operator may pin in Config.Snapshots, so that later
// removals count for a Snapshot policy after all: the root of the set frozen at a
// sequence number with the leaves of those zeroed who were removed or re-keyed
// since, and how many they are. Nullifiers do not change, and wallets have to
// prove against the new root from then on. It reads the issuer's whole log, which
// takes a while, and is for a Gate with one issuer.
func (g *Gate) Repin(ctx context.Context, seq uint64) (root semaphore.Element, zeroed int, err error) {
	if len(g.issuers) != 1 {
		return root, 0, errors.New("sdk: a snapshot belongs to one issuer")
	}
	return g.issuers[0].Repin(ctx, seq)
}
