package semaphore

import (
	"errors"
	"fmt"
	"math"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/perhuman/perhuman/semaphore/internal/poseidon"
)

// Refusals of Group.
var (
	// ErrLeafZero: zero stands for a removed member and is nobody's leaf.
	ErrLeafZero = errors.New("semaphore: a member cannot be zero")
	// ErrLeafExists: the group has this member already.
	ErrLeafExists = errors.New("semaphore: already a member")
	// ErrLeafRemoved: the member at this position was removed.
	ErrLeafRemoved = errors.New("semaphore: the member was removed")
	// ErrNotMember: no member at this position.
	ErrNotMember = errors.New("semaphore: not a member")
	// ErrNoLeaves: AddMany with nothing to add.
	ErrNoLeaves = errors.New("semaphore: there are no members to add")
	// ErrGroupFull: more members than a proof of depth 32 can reach.
	ErrGroupFull = errors.New("semaphore: the group is full")
)

// Group is a LeanIMT over Poseidon: leaves in order of insertion, a parent is
// the hash of two children, and a node without a right sibling moves up
// unchanged. The depth is the least that holds the leaves and never shrinks.
//
// Removing a member puts zero in its place; the position is not used again.
// Zero is an ordinary value for the hash, so a group rebuilt from a list of
// leaves with zeros has the same root as the one that saw the removals. (The
// official JavaScript Group up to 4.14.2 does not: hand it MarshalJSON's form,
// not a list of members.)
//
// The zero Group is empty and ready. A Group may be read from many goroutines,
// but not while it changes. Root, depth, size and proofs are cheap; a change
// costs one hash per level, and AddMany hashes each inner node once.
type Group struct {
	levels [][]Element // levels[0] are the leaves, the last one is the root
	index  leafIndex
}

// NewGroup builds a group from its leaves in order. Zeros are positions of
// removed members.
func NewGroup(members ...Element) (*Group, error) {
	g := new(Group)
	if len(members) == 0 {
		return g, nil
	}
	return g, g.AddMany(members)
}

// Add appends a member, which must not be zero nor there already.
func (g *Group) Add(member Element) error {
	if member.IsZero() {
		return ErrLeafZero
	}
	return g.AddMany([]Element{member})
}

// AddMany appends members in order. Zeros are positions of removed members, as
// in a list of leaves. On error nothing has changed.
func (g *Group) AddMany(members []Element) error {
	if len(members) == 0 {
		return ErrNoLeaves
	}
	size := g.Size()
	if uint64(size)+uint64(len(members)) > math.MaxUint32 {
		return ErrGroupFull
	}
	var leaves []Element
	if size > 0 {
		leaves = g.levels[0]
	}
	g.index.reserve(size + len(members))
	for i, m := range members {
		err := g.admit(leaves, m)
		if err != nil {
			for j := range i {
				g.index.remove(leaves, members[j])
			}
			return fmt.Errorf("%w: new member %d", err, i)
		}
		leaves = append(leaves, m)
		if !m.IsZero() {
			g.index.put(leaves, size+i)
		}
	}
	if size == 0 {
		g.levels = [][]Element{nil}
	}
	g.levels[0] = leaves
	g.rehash(size)
	return nil
}

func (g *Group) admit(leaves []Element, m Element) error {
	switch {
	case !m.valid():
		return ErrRange
	case !m.IsZero() && g.index.find(leaves, m) >= 0:
		return ErrLeafExists
	}
	return nil
}

// Update replaces the member at position. The old one must be there still, and
// the new one must be neither zero nor a member; use Remove to remove.
func (g *Group) Update(position int, member Element) error {
	if member.IsZero() {
		return ErrLeafZero
	}
	return g.replace(position, member)
}

// Remove puts zero in the member's place.
func (g *Group) Remove(position int) error { return g.replace(position, Element{}) }

func (g *Group) replace(position int, member Element) error {
	if position < 0 || position >= g.Size() {
		return fmt.Errorf("%w: position %d of %d", ErrNotMember, position, g.Size())
	}
	leaves := g.levels[0]
	old := leaves[position]
	if old.IsZero() {
		return fmt.Errorf("%w: position %d", ErrLeafRemoved, position)
	}
	if err := g.admit(leaves, member); err != nil {
		return err
	}
	g.index.remove(leaves, old)
	leaves[position] = member
	if !member.IsZero() {
		g.index.put(leaves, position)
	}
	g.rehashPath(position)
	return nil
}

// rehash computes every node above the leaves from position first on.
func (g *Group) rehash(first int) {
	for level := 0; len(g.levels[level]) > 1; level++ {
		if level+1 == len(g.levels) {
			g.levels = append(g.levels, nil)
		}
		below := g.levels[level]
		first /= 2
		n := (len(below) + 1) / 2
		nodes := grow(g.levels[level+1], n)
		for i := first; i < n; i++ {
			nodes[i] = parent(below, i)
		}
		g.levels[level+1] = nodes
	}
}

// rehashPath computes the nodes above one leaf.
func (g *Group) rehashPath(position int) {
	for level := 0; level+1 < len(g.levels); level++ {
		position /= 2
		g.levels[level+1][position] = parent(g.levels[level], position)
	}
}

func parent(below []Element, i int) Element {
	if 2*i+1 == len(below) {
		return below[2*i]
	}
	var l, r fr.Element
	l.SetBytes(below[2*i][:])
	r.SetBytes(below[2*i+1][:])
	h := poseidon.Hash2(&l, &r)
	return fromFr(&h)
}

func grow(s []Element, n int) []Element {
	if n <= len(s) {
		return s
	}
	return append(s, make([]Element, n-len(s))...)
}

// Root gives the root: 0 for an empty group, the leaf itself for one leaf. An
// emptied group of one has root 0 too, and 0 never verifies.
func (g *Group) Root() Element {
	if len(g.levels) == 0 {
		return Element{}
	}
	return g.levels[len(g.levels)-1][0]
}

// Depth is the number of levels above the leaves.
func (g *Group) Depth() int { return max(len(g.levels)-1, 0) }

// Size is the number of leaves, removed ones included.
func (g *Group) Size() int {
	if len(g.levels) == 0 {
		return 0
	}
	return len(g.levels[0])
}

// IndexOf gives the position of a member, or -1. Removed members, and zero,
// have none.
func (g *Group) IndexOf(member Element) int {
	if g.Size() == 0 || member.IsZero() {
		return -1
	}
	return g.index.find(g.levels[0], member)
}

// Member gives the leaf at position, zero for a removed one and for a position
// outside the group.
func (g *Group) Member(position int) Element {
	if position < 0 || position >= g.Size() {
		return Element{}
	}
	return g.levels[0][position]
}

// Level gives a copy of one level: 0 are the leaves, Depth is the root alone.
// It is nil for a level that the tree does not have.
func (g *Group) Level(level int) []Element {
	if level < 0 || level >= len(g.levels) {
		return nil
	}
	return append([]Element(nil), g.levels[level]...)
}
