package dot

import (
	"fmt"
	"unsafe"
)

// steps say how a kernel walks: windows of 8 columns, and by how many bytes the
// query and the entry advance to the next window and to the next plane.
type steps struct{ windows, query, entry, planes, queryPlane, entryPlane int }

const (
	columnBytes = 2 * columnWords
	windowBytes = wideWindow * columnBytes
	blockBytes  = blockColumns * columnBytes
)

// tile is how many entries meet a query at a time, which they then share in the
// first-level cache; run is how many go through one plane with all queries before
// the next plane, so that a plane of the queries stays in the second.
const (
	tile = 8
	run  = 3 * tile
)

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
	for at := first; at < last; at += run {
		n := min(run, last-at)
		w.run(at, n, last)
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
	plan    plan
	sums    []Sums
	now     [tile][]uint16 // entries that are compared
	next    [tile]*uint16  // what is fetched meanwhile
	scratch [tile][]uint16 // sums of quarters of now
	code    []partial
	mask    []partial
}

func newWalker(queries []*Query, g *Gallery) *walker {
	w := &walker{queries: queries, gallery: g, tier: queries[0].tier, shape: g.shape}
	w.sums = make([]Sums, run*len(queries))
	if karatsuba(w.shape, w.tier) {
		w.plan = newPlan(w.shape, w.tier)
		w.code, w.mask = make([]partial, len(w.sums)), make([]partial, len(w.sums)) // by query, then entry
		for k := range w.scratch {
			w.scratch[k] = aligned((sumsEnd - sumAll) * w.plan.blocks * windowBytes / 2)
		}
	}
	return w
}

// run fills sums for n entries.
func (w *walker) run(at, n, last int) {
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
	for from := 0; from < turnCount; from += outs {
		plane := func(p int) []uint16 { return q.plane(p)[from*columnWords:] }
		var sums [outs]uint32
		w.tier.window(plane(planeRe), entry, &two, &entry[0], 0, &sums)
		for i, v := range sums {
			out.Code[from+i] = uint16(v) // #nosec G115 -- modulo 2^16
		}
		sums = [outs]uint32{}
		w.tier.window(plane(planeMask), entry[planeMask*n:], &s, &entry[0], 0, &sums)
		copy(out.Mask[from:], sums[:])
		if !w.shape.Exact {
			for i := range outs {
				out.Mask[from+i] &= 0xffff
			}
			continue
		}
		sums = [outs]uint32{}
		for _, p := range [2]int{planeMask, planeHigh} {
			w.tier.window(plane(planeMask+planeHigh-p), entry[p*n:], &s, &entry[0], 0, &sums)
		}
		for i, v := range sums {
			out.Mask[from+i] += v << 16
		}
	}
}

// fast computes all rotations of n entries for all queries by Karatsuba's
// method, and fetches the next ones meanwhile. One plane after the other, so that
// what a product takes of the entries and of a query stays in the first-level
// cache.
func (w *walker) fast(at, n, last int) {
	clear(w.code)
	clear(w.mask)
	for plane := range w.shape.planes() {
		partials := w.code
		if plane == planeMask {
			partials = w.mask
		}
		for from := 0; from < n; from += tile {
			entries := w.entries(at+from, min(tile, n-from))
			var next [tile]*uint16
			for k := range entries {
				next[k] = w.after(at, n, last, from+k, plane)
			}
			w.products(plane, entries, &next, partials[from:])
		}
	}
	var all [turnCount]uint32
	for i := range w.queries {
		for k := range n {
			out := &w.sums[k*len(w.queries)+i]
			w.code[i*run+k].combine(&all)
			for j, v := range all {
				out.Code[j] = uint16(v) // #nosec G115 -- modulo 2^16
			}
			w.mask[i*run+k].combine(&all)
			for j, v := range all {
				out.Mask[j] = v & 0xffff
			}
		}
	}
}

// entries gives n entries.
func (w *walker) entries(at, n int) [][]uint16 {
	for k := range n {
		w.now[k] = w.gallery.Entry(at + k)
	}
	return w.now[:n]
}

// after gives the plane that comes a tile later than a plane of entry k of a run:
// of the same run, of its next plane, or of the next run.
func (w *walker) after(at, n, last, k, plane int) *uint16 {
	if k += tile; k >= n {
		k %= tile
		if plane++; plane == w.shape.planes() {
			at, plane = at+n, 0
		}
	}
	return &w.gallery.Entry(min(at+k, last-1))[plane*w.shape.plane()]
}

// products adds all leaves of one plane; the columns past the last block of both
// code planes come with the first.
func (w *walker) products(plane int, entries [][]uint16, next *[tile]*uint16, partials []partial) {
	p := &w.plan
	apart, words := p.blocks*windowBytes, w.shape.plane()
	for k, e := range entries {
		w.tier.sums(e[plane*words:], w.scratch[k], p.blocks, apart)
	}
	for l, leaf := range p.leaves {
		windows, step := p.of(l)
		if windows == 0 || leaf.entry == past && plane == planeIm {
			continue
		}
		s := steps{windows, p.columns * columnBytes, step * columnBytes, 1, 0, 2 * words}
		if leaf.entry == past && plane == planeRe {
			s.planes, s.queryPlane = 2, 2*(p.query(planeIm, l)-p.query(planeRe, l))
		}
		var at [tile]*uint16
		for k, e := range entries {
			switch {
			case leaf.entry < sumAll:
				at[k] = &e[plane*words+leaf.entry*windowBytes/2]
			case leaf.entry < sumsEnd:
				s.entry = windowBytes
				at[k] = &w.scratch[k][(leaf.entry-sumAll)*apart/2]
			default:
				at[k] = &e[plane*words+p.blocks*blockBytes/2]
			}
		}
		ahead, fetch := next, 0
		if l < products9 {
			ahead, fetch = w.ahead(next, l)
		}
		for i, q := range w.queries {
			w.tier.leaf(&q.turns[p.query(plane, l)], &at, ahead, len(entries), &s, fetch, partials[i*run:], l)
			fetch = 0 // the others find it there
		}
	}
}

// ahead gives which part of the next planes to fetch while product l is computed,
// and by how many bytes a window advances: each window of each of the nine fetches
// four lines, and a block of 32 columns has 32.
func (w *walker) ahead(next *[tile]*uint16, l int) (from *[tile]*uint16, step int) {
	const fetched = 4 * columnBytes
	off := l * w.plan.blocks * fetched
	if off >= 2*w.shape.plane() {
		return next, 0
	}
	for k, p := range next {
		if p != nil {
			w.next[k] = (*uint16)(unsafe.Add(unsafe.Pointer(p), off)) // #nosec G103 -- within the plane
		}
	}
	return &w.next, fetched
}
