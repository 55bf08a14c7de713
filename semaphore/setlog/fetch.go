package setlog

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Fetch gets one static file of a log by its path below the log's prefix, for
// example "tile/0/x001/234.p/17". It may block; what it returns is not trusted.
type Fetch func(path string) ([]byte, error)

// TreeReader reads stored hashes of a signed tree out of the log's tiles. Every
// hash it returns was checked against the tree's hash. Tiles are fetched once
// per reader; if a partial tile is gone, the full one is tried.
func TreeReader(tree tlog.Tree, fetch Fetch) tlog.HashReader {
	return tlog.TileHashReader(tree, &tiles{fetch: fetch, have: make(map[tlog.Tile][]byte)})
}

// tiles is a tlog.TileReader over a Fetch.
type tiles struct {
	fetch Fetch
	have  map[tlog.Tile][]byte
}

func (t *tiles) Height() int { return TileHeight }

func (t *tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(want))
	for i, tile := range want {
		data, err := t.get(tile)
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%w: tile %s has %d bytes", ErrProof, TilePath(tile), len(data))
		}
		out[i] = data
	}
	return out, nil
}

// SaveTiles is called with tiles that were checked against the tree.
func (t *tiles) SaveTiles(got []tlog.Tile, data [][]byte) {
	for i, tile := range got {
		t.have[tile] = data[i]
	}
}

func (t *tiles) get(tile tlog.Tile) ([]byte, error) {
	if data, ok := t.have[tile]; ok {
		return data, nil
	}
	return fetchTile(tile, tlog.HashSize, t.fetch)
}

// fetchTile fetches a tile of items with a fixed width. A log may drop a partial
// tile once the full one is there (tlog-tiles, "Partial Tiles").
func fetchTile(tile tlog.Tile, width int, fetch Fetch) ([]byte, error) {
	data, err := fetch(TilePath(tile))
	if err == nil || tile.W == TileWidth {
		return data, err
	}
	w := tile.W
	tile.W = TileWidth
	full, fullErr := fetch(TilePath(tile))
	if fullErr != nil || len(full) != TileWidth*width {
		return nil, err
	}
	return full[:w*width], nil
}

// EntryReader reads entries of a signed tree and checks each against it.
type EntryReader struct {
	tree    tlog.Tree
	hashes  tlog.HashReader
	fetch   Fetch
	bundles map[int64][]Entry
}

// NewEntryReader makes a reader of the log's entries under a signed tree.
func NewEntryReader(tree tlog.Tree, fetch Fetch) *EntryReader {
	return &EntryReader{tree, TreeReader(tree, fetch), fetch, make(map[int64][]Entry)}
}

// Entry gives the entry at an index.
func (r *EntryReader) Entry(index int64) (Entry, error) {
	if index < 0 || index >= r.tree.N {
		return Entry{}, fmt.Errorf("%w: entry %d of %d", ErrProof, index, r.tree.N)
	}
	n := index / TileWidth
	bundle, ok := r.bundles[n]
	if !ok {
		var err error
		if bundle, err = r.bundle(n); err != nil {
			return Entry{}, err
		}
		r.bundles[n] = bundle
	}
	e := bundle[index%TileWidth]
	hashes, err := r.hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	if hashes[0] != tlog.RecordHash(e.Record()) {
		return Entry{}, fmt.Errorf("%w: entry %d is not the logged one", ErrProof, index)
	}
	return e, nil
}

func (r *EntryReader) bundle(n int64) ([]Entry, error) {
	tile := tlog.Tile{H: TileHeight, L: EntriesLevel, N: n, W: int(min(TileWidth, r.tree.N-n*TileWidth))}
	data, err := fetchTile(tile, 2+RecordSize, r.fetch)
	if err != nil {
		return nil, err
	}
	entries, err := ParseEntryBundle(data)
	if err != nil {
		return nil, err
	}
	if len(entries) != tile.W {
		return nil, fmt.Errorf("%w: bundle %d has %d entries", ErrProof, n, len(entries))
	}
	return entries, nil
}

// FindSeq finds an entry of the batch with a sequence number, and its index. It
// searches back from the end of the log, where the wanted roots are.
func (r *EntryReader) FindSeq(seq uint64) (Entry, int64, error) {
	hi := r.tree.N - 1 // invariant: the entry at hi has a seq >= the wanted one
	lo := hi
	for step := int64(TileWidth / 4); ; step *= 2 {
		e, err := r.Entry(lo)
		if err != nil {
			return Entry{}, 0, err
		}
		if e.Seq == seq {
			return e, lo, nil
		}
		if e.Seq < seq {
			break
		}
		if hi = lo; lo == 0 {
			break
		}
		lo = max(lo-step, 0)
	}
	for lo < hi {
		mid := lo + (hi-lo)/2
		e, err := r.Entry(mid)
		if err != nil {
			return Entry{}, 0, err
		}
		switch {
		case e.Seq == seq:
			return e, mid, nil
		case e.Seq < seq:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return Entry{}, 0, fmt.Errorf("%w: no entry has sequence number %d", ErrProof, seq)
}
