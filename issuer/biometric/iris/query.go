package iris

// Query is a template made ready to be compared with many entries in all
// rotations. A rotation is an offset into a run of columns that goes on past
// the seam; two copies, one shifted by a column, keep every offset on a word
// for the tier that reads words. All of it is 5.6 KB for 200 columns, so it
// stays in the first-level cache while entries stream through. A Query is
// read-only and safe for concurrent use.
type Query struct {
	cols   int
	tier   tier
	length int         // words of a plane
	words  [2][]uint64 // by parity of the offset: re, im, mask
}

// NewQuery prepares t.
func NewQuery(t Template) *Query { return newQuery(t, bestTier()) }

func newQuery(t Template, with tier) *Query {
	q := &Query{cols: t.cols, tier: with}
	if t.cols == 0 {
		return q
	}
	// Kernels read whole registers of every rotation: past the columns there
	// is what the entry's empty mask hides.
	q.length = span(t.cols) + MaxRotation + 1
	for odd := range 2 {
		q.words[odd] = make([]uint64, planes*q.length)
		for p := range planes {
			plane := q.plane(odd, p)
			for j := range 2 * q.length {
				setColumn(plane, j, t.column(p, (j+odd-MaxRotation+t.cols)%t.cols))
			}
		}
	}
	return q
}

func (q *Query) plane(odd, p int) []uint64 { return q.words[odd][p*q.length:][:q.length] }

// Columns gives the number of columns of the query.
func (q *Query) Columns() int { return q.cols }

// At gives the distance to e of the query rotated by by (Template.Rotate), which
// is -15..15. Shapes that differ compare nothing.
func (q *Query) At(e Template, by int) Distance {
	if q.cols != e.cols || q.cols == 0 || by < -MaxRotation || by > MaxRotation {
		return Distance{}
	}
	at := MaxRotation - by
	diff, common := compare(q.plane(at&1, re)[at/2:], q.plane(at&1, im)[at/2:], q.plane(at&1, mask)[at/2:], e)
	return Distance{diff, 2 * common}
}

// Min gives the least distance to e over all rotations, and the rotation. Of
// equal ones it is the lowest.
func (q *Query) Min(e Template) (Distance, int) {
	best, _ := q.two(e, e, e, e, 1)
	return best.distance, best.rotation
}

// Walk gives Min of n entries in turn. Vector kernels read the query once for
// two entries and fetch the next two meanwhile, so this is how to go through
// many: some .7 us an entry where Min takes twice that. entry(i) is asked for
// more than once.
func (q *Query) Walk(n int, entry func(i int) Template, found func(i int, d Distance, rotation int)) {
	last := n - 1
	for i := 0; i < n; i += 2 {
		x, y := q.two(entry(i), entry(min(i+1, last)), entry(min(i+2, last)), entry(min(i+3, last)), min(2, n-i))
		found(i, x.distance, x.rotation)
		if i < last {
			found(i+1, y.distance, y.rotation)
		}
	}
}

// least is a minimum over rotations.
type least struct {
	distance Distance
	rotation int
}

// two gives the minima of two entries, or of the first alone. The next two are
// only fetched.
func (q *Query) two(a, b, nextA, nextB Template, n int) (x, y least) {
	if q.tier == pureGo || q.cols == 0 || a.cols != q.cols || b.cols != q.cols {
		if x = q.one(a); n == 2 {
			y = q.one(b)
		}
		return x, y
	}
	if nextA.cols != q.cols || nextB.cols != q.cols {
		nextA, nextB = a, b
	}
	var out counts
	q.kernel(a, b, nextA, nextB, n, &out)
	return out.least()
}

func (q *Query) one(e Template) (best least) {
	for by := -MaxRotation; by <= MaxRotation; by++ {
		if d := q.At(e, by); d.Less(best.distance) {
			best = least{d, by}
		}
	}
	return best
}

// counts is what a kernel gives for two entries: at [2*offset+entry] the
// different bits in the low and the common mask bits in the high half of a
// word. Kernels may fill one offset more than there are rotations.
type counts [2 * (Rotations + 1)]uint64

// least finds the minima of both entries, side by side because each waits for
// its own products. Those stay below 2^32: there are at most 2^15 mask bits
// (1,024 columns) and twice as many code bits.
func (c *counts) least() (x, y least) {
	// Nothing compared is what everything comes before.
	a, b := uint64(1), uint64(1)
	atA, atB := MaxRotation, MaxRotation
	for i := Rotations - 1; i >= 0; i-- { // the lowest rotation first
		v, w := c[2*i], c[2*i+1]
		if v&low*(a>>32) < a&low*(v>>32) {
			a, atA = v, i
		}
		if w&low*(b>>32) < b&low*(w>>32) {
			b, atB = w, i
		}
	}
	return atOffset(a, atA), atOffset(b, atB)
}

const low = 1<<32 - 1

func atOffset(count uint64, at int) least {
	if count>>32 == 0 {
		return least{}
	}
	return least{Distance{int(count & low), 2 * int(count>>32)}, MaxRotation - at}
}
