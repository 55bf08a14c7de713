package setlog

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// TileHeight and TileWidth are those of C2SP tlog-tiles.
	TileHeight = 8
	TileWidth  = 1 << TileHeight
	// EntriesLevel is the level of a tile that holds records, as in tlog.
	EntriesLevel = -1
	// MaxBundle is the size of a full entry bundle.
	MaxBundle = TileWidth * (2 + RecordSize)
)

// TilePath gives the path of a tile below the log's prefix, as tlog-tiles has
// it: "tile/<L>/<N>[.p/<W>]", or "tile/entries/<N>[.p/<W>]" for EntriesLevel,
// where 1234067 is written x001/x234/067. t.H must be TileHeight.
func TilePath(t tlog.Tile) string {
	// tlog writes tile/<H>/<L>/..., with "data" for the level of records.
	rest := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", t.H))
	if t.L == EntriesLevel {
		return "tile/entries/" + strings.TrimPrefix(rest, "data/")
	}
	return "tile/" + rest
}

// ParseTilePath reads what TilePath writes and nothing else.
func ParseTilePath(path string) (tlog.Tile, error) {
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok || len(path) > 64 {
		return tlog.Tile{}, malformed("tile path")
	}
	if r, ok := strings.CutPrefix(rest, "entries/"); ok {
		rest = "data/" + r
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", TileHeight, rest))
	if err != nil || t.L > 63 || t.N > maxLog || TilePath(t) != path {
		return tlog.Tile{}, malformed("tile path")
	}
	return t, nil
}

// TileIn reports whether a log of the given size has the tile, full or as the
// partial tile of exactly that width at some earlier or this size.
func TileIn(t tlog.Tile, size int64) bool {
	level := max(t.L, 0)
	if t.H != TileHeight || t.N < 0 || t.W < 1 || t.W > TileWidth || level*TileHeight > 40 {
		return false
	}
	n := size >> (uint(level) * TileHeight) // nodes at this level
	return t.N<<TileHeight+int64(t.W) <= n
}

// TileData gives the bytes of a hash tile of a log of the given size.
func TileData(t tlog.Tile, size int64, r tlog.HashReader) ([]byte, error) {
	if t.L < 0 || !TileIn(t, size) {
		return nil, fmt.Errorf("%w: no tile %s at size %d", ErrProof, TilePath(t), size)
	}
	return tlog.ReadTileData(t, r)
}

// EntryBundle encodes consecutive entries as tlog-tiles has it: each record
// behind its length as a u16.
func EntryBundle(entries []Entry) ([]byte, error) {
	if len(entries) == 0 || len(entries) > TileWidth {
		return nil, malformed("bundle of %d entries", len(entries))
	}
	b := make([]byte, 0, len(entries)*(2+RecordSize))
	for _, e := range entries {
		if err := e.Validate(); err != nil {
			return nil, err
		}
		b = binary.BigEndian.AppendUint16(b, uint16(RecordSize))
		b = append(b, e.Record()...)
	}
	return b, nil
}

// ParseEntryBundle reads a bundle of 1 to 256 entries.
func ParseEntryBundle(b []byte) ([]Entry, error) {
	const width = 2 + RecordSize
	if len(b) == 0 || len(b) > MaxBundle || len(b)%width != 0 {
		return nil, malformed("bundle of %d bytes", len(b))
	}
	entries := make([]Entry, 0, len(b)/width)
	for ; len(b) > 0; b = b[width:] {
		if int(binary.BigEndian.Uint16(b)) != RecordSize {
			return nil, malformed("bundle: record length")
		}
		e, err := ParseRecord(b[2:width])
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}
