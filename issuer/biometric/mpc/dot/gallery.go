package dot

import (
	"fmt"
)

// piece is how many entries the next piece of memory is for, when there are n: at
// least 64, 2.5 MB for 200 columns, and so many that large galleries lie in large
// pages and have little room to spare.
func piece(n int) int { return min(max(64, n/64), 4096) }

// Gallery is one party's shares of one eye of many people: 38,400 bytes an entry
// for 200 columns, and 24 more to find it. Entries lie in the gallery's own
// memory (Append) or in somebody else's, such as a mapped file (Place). It may
// be read by many goroutines, and written by one while nobody reads.
type Gallery struct {
	shape   Shape
	party   int
	entries [][]uint16
	room    []uint16 // what is left of the last piece of own memory
	pieces  int      // words of own memory
	others  int      // words that lie elsewhere
	nobody  []uint16 // what dropped places compare with
}

// NewGallery gives an empty gallery.
func NewGallery(shape Shape, party int) (*Gallery, error) {
	if err := shape.Check(); err != nil {
		return nil, err
	}
	if party < 0 || party > 2 {
		return nil, ErrParty
	}
	return &Gallery{shape: shape, party: party}, nil
}

// View gives a gallery over memory that is somebody else's: shares one after the
// other, without headers, beginning on a multiple of 64 bytes for full speed.
// Refresh and Wipe of its entries write to that memory.
func View(shape Shape, party int, words []uint16) (*Gallery, error) {
	g, err := NewGallery(shape, party)
	if err != nil {
		return nil, err
	}
	n := shape.Words()
	if len(words)%n != 0 {
		return nil, fmt.Errorf("%w: not a whole number of entries", ErrShape)
	}
	g.others = len(words)
	for ; len(words) > 0; words = words[n:] {
		g.entries = append(g.entries, words[:n:n])
	}
	return g, nil
}

// Shape gives the shape of the entries.
func (g *Gallery) Shape() Shape { return g.shape }

// Party gives the party whose shares these are.
func (g *Gallery) Party() int { return g.party }

// Len gives the number of entries, wiped and dropped ones included.
func (g *Gallery) Len() int { return len(g.entries) }

// Append copies s to the end and gives its place.
func (g *Gallery) Append(s Share) (int, error) {
	if s.shape != g.shape || s.party != g.party {
		return 0, fmt.Errorf("%w: a share of another shape or party", ErrShape)
	}
	n := g.shape.Words()
	if len(g.room) < n {
		g.room = aligned(piece(len(g.entries)) * n)
		largePages(g.room)
		g.pieces += len(g.room)
	}
	copy(g.room, s.words)
	g.entries, g.room = append(g.entries, g.room[:n:n]), g.room[n:]
	return len(g.entries) - 1, nil
}

// Place puts words that stay where they are at the end and gives their place:
// the words of one share, without a header, beginning on a multiple of 64 bytes
// for full speed. They must not change while they are compared. nil is a place
// that is dropped already.
func (g *Gallery) Place(words []uint16) (int, error) {
	switch {
	case words == nil:
		words = g.noWords()
	case len(words) != g.shape.Words():
		return 0, fmt.Errorf("%w: %d words of a share", ErrShape, len(words))
	default:
		g.others += len(words)
	}
	g.entries = append(g.entries, words[:len(words):len(words)])
	return len(g.entries) - 1, nil
}

// Drop forgets where entry i is: from then on the place is near to nobody, at
// all three parties. The memory is as it was.
func (g *Gallery) Drop(i int) { g.entries[i] = g.noWords() }

func (g *Gallery) noWords() []uint16 {
	if g.nobody == nil {
		g.nobody = aligned(g.shape.Words())
	}
	return g.nobody
}

// Entry gives the words of entry i; it is not a copy.
func (g *Gallery) Entry(i int) []uint16 { return g.entries[i] }

// Share gives entry i as a share; it is not a copy, so Refresh and Wipe of it are
// those of the entry. A wiped entry, at all three parties, compares nothing and
// is near to nobody.
func (g *Gallery) Share(i int) Share { return Share{g.shape, g.party, g.Entry(i)} }

// ShareOf gives words as a share of this shape and party; they are not copied.
func (s Shape) ShareOf(party int, words []uint16) (Share, error) {
	if err := s.Check(); err != nil {
		return Share{}, err
	}
	if party < 0 || party > 2 {
		return Share{}, ErrParty
	}
	if len(words) != s.Words() {
		return Share{}, fmt.Errorf("%w: %d words of a share", ErrShape, len(words))
	}
	return Share{s, party, words}, nil
}

// Snapshot gives the gallery as it is now: entries that come later are not in it.
// It may be read while entries are added, not while one is dropped or changed.
func (g *Gallery) Snapshot() *Gallery {
	return &Gallery{shape: g.shape, party: g.party, entries: g.entries[:len(g.entries):len(g.entries)]}
}

// Bytes gives the memory that the entries take, the gallery's reserve and the
// memory of others included.
func (g *Gallery) Bytes() int { return 2*(g.pieces+g.others) + 24*len(g.entries) }
