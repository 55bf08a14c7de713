package semaphore

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
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
// The zero Group is empty and ready; it must not be copied by value. A Group may
// be read from many goroutines, but not while it changes: hand readers a View.
// Root, depth, size and proofs are cheap; one change costs one hash per level.
// AddMany and UpdateMany hash each inner node once, many side by side where the
// processor has the registers for it, and large batches on all processors. A
// member takes about 72 bytes.
type Group struct {
	tree
	index leafIndex
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
// in a list of leaves. Every inner node is hashed once. On error nothing has
// changed.
func (g *Group) AddMany(members []Element) error {
	if len(members) == 0 {
		return ErrNoLeaves
	}
	size := g.Size()
	if uint64(size)+uint64(len(members)) > math.MaxUint32 {
		return ErrGroupFull
	}
	if size == 0 {
		g.levels = make([]nodes, 1)
	}
	leaves := &g.levels[0]
	g.index.reserve(leaves, len(members))
	leaves.resize(size + len(members))
	for i, m := range members {
		err := g.admit(m, size+i)
		if err != nil {
			for j := range i {
				g.index.remove(leaves, members[j])
			}
			leaves.resize(size)
			if size == 0 {
				g.levels = nil
			}
			return fmt.Errorf("%w: new member %d", err, i)
		}
		leaves.put(size+i, m) // beyond what any view reaches: not copied
	}
	g.rehash([]span{{size, size + len(members)}})
	return nil
}

// admit checks a leaf and enters it into the index. The caller puts it at
// position before the next call.
func (g *Group) admit(m Element, position int) error {
	switch {
	case !m.valid():
		return ErrRange
	case !m.IsZero() && !g.index.put(&g.levels[0], m, position):
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
	return g.replaceOne(position, member)
}

// Remove puts zero in the member's place.
func (g *Group) Remove(position int) error { return g.replaceOne(position, Element{}) }

func (g *Group) replaceOne(position int, member Element) error {
	if err := g.replace(position, member); err != nil {
		return err
	}
	g.rehash([]span{{position, position + 1}})
	return nil
}

// Replacement is one change of UpdateMany: the new member at a position, zero
// to remove the one that is there.
type Replacement struct {
	Position int
	Member   Element
}

// UpdateMany gives the same group as an Update or a Remove for each of the
// changes, one after the other, but hashes every inner node once. On error
// nothing has changed.
func (g *Group) UpdateMany(changes []Replacement) error {
	if len(changes) == 0 {
		return nil
	}
	old := make([]Element, len(changes))
	spans := make([]span, 0, len(changes))
	for i, c := range changes {
		old[i] = g.Member(c.Position)
		if err := g.replace(c.Position, c.Member); err != nil {
			for j := i - 1; j >= 0; j-- {
				g.put(changes[j].Position, old[j])
			}
			return fmt.Errorf("%w: change %d", err, i)
		}
		spans = append(spans, span{c.Position, c.Position + 1})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	g.rehash(spans)
	return nil
}

// replace changes a leaf and leaves the nodes above it.
func (g *Group) replace(position int, member Element) error {
	if position < 0 || position >= g.Size() {
		return fmt.Errorf("%w: position %d of %d", ErrNotMember, position, g.Size())
	}
	leaves := &g.levels[0]
	switch {
	case leaves.at(position).IsZero():
		return fmt.Errorf("%w: position %d", ErrLeafRemoved, position)
	case !member.valid():
		return ErrRange
	case !member.IsZero() && g.index.find(leaves, member) >= 0:
		return ErrLeafExists
	}
	g.put(position, member)
	return nil
}

// put changes a leaf and the index, unchecked.
func (g *Group) put(position int, member Element) {
	leaves := &g.levels[0]
	if old := leaves.at(position); !old.IsZero() {
		g.index.remove(leaves, old)
	}
	leaves.set(position, member)
	if !member.IsZero() {
		g.index.put(leaves, member, position)
	}
}

// IndexOf gives the position of a member, or -1. Removed members, and zero,
// have none.
func (g *Group) IndexOf(member Element) int {
	if g.Size() == 0 || member.IsZero() {
		return -1
	}
	return g.index.find(&g.levels[0], member)
}
