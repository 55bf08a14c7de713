package dot

import (
	"fmt"
)

// steps say how a kernel walks: windows of 8 columns, and by how many bytes the
// query and the entry advance to the next window and to the next plane.
type steps struct{ windows, query, entry, planes, queryPlane, entryPlane int }

const (
	columnBytes = 2 * columnWords
	windowBytes = wideWindow * columnBytes
	blockBytes  = blockColumns * columnBytes
)

// tile is how many entries are compared with all queries before the next: what
// they share then stays in the caches.
const tile = 4

// Walk computes the sums of every query with every entry from first to last-1
// and gives them to found, in order of entries and then of queries. All queries
// and entries belong to the same party and have the same shape. The sums are
// only valid during the call.
//
// Entries stream from memory once however many queries there are, and part of
// the work is done once for all of them: two queries at a time, such as both
// orientations of an eye, are already faster than one by one, eight are best.
// Walk computes on the calling goroutine and does not block.
func Walk(queries []*Query, g *Gallery, first, last int, found func(entry, query int, s *Sums)) error {
	if first < 0 || last > g.Len() || first > last {
		return fmt.Errorf("%w: no entries %d to %d", ErrShape, first, last)
	}
	if len(queries) == 0 {
		return nil
	}
	for _, q := range queries {
		if q.shape != g.shape || q.party != g.party || q.tier != queries[0].tier {
			return fmt.Errorf("%w: a query of another shape or party", ErrShape)
		}
	}
	w := newWalker(queries, g)
	for at := first; at < last; at += tile {
		n := min(tile, last-at)
		w.tile(at, n, last)
		for k := range n {
			for i := range queries {
				found(at+k, i, &w.sums[k*len(queries)+i])
			}
		}
	}
	return nil
}

type walker struct {
	queries []*Query
	gallery *Gallery
	tier    tier
	shape   Shape
	sums    []Sums
	scratch [tile][]uint16
	code    []partial
	mask    []partial
}

func newWalker(queries []*Query, g *Gallery) *walker {
	w := &walker{queries: queries, gallery: g, tier: queries[0].tier, shape: g.shape}
	w.sums = make([]Sums, tile*len(queries))
	if karatsuba(w.shape, w.tier) {
		w.code, w.mask = make([]partial, len(w.sums)), make([]partial, len(w.sums))
		for k := range w.scratch {
			w.scratch[k] = aligned((sumsEnd - sumAll) * w.apart() / 2)
		}
	}
	return w
}

// blocks gives the number of blocks of 32 columns; what is left over are whole
// windows.
func (w *walker) blocks() int { return w.shape.Columns / blockColumns }

// apart is the distance of the kinds of sums in scratch, in bytes.
func (w *walker) apart() int { return w.shape.planes() * w.blocks() * windowBytes }

// tile fills sums for n entries.
func (w *walker) tile(at, n, last int) {
	switch {
	case w.tier == pureGo:
		for k := range n {
			for i, q := range w.queries {
				q.pure(w.gallery.Entry(at+k), &w.sums[k*len(w.queries)+i])
			}
		}
	case karatsuba(w.shape, w.tier):
		w.fast(at, n, last)
	default:
		for k := range n {
			for i, q := range w.queries {
				w.plain(q, w.gallery.Entry(at+k), &w.sums[k*len(w.queries)+i])
			}
		}
	}
}

// plain computes all rotations of an entry, with digits or without.
func (w *walker) plain(q *Query, entry []uint16, out *Sums) {
	n, ext := w.shape.plane(), w.shape.extended()*columnWords
	s := steps{w.shape.Columns / wideWindow, windowBytes, windowBytes, 1, 2 * ext, 2 * n}
	two := s
	two.planes = 2
	var sums [outs]uint32
	for from := 0; from < turnCount; from += outs {
		plane := func(p int) []uint16 { return q.plane(p)[from*columnWords:] }
		w.tier.window(plane(planeRe), entry, &two, &entry[0], 0, &sums)
		for i, v := range sums {
			out.Code[from+i] = uint16(v) // #nosec G115 -- modulo 2^16
		}
		w.tier.window(plane(planeMask), entry[planeMask*n:], &s, &entry[0], 0, &sums)
		copy(out.Mask[from:], sums[:])
		if !w.shape.Exact {
			for i := range outs {
				out.Mask[from+i] &= 0xffff
			}
			continue
		}
		for _, p := range [2]int{planeMask, planeHigh} {
			w.tier.window(plane(planeMask+planeHigh-p), entry[p*n:], &s, &entry[0], 0, &sums)
			for i, v := range sums {
				out.Mask[from+i] += v << 16
			}
		}
	}
}

// fast computes all rotations of n entries for all queries by Karatsuba's
// method, and fetches the next ones meanwhile.
func (w *walker) fast(at, n, last int) {
	blocks, planeWords := w.blocks(), w.shape.plane()
	var entries, next [tile][]uint16
	for k := range n {
		entries[k] = w.gallery.Entry(at + k)
		next[k] = w.gallery.Entry(min(at+k+tile, last-1))
		for p := range w.shape.planes() {
			w.tier.sums(entries[k][p*planeWords:], w.scratch[k][p*blocks*windowBytes/2:], blocks, w.apart())
		}
	}
	ext := w.shape.extended() * columnBytes
	raw := steps{blocks, blockBytes, blockBytes, 2, ext, 2 * planeWords}
	sum := steps{blocks, blockBytes, windowBytes, 2, ext, blocks * windowBytes}
	for l, leaf := range leaves() {
		for kind, partials := range [2][]partial{w.code, w.mask} {
			planes, from := 2, planeRe
			if kind == 1 {
				planes, from = 1, planeMask
			}
			raw.planes, sum.planes = planes, planes
			for i, q := range w.queries {
				query := q.sequence(leaf.sequence)[from*ext/2+leaf.from*columnWords:]
				for k := range n {
					s, entry := &raw, entries[k]
					if leaf.entry < sumAll {
						entry = entry[from*planeWords+leaf.entry*windowBytes/2:]
					} else {
						s, entry = &sum, w.scratch[k][((leaf.entry-sumAll)*w.apart()+from*blocks*windowBytes)/2:]
					}
					ahead, step := w.ahead(next[k], l, kind, i)
					w.tier.window(query, entry, s, ahead, step, &partials[k*len(w.queries)+i][l])
				}
			}
		}
	}
	w.rest(n, entries)
	for j := range n * len(w.queries) {
		out := &w.sums[j]
		w.code[j].combine(func(i int, v uint32) { out.Code[i] = uint16(v) })  // #nosec G115 -- modulo 2^16
		w.mask[j].combine(func(i int, v uint32) { out.Mask[i] = v & 0xffff }) // modulo 2^16
	}
}

// ahead gives which part of the next entry to fetch during a call: the first
// query's calls, of which there are 27 windows for each block of 32 columns of
// 96 lines, fetch four lines each.
func (w *walker) ahead(next []uint16, l, kind, query int) (*uint16, int) {
	const fetched = 4 * columnBytes
	from := (3*l + 2*kind) * w.blocks() * fetched / 2
	if query > 0 || from >= len(next) {
		return &next[0], 0
	}
	return &next[from], fetched
}

// rest adds the columns past the last block, without Karatsuba's method.
func (w *walker) rest(n int, entries [tile][]uint16) {
	done := w.blocks() * blockColumns
	ext, planeWords := w.shape.extended()*columnBytes, w.shape.plane()
	s := steps{(w.shape.Columns - done) / wideWindow, windowBytes, windowBytes, 2, ext, 2 * planeWords}
	if s.windows == 0 {
		return
	}
	for group := range turnCount / outs {
		for kind, partials := range [2][]partial{w.code, w.mask} {
			s.planes = 2 - kind
			from := kind * planeMask
			for i, q := range w.queries {
				query := q.words[from*ext/2+(done+group*outs)*columnWords:]
				for k := range n {
					entry := entries[k][from*planeWords+done*columnWords:]
					w.tier.window(query, entry, &s, &entry[0], 0, &partials[k*len(w.queries)+i][9+group])
				}
			}
		}
	}
}
