// Package verifiertest is a small set of virtual people who make real proofs,
// and the log that publishes their set, for the tests of the verifier and of
// what stands on it. It is never linked into a program.
package verifiertest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
)

// Size is how many people there are.
const Size = 8

// Set is the people, one after the other, and their group. A proof costs a
// third of a second of CPU (ten times that under the race detector), so each is
// made once and kept: see pool.go.
type Set struct {
	Group  *semaphore.Group
	IDs    []*semaphore.Identity
	place  func(person int) int
	prover func() (*prove.Prover, error)

	mu     sync.Mutex
	proofs map[wish]*semaphore.Proof
}

// One is the set that all tests of a binary share.
var One = sync.OnceValue(func() *Set { return newSet(func(i int) int { return i }) })

// Two are the same people with another issuer, who enrolled them in the opposite
// order: the same secrets under another root.
var Two = sync.OnceValue(func() *Set { return newSet(func(i int) int { return Size - 1 - i }) })

// newSet enrols the people; person i gets the leaf at place(i).
func newSet(place func(int) int) *Set {
	s := &Set{place: place, prover: sync.OnceValues(func() (*prove.Prover, error) {
		return prove.New(bytes.NewReader(depth20.ZKey()))
	})}
	leaves := make([]semaphore.Element, Size)
	for i := range Size {
		id := semaphore.IdentityFromKey(fmt.Appendf(nil, "virtual person %d", i))
		s.IDs = append(s.IDs, id)
		leaves[place(i)] = id.Commitment()
	}
	var err error
	if s.Group, err = semaphore.NewGroup(leaves...); err != nil {
		panic(err)
	}
	if s.proofs, err = pool(s.Group.Root()); err != nil {
		panic(err)
	}
	return s
}

// Prove gives person i's proof. It is a copy: tests may spoil it.
func (s *Set) Prove(t testing.TB, i int, message, scope semaphore.Uint256) *semaphore.Proof {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	w := wish{i, message, scope}
	p, ok := s.proofs[w]
	if !ok {
		p = s.ProveNow(t, i, message, scope)
		s.proofs[w] = p
		if err := keep(w, p); err != nil {
			t.Fatal(err)
		}
	}
	out := *p
	return &out
}

// ProveNow makes a proof whether or not there is one already.
func (s *Set) ProveNow(t testing.TB, i int, message, scope semaphore.Uint256) *semaphore.Proof {
	t.Helper()
	prover, err := s.prover()
	if err != nil {
		t.Fatal(err)
	}
	path, err := s.Group.Proof(s.place(i))
	if err != nil {
		t.Fatal(err)
	}
	p, err := prover.Prove(context.Background(), s.IDs[i], path, message, scope)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Roots is an issuer's published roots as a table, in place of a follower.
type Roots struct {
	mu    sync.Mutex
	Good  map[semaphore.Element]setlog.RootInfo
	Bad   map[semaphore.Element]error
	Stale error

	Frozen map[uint64]semaphore.Element // what the log has at each sequence number
	Info   *api.IssuerInfo              // what the issuer says about itself; nil: bound 1
	Silent error                        // the issuer's metadata was never read
}

// SnapshotRoot implements verifier.Frozen.
func (r *Roots) SnapshotRoot(_ context.Context, seq uint64) (semaphore.Element, setlog.RootInfo, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Stale != nil {
		return semaphore.Element{}, setlog.RootInfo{}, r.Stale
	}
	root, ok := r.Frozen[seq]
	if !ok {
		return root, setlog.RootInfo{}, setlog.ErrRootUnknown
	}
	return root, setlog.RootInfo{Seq: seq, Live: Size}, nil
}

// Bound implements verifier.Bounder.
func (r *Roots) Bound(_ context.Context, p scope.Policy) (verifier.Bound, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.Silent != nil:
		return verifier.Bound{}, r.Silent
	case r.Info != nil:
		return verifier.BoundOf(*r.Info, p)
	}
	return verifier.Bound{Secrets: 1}, nil
}

// Root implements verifier.Roots.
func (r *Roots) Root(_ context.Context, root semaphore.Element, _ time.Time) (setlog.RootInfo, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Stale != nil {
		return setlog.RootInfo{}, r.Stale
	}
	if root.IsZero() {
		return setlog.RootInfo{}, setlog.ErrRootZero
	}
	if err, ok := r.Bad[root]; ok {
		return setlog.RootInfo{}, err
	}
	if info, ok := r.Good[root]; ok {
		return info, nil
	}
	return setlog.RootInfo{}, setlog.ErrRootUnknown
}

// Live implements verifier.Crowd.
func (r *Roots) Live() uint64 { return Size }

// Fresh implements verifier.Fresh.
func (r *Roots) Fresh(time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Stale
}

// Set makes the roots stale, or fresh again with nil.
func (r *Roots) Set(stale error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Stale = stale
}

// Expire makes a root too old, or good again.
func (r *Roots) Expire(root semaphore.Element, expired bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if delete(r.Bad, root); expired {
		r.Bad[root] = setlog.ErrRootExpired
	}
}

// Roots gives the published roots of the set.
func (s *Set) Roots() *Roots {
	return &Roots{
		Good: map[semaphore.Element]setlog.RootInfo{s.Group.Root(): {Seq: 7, Live: Size, Current: true}},
		Bad:  map[semaphore.Element]error{},
	}
}
