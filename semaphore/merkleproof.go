package semaphore

import (
	"errors"
	"fmt"
	"math/bits"
)

// MaxDepth is the greatest tree depth that an official key exists for.
const MaxDepth = 32

// Refusals of MerkleProof.
var (
	// ErrPath: the path does not lead from the leaf to the root.
	ErrPath = errors.New("semaphore: bad Merkle proof")
	// ErrZeroRoot: root 0, which anybody can prove.
	ErrZeroRoot = errors.New("semaphore: root is zero")
)

// MerkleProof is a path from a leaf to the root, as the official packages give
// it. Levels where the node had no sibling are left out of Siblings, and Index
// holds one bit for each sibling that is there: bit i, counted from the lowest,
// is 1 when the node is the right child. Index is therefore not the position
// of the leaf in general.
type MerkleProof struct {
	Root     Element   `json:"root"`
	Leaf     Element   `json:"leaf"`
	Index    uint64    `json:"index"`
	Siblings []Element `json:"siblings"`
}

// Verify is nil when the path leads from Leaf to Root in canonical form. It
// refuses root 0 and index bits above the siblings. It cannot tell a leaf from
// an inner node, since a shorter path is just as good: use VerifyAt where the
// size of the tree is known.
func (p MerkleProof) Verify() error {
	switch {
	case p.Root.IsZero():
		return ErrZeroRoot
	case len(p.Siblings) > MaxDepth:
		return fmt.Errorf("%w: %d siblings", ErrPath, len(p.Siblings))
	case p.Index>>len(p.Siblings) != 0:
		return fmt.Errorf("%w: index has bits above the siblings", ErrPath)
	case !p.Root.valid() || !p.Leaf.valid():
		return fmt.Errorf("%w: %w", ErrPath, ErrRange)
	}
	node := p.Leaf
	for i, s := range p.Siblings {
		if !s.valid() {
			return fmt.Errorf("%w: sibling %d: %w", ErrPath, i, ErrRange)
		}
		if p.Index>>i&1 == 1 {
			node = Hash2(s, node)
		} else {
			node = Hash2(node, s)
		}
	}
	if node != p.Root {
		return fmt.Errorf("%w: path ends at another root", ErrPath)
	}
	return nil
}

// VerifyAt is Verify for the leaf at one position of a tree of a known size:
// the number of siblings and the index bits must be what that position has, so
// that no inner node passes for a leaf.
func (p MerkleProof) VerifyAt(position, size int) error {
	if err := p.shape(position, size); err != nil {
		return err
	}
	return p.Verify()
}

// shape compares the number of siblings and the index bits with what a position
// has in a tree.
func (p MerkleProof) shape(position, size int) error {
	if position < 0 || position >= size {
		return fmt.Errorf("%w: position %d of %d", ErrNotMember, position, size)
	}
	index, siblings := pathShape(position, size)
	if p.Index != index || len(p.Siblings) != siblings {
		return fmt.Errorf("%w: not the path of position %d of %d", ErrPath, position, size)
	}
	return nil
}

// treeDepth is the depth of a tree of size leaves, at least one.
func treeDepth(size int) int { return bits.Len(uint(size - 1)) }

// pathShape gives the index bits and the number of siblings of a position.
func pathShape(position, size int) (index uint64, siblings int) {
	for range treeDepth(size) {
		if position^1 < size {
			index |= uint64(position&1) << siblings
			siblings++
		}
		position /= 2
		size = (size + 1) / 2
	}
	return index, siblings
}
