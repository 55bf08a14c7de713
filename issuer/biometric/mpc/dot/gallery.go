package dot

import (
	"fmt"
)

// chunk is how many entries are put into one piece of memory.
const chunk = 64

// Gallery is one party's shares of one eye of many people, in memory: 38,400
// bytes an entry for 200 columns, and nothing else but the unused part of the
// last 64. It may be read by many goroutines, and written by one while nobody
// reads.
type Gallery struct {
	shape  Shape
	party  int
	n      int
	chunks [][]uint16
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

// View gives a gallery over memory that is somebody else's, such as a mapped
// file: shares one after the other, without headers, beginning on a multiple of
// 64 bytes for full speed. Nothing can be appended to it; Refresh and Wipe of its
// entries write to that memory.
func View(shape Shape, party int, words []uint16) (*Gallery, error) {
	g, err := NewGallery(shape, party)
	if err != nil {
		return nil, err
	}
	if len(words)%shape.Words() != 0 {
		return nil, fmt.Errorf("%w: not a whole number of entries", ErrShape)
	}
	g.n = len(words) / shape.Words()
	for size := chunk * shape.Words(); len(words) > 0; words = words[min(size, len(words)):] {
		n := min(size, len(words))
		g.chunks = append(g.chunks, words[:n:n])
	}
	return g, nil
}

// Shape gives the shape of the entries.
func (g *Gallery) Shape() Shape { return g.shape }

// Party gives the party whose shares these are.
func (g *Gallery) Party() int { return g.party }

// Len gives the number of entries, wiped ones included.
func (g *Gallery) Len() int { return g.n }

// Append copies s to the end and gives its place.
func (g *Gallery) Append(s Share) (int, error) {
	if s.shape != g.shape || s.party != g.party {
		return 0, fmt.Errorf("%w: a share of another shape or party", ErrShape)
	}
	at := g.n % chunk
	if at == 0 {
		g.chunks = append(g.chunks, aligned(chunk*g.shape.Words()))
	}
	last := g.chunks[len(g.chunks)-1]
	if len(last) != chunk*g.shape.Words() {
		return 0, fmt.Errorf("%w: the gallery is a view", ErrShape)
	}
	copy(last[at*g.shape.Words():], s.words)
	g.n++
	return g.n - 1, nil
}

// Entry gives the words of entry i; it is not a copy.
func (g *Gallery) Entry(i int) []uint16 {
	n := g.shape.Words()
	return g.chunks[i/chunk][i%chunk*n:][:n:n]
}

// Share gives entry i as a share; it is not a copy, so Refresh and Wipe of it are
// those of the entry. A wiped entry, at all three parties, compares nothing and
// is near to nobody.
func (g *Gallery) Share(i int) Share { return Share{g.shape, g.party, g.Entry(i)} }

// Bytes gives the memory that the entries take, the reserve included.
func (g *Gallery) Bytes() int {
	n := 0
	for _, c := range g.chunks {
		n += 2 * len(c)
	}
	return n
}
