package verifier_test

import (
	"math/rand/v2"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

const frozenSeq = 3

// frozen is a verifier whose log has the set of the tests at sequence number 3,
// long ago: the moving set does not know that root any more.
func frozen(t *testing.T, change ...func(*verifier.Config)) (*scene, scope.Policy) {
	s := newScene(t, change...)
	root := s.set.Group.Root()
	s.roots.Good = nil
	s.roots.Frozen = map[uint64]semaphore.Element{frozenSeq: root, frozenSeq + 1: verifiertest.Two().Group.Root()}
	return s, scope.Snapshot(frozenSeq, scope.Once())
}

// Only proofs about the one frozen set count, however old it is.
func TestSnapshot(t *testing.T) {
	s, p := frozen(t)
	r := s.request(0, p, 0, s.ask(p))
	if v := s.want(r, api.OK); v.RootSeq != frozenSeq || v.Snapshot != frozenSeq || v.Bound != 1 || v.Policy != "once" || v.SetSize != verifiertest.Size {
		t.Errorf("%+v", v)
	}
	s.want(s.request(0, p, 0, s.ask(p)), api.NullifierAlreadyUsed)
	later := s.request(1, p, 0, s.ask(p))
	later.Proof = verifiertest.Two().Prove(t, 1, later.Proof.Message, later.Proof.Scope)
	if v := s.want(later, api.RootNotSnapshot); v.Snapshot != frozenSeq || len(v.ErrorCodes) != 1 {
		t.Errorf("%+v", v)
	}
	zero := s.request(1, p, 0, s.ask(p))
	zero.Proof.MerkleTreeRoot = semaphore.Element{}
	s.want(zero, api.RootUnknown)
	moving := s.request(1, scope.Once(), 0, s.ask(p))
	s.want(moving, api.PolicyConflict) // the frozen set is part of the action's policy for ever
	other := moving
	other.Policy = scope.Snapshot(frozenSeq+1, scope.Once())
	s.want(other, api.PolicyConflict)
	if c, err := s.v.Challenge(t.Context(), verifier.ChallengeRequest{Action: action, Policy: p, Origin: origin}); err != nil || c.Snapshot != frozenSeq {
		t.Errorf("the wallet is not told: %+v %v", c, err)
	}
	if d := verifier.Describe(action, p); d.Snapshot != frozenSeq || d.Policy != "once" {
		t.Errorf("%+v", d)
	}
}

// A frozen set that is not there yet lets nobody in, nor does a log that cannot
// be asked.
func TestSnapshotNotYet(t *testing.T) {
	s, _ := frozen(t)
	p := scope.Snapshot(99, scope.Once())
	r := s.request(0, p, 0, s.ask(p))
	s.want(r, api.RootNotSnapshot)
	s.roots.Set(setlog.ErrStale)
	s.want(r, api.RootsStale)
}

// The operator re-pins: the nullifiers stay what they were, and whoever is not
// in the new list is out.
func TestRepinnedSnapshot(t *testing.T) {
	s, p := frozen(t)
	spent := s.request(0, p, 0, s.ask(p))
	s.want(spent, api.OK)
	late := s.request(1, p, 0, s.ask(p))
	pinned, _ := frozen(t, func(c *verifier.Config) {
		c.Store, c.Rand = s.store, rand.NewChaCha8([32]byte{2}) // other challenges than s has made
		c.Snapshots = map[uint64]semaphore.Element{frozenSeq: verifiertest.Two().Group.Root()}
	})
	pinned.want(late, api.RootNotSnapshot)
	for i, code := range []api.Code{api.NullifierAlreadyUsed, api.OK} {
		r := pinned.request(i, p, 0, pinned.ask(p))
		r.Proof = verifiertest.Two().Prove(t, i, r.Proof.Message, r.Proof.Scope)
		pinned.want(r, code)
	}
	// A repeat under its key still gets its first answer.
	repeat := s.request(2, p, 0, s.ask(p))
	repeat.IdempotencyKey = "k"
	s.want(repeat, api.OK)
	if v := pinned.want(repeat, api.OK); !v.Replayed {
		t.Errorf("%+v", v)
	}
	for _, root := range []semaphore.Element{{}, {255}} {
		if _, err := verifier.New(t.Context(), verifier.Config{RP: rp, Roots: s.roots, Store: s.store, Snapshots: map[uint64]semaphore.Element{1: root}}); err == nil {
			t.Errorf("%x is pinned", root)
		}
	}
}

// A sequence number belongs to one issuer.
func TestSnapshotOfSeveral(t *testing.T) {
	other := second()
	s := newScene(t, func(c *verifier.Config) { c.Roots = verifier.AnyOf(c.Roots, other) })
	p := scope.Snapshot(frozenSeq, scope.Once())
	r := s.request(0, p, 0, s.ask(p))
	if v := verdictOf(s.v.Check(t.Context(), r)); v.Code != api.Internal {
		t.Errorf("%s", v.Code)
	}
	pinned := newScene(t, func(c *verifier.Config) {
		c.Roots, c.Snapshots = verifier.AnyOf(c.Roots, other), map[uint64]semaphore.Element{frozenSeq: verifiertest.One().Group.Root()}
	})
	pinned.want(pinned.request(0, p, 0, pinned.ask(p)), api.OK)
	one := newScene(t, func(c *verifier.Config) {
		c.Roots.(*verifiertest.Roots).Frozen = map[uint64]semaphore.Element{frozenSeq: verifiertest.One().Group.Root()}
		c.Roots = verifier.AnyOf(c.Roots)
	})
	one.want(one.request(0, p, 0, one.ask(p)), api.OK)
	and, _ := pair(t)
	r = and.answerBoth(0, p, 0, and.ask(p))
	and.want(r, api.Internal)
	plain := newScene(t, func(c *verifier.Config) { c.Roots = onlyRoots{c.Roots} })
	plain.want(plain.request(0, p, 0, plain.ask(p)), api.Internal)
}

// onlyRoots has none of the optional powers.
type onlyRoots struct{ verifier.Roots }
