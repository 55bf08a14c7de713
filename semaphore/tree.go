package semaphore

import (
	"fmt"
)

// tree is what can be read of a LeanIMT. Group and View embed it; what they
// promise of concurrent use is said there.
type tree struct {
	levels []nodes // levels[0] are the leaves, the last one is the root
	hashed int     // hashes computed so far, which tests hold against the definition
}

// Root gives the root: 0 for an empty group, the leaf itself for one leaf. An
// emptied group of one has root 0 too, and 0 never verifies.
func (t *tree) Root() Element {
	if len(t.levels) == 0 {
		return Element{}
	}
	return t.levels[len(t.levels)-1].at(0)
}

// Depth is the number of levels above the leaves.
func (t *tree) Depth() int { return max(len(t.levels)-1, 0) }

// Size is the number of leaves, removed ones included.
func (t *tree) Size() int {
	if len(t.levels) == 0 {
		return 0
	}
	return t.levels[0].n
}

// Member gives the leaf at position, zero for a removed one and for a position
// outside the group.
func (t *tree) Member(position int) Element {
	if position < 0 || position >= t.Size() {
		return Element{}
	}
	return t.levels[0].at(position)
}

// Level gives a copy of one level: 0 are the leaves, Depth is the root alone.
// It is nil for a level that the tree does not have.
func (t *tree) Level(level int) []Element {
	if level < 0 || level >= len(t.levels) {
		return nil
	}
	return t.levels[level].copyOut(0, t.levels[level].n)
}

// Nodes gives a copy of at most n nodes of one level from start on, fewer at
// the end of the level and none outside of it: what a tile holds.
func (t *tree) Nodes(level, start, n int) []Element {
	if level < 0 || level >= len(t.levels) || start < 0 || n <= 0 || start >= t.levels[level].n {
		return nil
	}
	return t.levels[level].copyOut(start, min(n, t.levels[level].n-start))
}

// Proof gives the path of the leaf at position.
func (t *tree) Proof(position int) (MerkleProof, error) {
	if position < 0 || position >= t.Size() {
		return MerkleProof{}, fmt.Errorf("%w: position %d of %d", ErrNotMember, position, t.Size())
	}
	p := MerkleProof{Root: t.Root(), Leaf: t.levels[0].at(position), Siblings: make([]Element, 0, t.Depth())}
	for i := range t.levels[:t.Depth()] {
		if sibling := position ^ 1; sibling < t.levels[i].n {
			p.Index |= uint64(position&1) << len(p.Siblings)
			p.Siblings = append(p.Siblings, t.levels[i].at(sibling))
		}
		position /= 2
	}
	return p, nil
}

// Check computes every node again, about 2 us a member on one core with vector
// registers and six times that without, and is ErrTree when one differs. It
// is for trees that come from a file; nothing else can make it fail.
func (t *tree) Check() error {
	if t.Size() == 0 {
		return nil
	}
	again := tree{levels: []nodes{t.levels[0]}}
	again.rehash([]span{{0, t.Size()}})
	if len(again.levels) != len(t.levels) {
		return fmt.Errorf("%w: %d levels, want %d", ErrTree, len(t.levels), len(again.levels))
	}
	for i := range again.levels {
		for c, chunk := range again.levels[i].chunks {
			for j, node := range chunk {
				if node != t.levels[i].chunks[c][j] {
					return fmt.Errorf("%w: level %d node %d", ErrTree, i, c<<chunkBits+j)
				}
			}
		}
	}
	return nil
}

// View is a group as it was at one moment: what a server reads while the next
// batch is applied. It never changes, and any number of goroutines may use it
// at once. It cannot find positions by member; the Group can.
type View struct{ tree }

// View gives the group as it is now. It costs no hashing and no copying of
// nodes: the first change of a chunk of 64k nodes, 2 MB, copies that chunk, one
// or two a level for an appended batch. It must not be called while the group
// changes; the View may then be read while it does.
func (g *Group) View() *View {
	v := &View{tree{levels: make([]nodes, len(g.levels)), hashed: g.hashed}}
	for i := range g.levels {
		v.levels[i] = g.levels[i].view()
	}
	return v
}
