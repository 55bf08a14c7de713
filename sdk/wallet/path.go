package wallet

import (
	"context"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	// smallSet is the largest set whose leaves are fetched whole: 128 KiB, and
	// 4095 hashes to compute.
	smallSet = 1 << 12
	// largeLeaves bounds the leaves fetched whole when there is no other way: the
	// position is not known, or the crowd in the tiles is too small. 32 MiB.
	largeLeaves = 1 << 20
)

// crowdTiles gives the level-0 tiles [first, end) that a wallet at a position
// fetches out of a set of size leaves. They follow from public numbers, and
// everybody in the block fetches the same ones, so the requests say no more than
// "somebody of these". Blocks are pairs of tiles, so that a few removals do not
// leave fewer than 256; a last pair that is not full joins the block before it,
// because few people stand at the edge, and they are the newest.
func crowdTiles(size, position uint64) (first, end uint64) {
	const pair = 2 * setlog.TileWidth
	blocks := max(size/pair, 1)
	b := min(position/pair, blocks-1)
	if b == blocks-1 {
		return 2 * b, (size + setlog.TileWidth - 1) / setlog.TileWidth
	}
	return 2 * b, 2*b + 2
}

// membership is a position in a set and the path from it, and how many live
// members stand behind the same requests.
type membership struct {
	position uint64
	path     semaphore.MerkleProof
	crowd    uint64
}

// locate finds the commitment in the set of a head that the follower accepted.
// hint is where it stood last time, if known. It never asks for one leaf.
func (w *Wallet) locate(ctx context.Context, h setlog.Head, commitment semaphore.Element, hint *uint64) (membership, error) {
	if h.Size > smallSet && hint != nil && *hint < h.Size {
		m, err := w.fromTiles(ctx, h, *hint)
		switch {
		case err == nil && m.path.Leaf != commitment:
			return m, refuse(NotMember, "another leaf stands at this identity's position")
		case err != nil || m.crowd >= min(w.cfg.MinCrowd, h.Live):
			return m, err
		}
		// The block has lost many members: fall back to the whole set.
	}
	return w.fromLeaves(ctx, h, commitment)
}

// fromLeaves builds the whole tree.
func (w *Wallet) fromLeaves(ctx context.Context, h setlog.Head, commitment semaphore.Element) (membership, error) {
	if h.Size > largeLeaves {
		return membership{}, refuse(NotMember, fmt.Sprintf("the position of this identity is not known, and the set of %d is too large to fetch whole", h.Size))
	}
	raw, err := w.cfg.Source.Leaves(ctx, h.Seq)
	if err != nil {
		return membership{}, wrap(SourceUnavailable, "leaves", err)
	}
	leaves, err := setlog.ParseLeaves(raw)
	if err != nil {
		return membership{}, wrap(RootUnproven, "leaves", err)
	}
	var live uint64
	for _, l := range leaves {
		if !l.IsZero() {
			live++
		}
	}
	if uint64(len(leaves)) != h.Size || live != h.Live {
		return membership{}, refuse(RootUnproven, "the leaves are not as many as the head says")
	}
	group, err := semaphore.NewGroup(leaves...)
	if err != nil {
		return membership{}, wrap(RootUnproven, "leaves", err)
	}
	if group.Root() != h.Root {
		return membership{}, refuse(RootUnproven, "the leaves are not under the root")
	}
	i := group.IndexOf(commitment)
	if i < 0 {
		return membership{}, refuse(NotMember, "this identity is not in the set")
	}
	path, err := group.Proof(i)
	if err != nil {
		return membership{}, wrap(Internal, "path", err)
	}
	return membership{position: uint64(i), path: path, crowd: live}, nil
}

// fromTiles fetches the tiles of the crowd around a position and checks each of
// them against the root. With up to 16 million leaves these are four tiles; at
// the edge of the set up to two more.
func (w *Wallet) fromTiles(ctx context.Context, h setlog.Head, position uint64) (membership, error) {
	type key struct {
		level int
		n     uint64
	}
	var unreachable error
	cache := make(map[key][]byte)
	get := func(level int, n uint64) ([]byte, error) {
		if b, ok := cache[key{level, n}]; ok {
			return b, nil
		}
		b, err := w.cfg.Source.SetTile(ctx, h.Seq, level, n)
		if err != nil {
			unreachable = err
			return nil, err
		}
		cache[key{level, n}] = b
		return b, nil
	}
	check := func(pos uint64) (semaphore.MerkleProof, error) {
		p, err := setlog.SetPath(h.Root, h.Size, pos, get)
		if unreachable != nil {
			return p, wrap(SourceUnavailable, "set tiles", unreachable)
		} else if err != nil {
			return p, wrap(RootUnproven, "set tiles", err)
		}
		return p, nil
	}
	m := membership{position: position}
	first, end := crowdTiles(h.Size, position)
	for n := first; n < end; n++ {
		if _, err := check(n * setlog.TileWidth); err != nil {
			return m, err
		}
		nodes, err := setlog.ParseLeaves(cache[key{0, n}])
		if err != nil {
			return m, wrap(RootUnproven, "set tiles", err)
		}
		for _, node := range nodes {
			if !node.IsZero() {
				m.crowd++
			}
		}
	}
	var err error
	m.path, err = check(position)
	return m, err
}

// source adapts the wallet's Source to what a follower asks for.
func logTiles(ctx context.Context, s Source) func(path string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		b, err := s.File(ctx, path)
		if err != nil {
			return nil, errors.Join(errSource, err)
		}
		return b, nil
	}
}

// errSource marks a failure to fetch, so that it is not taken for a lie.
var errSource = errors.New("wallet: source")
