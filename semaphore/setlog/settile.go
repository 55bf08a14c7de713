package setlog

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perhuman/perhuman/semaphore"
)

// Set tiles carry the nodes of the Merkle set itself, 256 at a time, at the
// levels 0, 8, 16 and 24; a wallet fetches at most four and hashes the rest, so
// that no route has to answer for one leaf (setlog.md, "Checkpoint, tiles").

// SetTilePath gives "set/<seq>/tile/<level>/<n>".
func SetTilePath(seq uint64, level int, n uint64) string {
	return fmt.Sprintf("set/%d/tile/%d/%d", seq, level, n)
}

// LeavesPath gives "set/<seq>/leaves".
func LeavesPath(seq uint64) string { return fmt.Sprintf("set/%d/leaves", seq) }

// ParseSetTilePath reads what SetTilePath writes and nothing else.
func ParseSetTilePath(path string) (seq uint64, level int, n uint64, err error) {
	f := strings.Split(path, "/")
	if len(f) != 5 || f[0] != "set" || f[2] != "tile" {
		return 0, 0, 0, malformed("set tile path")
	}
	if seq, err = parseNumber(f[1], maxLog); err != nil {
		return 0, 0, 0, err
	}
	l, err := parseNumber(f[3], 24)
	if err != nil {
		return 0, 0, 0, err
	}
	if l%TileHeight != 0 {
		return 0, 0, 0, malformed("set tile level %s", strconv.Quote(f[3]))
	}
	if n, err = parseNumber(f[4], maxSet); err != nil {
		return 0, 0, 0, err
	}
	return seq, int(l), n, nil
}

// setLevel is the number of nodes at a level of a set with size leaves.
func setLevel(size uint64, level int) uint64 {
	return (size + 1<<uint(level) - 1) >> uint(level)
}

// SetTileWidth says how many nodes the tile has in a set with size leaves; 0 if
// there is no such tile. A level at or above the root's has no tiles (except
// level 0): the root is in the head.
func SetTileWidth(size uint64, level int, n uint64) int {
	if level < 0 || level > 24 || level%TileHeight != 0 || (level > 0 && level >= DepthOf(size)) {
		return 0
	}
	nodes := setLevel(size, level)
	if n > nodes>>TileHeight {
		return 0
	}
	return int(min(nodes-n<<TileHeight, TileWidth))
}

// SetTile gives the bytes of a tile of a group: up to 256 nodes of 32 bytes.
func SetTile(g *semaphore.Group, level int, n uint64) ([]byte, error) {
	w := SetTileWidth(uint64(g.Size()), level, n)
	if w == 0 {
		return nil, malformed("no set tile %d/%d", level, n)
	}
	start := int(n) << TileHeight
	return MarshalLeaves(g.Nodes(level, start, w)), nil
}

// MarshalLeaves concatenates elements, 32 bytes each.
func MarshalLeaves(leaves []semaphore.Element) []byte {
	b := make([]byte, 0, 32*len(leaves))
	for _, e := range leaves {
		b = append(b, e[:]...)
	}
	return b
}

// ParseLeaves reads concatenated elements; each must be below r.
func ParseLeaves(b []byte) ([]semaphore.Element, error) {
	if len(b)%32 != 0 {
		return nil, malformed("leaves: %d bytes", len(b))
	}
	leaves := make([]semaphore.Element, 0, len(b)/32)
	for ; len(b) > 0; b = b[32:] {
		e, err := semaphore.ElementFromBytes(b[:32])
		if err != nil {
			return nil, fmt.Errorf("%w: leaf: %w", ErrMalformed, err)
		}
		leaves = append(leaves, e)
	}
	return leaves, nil
}

// SetPath makes the Merkle proof of the leaf at a position from set tiles, and
// checks them all against the root (of a head that the caller trusts). get is
// asked for at most four tiles, at levels 0, 8, 16, 24 in that order.
func SetPath(root semaphore.Element, size, position uint64, get func(level int, n uint64) ([]byte, error)) (semaphore.MerkleProof, error) {
	if size > maxSet || position >= size {
		return semaphore.MerkleProof{}, malformed("position %d of %d", position, size)
	}
	p := semaphore.MerkleProof{Root: root}
	depth := DepthOf(size)
	var node semaphore.Element
	for level := 0; level == 0 || level < depth; level += TileHeight {
		n := position >> uint(level) >> TileHeight
		raw, err := get(level, n)
		if err != nil {
			return semaphore.MerkleProof{}, fmt.Errorf("setlog: set tile %d/%d: %w", level, n, err)
		}
		nodes, err := ParseLeaves(raw)
		if err != nil {
			return semaphore.MerkleProof{}, err
		}
		if len(nodes) != SetTileWidth(size, level, n) {
			return semaphore.MerkleProof{}, malformed("set tile %d/%d has %d nodes", level, n, len(nodes))
		}
		i := int(position>>uint(level)) % TileWidth
		if level == 0 {
			p.Leaf = nodes[i]
		} else if nodes[i] != node {
			return semaphore.MerkleProof{}, fmt.Errorf("%w: set tile %d/%d", ErrProof, level, n)
		}
		for l := level; l < min(level+TileHeight, depth); l++ {
			// A node without a sibling is copied up and leaves no trace in the proof.
			if sibling := i ^ 1; sibling < len(nodes) {
				p.Index |= uint64(i&1) << uint(len(p.Siblings))
				p.Siblings = append(p.Siblings, nodes[sibling])
			}
			nodes, i = foldLevel(nodes), i>>1
		}
		node = nodes[0]
	}
	if node != root {
		return semaphore.MerkleProof{}, fmt.Errorf("%w: set tiles do not hash to the root", ErrProof)
	}
	return p, nil
}

// foldLevel hashes one level of a LeanIMT into the next.
func foldLevel(nodes []semaphore.Element) []semaphore.Element {
	up := make([]semaphore.Element, 0, (len(nodes)+1)/2)
	for i := 0; i < len(nodes); i += 2 {
		if i+1 == len(nodes) {
			up = append(up, nodes[i])
			break
		}
		up = append(up, semaphore.Hash2(nodes[i], nodes[i+1]))
	}
	return up
}
