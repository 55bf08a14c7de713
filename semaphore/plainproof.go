package semaphore

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrPathSyntax: not a plain Merkle proof in the one form it has.
var ErrPathSyntax = errors.New("semaphore: bad form of a plain Merkle proof")

// PlainProof is a Merkle path with one slot for a sibling on every level of a
// fixed depth, as circuits and other trees want it, where MerkleProof leaves
// out the levels on which the node has no sibling. Bit i of Position, counted
// from the lowest, says whether the node on level i is the right child, so that
// Position is the leaf's position in the group. Bit i of Lone marks a node
// without a sibling, which moves up unchanged; the slot is then zero. Lone is
// needed because zero is also what a removed member leaves behind, and such a
// sibling is hashed.
//
// The depth, which is the number of slots, may exceed that of the tree: the
// root is then a lone node on the levels above.
//
// In JSON a lone slot is null:
//
//	{"root":"1234","leaf":"5","position":4,"siblings":[null,null,"678"]}
//
// The binary form has 73 bytes and 32 more a level, integers big-endian: depth
// (1), Position (4), Lone (4), Root, Leaf, the slots from the leaf's level
// upwards. Both forms have one way to write a proof and refuse any other.
type PlainProof struct {
	Root, Leaf Element
	Position   uint32
	Lone       uint32
	Siblings   []Element
}

// plainHeader is the length of the binary form at depth 0.
const plainHeader = 1 + 4 + 4 + 32 + 32

// PlainProof gives the path of the leaf at position with depth slots, at least
// the depth of the tree and at most MaxDepth.
func (t *tree) PlainProof(position, depth int) (PlainProof, error) {
	p, err := t.Proof(position)
	if err != nil {
		return PlainProof{}, err
	}
	return p.Plain(position, t.Size(), depth)
}

// Plain puts every sibling of the path into the slot of its level. Position and
// size are needed since the compressed form does not say which levels it leaves
// out; a path of another shape than theirs is refused. It does not hash: the
// result verifies when p does.
func (p MerkleProof) Plain(position, size, depth int) (PlainProof, error) {
	if err := p.shape(position, size); err != nil {
		return PlainProof{}, err
	}
	if depth > MaxDepth || depth < treeDepth(size) {
		return PlainProof{}, fmt.Errorf("%w: %d slots for a tree of depth %d", ErrPath, depth, treeDepth(size))
	}
	out := PlainProof{Root: p.Root, Leaf: p.Leaf, Position: uint32(position), Lone: lone(position, size, depth), Siblings: make([]Element, depth)}
	next := 0
	for i := range out.Siblings {
		if out.Lone>>i&1 == 0 {
			out.Siblings[i] = p.Siblings[next]
			next++
		}
	}
	return out, nil
}

// Compressed leaves out the lone levels: the form of the official packages. It
// does not hash: the result verifies when p does.
func (p PlainProof) Compressed() (MerkleProof, error) {
	if err := p.check(); err != nil {
		return MerkleProof{}, err
	}
	out := MerkleProof{Root: p.Root, Leaf: p.Leaf, Siblings: make([]Element, 0, len(p.Siblings))}
	for i, s := range p.Siblings {
		if p.Lone>>i&1 == 0 {
			out.Index |= uint64(p.Position>>i&1) << len(out.Siblings)
			out.Siblings = append(out.Siblings, s)
		}
	}
	return out, nil
}

// Verify is nil when the path leads from Leaf to Root. It refuses root 0, and
// marks and position bits that no tree of any size has together. Like that of
// MerkleProof it cannot tell a leaf from an inner node: use VerifyAt where the
// size of the tree is known.
func (p PlainProof) Verify() error {
	c, err := p.Compressed()
	if err != nil {
		return err
	}
	return c.Verify()
}

// VerifyAt is Verify for a tree of a known size: the lone nodes must be the ones
// that Position has in it, so that no inner node passes for a leaf.
func (p PlainProof) VerifyAt(size int) error {
	if err := p.check(); err != nil {
		return err
	}
	if uint64(p.Position) >= uint64(max(size, 0)) {
		return fmt.Errorf("%w: position %d of %d", ErrNotMember, p.Position, size)
	}
	if len(p.Siblings) < treeDepth(size) || p.Lone != lone(int(p.Position), size, len(p.Siblings)) {
		return fmt.Errorf("%w: not the path of position %d of %d", ErrPath, p.Position, size)
	}
	return p.Verify()
}

// lone marks the levels on which the node over position has no sibling.
func lone(position, size, depth int) (marks uint32) {
	for i := range depth {
		if position^1 >= size {
			marks |= 1 << i
		}
		position, size = position/2, (size+1)/2
	}
	return marks
}

// check holds p to its one form. A node without a sibling is the last of its
// level, and so is every node above it: from the first mark on, a level is
// lone exactly when the node is a left child.
func (p PlainProof) check() error {
	depth := len(p.Siblings)
	switch {
	case depth > MaxDepth:
		return fmt.Errorf("%w: %d levels", ErrPath, depth)
	case uint64(p.Position)>>depth != 0 || uint64(p.Lone)>>depth != 0:
		return fmt.Errorf("%w: bits above the siblings", ErrPath)
	case p.Position&p.Lone != 0:
		return fmt.Errorf("%w: a right child has a sibling", ErrPath)
	case !p.Root.valid() || !p.Leaf.valid():
		return fmt.Errorf("%w: %w", ErrPath, ErrRange)
	}
	last := false
	for i, s := range p.Siblings {
		alone := p.Lone>>i&1 == 1
		last = last || alone
		switch {
		case last && !alone && p.Position>>i&1 == 0:
			return fmt.Errorf("%w: level %d has a node behind the last one", ErrPath, i)
		case alone && !s.IsZero():
			return fmt.Errorf("%w: level %d has a sibling and none", ErrPath, i)
		case !s.valid():
			return fmt.Errorf("%w: sibling %d: %w", ErrPath, i, ErrRange)
		}
	}
	return nil
}

// MarshalBinary gives the binary form. It refuses a proof that has none.
func (p PlainProof) MarshalBinary() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	out := make([]byte, 0, plainHeader+32*len(p.Siblings))
	out = append(out, byte(len(p.Siblings)))
	out = binary.BigEndian.AppendUint32(out, p.Position)
	out = binary.BigEndian.AppendUint32(out, p.Lone)
	out = append(out, p.Root[:]...)
	out = append(out, p.Leaf[:]...)
	for _, s := range p.Siblings {
		out = append(out, s[:]...)
	}
	return out, nil
}

// UnmarshalBinary reads what MarshalBinary writes and nothing else. On error p
// is unchanged. It does not hash: call Verify or VerifyAt.
func (p *PlainProof) UnmarshalBinary(data []byte) error {
	if len(data) < plainHeader || data[0] > MaxDepth || len(data) != plainHeader+32*int(data[0]) {
		return fmt.Errorf("%w: length", ErrPathSyntax)
	}
	q := PlainProof{
		Position: binary.BigEndian.Uint32(data[1:]),
		Lone:     binary.BigEndian.Uint32(data[5:]),
		Root:     Element(data[9:41]),
		Leaf:     Element(data[41:73]),
		Siblings: make([]Element, data[0]),
	}
	for i := range q.Siblings {
		q.Siblings[i] = Element(data[plainHeader+32*i:])
	}
	if err := q.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrPathSyntax, err)
	}
	*p = q
	return nil
}
