package setlog

import (
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Audit reads a whole log from its entry bundles and checks everything that an
// outsider can: the checkpoint's signature, that the entries hash to its tree,
// and that they rebuild the set with the logged root at every sequence number.
// It returns the replayed set. Memory is about 200 bytes an entry and the set.
func Audit(signedCheckpoint []byte, v note.Verifier, fetch Fetch) (*Replay, error) {
	c, err := OpenCheckpoint(signedCheckpoint, v)
	if err != nil {
		return nil, err
	}
	replay := &Replay{}
	var hashes Hashes
	tree := tlog.Tree{}
	// Entries are hashed here and compared at the end, so no tile is needed.
	for tree.N < c.Size {
		tile := tlog.Tile{H: TileHeight, L: EntriesLevel, N: tree.N / TileWidth, W: int(min(TileWidth, c.Size-tree.N))}
		data, err := fetchTile(tile, 2+RecordSize, fetch)
		if err != nil {
			return nil, fmt.Errorf("setlog: audit: %s: %w", TilePath(tile), err)
		}
		entries, err := ParseEntryBundle(data)
		if err != nil {
			return nil, err
		}
		if len(entries) != tile.W {
			return nil, fmt.Errorf("%w: %s has %d entries", ErrProof, TilePath(tile), len(entries))
		}
		var more []tlog.Hash
		if more, tree, err = Append(tree.N, entries, hashes); err != nil {
			return nil, err
		}
		hashes = append(hashes, more...)
		if err := replay.Apply(entries...); err != nil {
			return nil, err
		}
	}
	if err := replay.Finish(); err != nil {
		return nil, err
	}
	if c.Size > 0 && tree.Hash != c.Hash {
		return nil, fmt.Errorf("%w: the entries hash to another tree than the checkpoint signs", ErrProof)
	}
	return replay, nil
}
