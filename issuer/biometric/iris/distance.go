package iris

import "math/bits"

// Threshold is a fractional Hamming distance in ten-thousandths.
type Threshold int

// The thresholds of the person rule (biometrics.md section 1). T1 is the
// stricter one that one eye alone has to pass; loosening it is a bug.
const (
	T  Threshold = 3450
	T1 Threshold = 2800
)

// Distance is an exact fractional Hamming distance: Diff different bits among
// Bits compared ones.
type Distance struct{ Diff, Bits int }

// HD gives the fraction, 1 when nothing could be compared.
func (d Distance) HD() float64 {
	if d.Bits == 0 {
		return 1
	}
	return float64(d.Diff) / float64(d.Bits)
}

// Normalised gives the HD that the same disagreement would have at a typical
// number of compared bits, as open-iris 1.11 does: max(0, .45 - (.45 - HD) *
// (5e-5*n + .5)). Few compared bits pull the distance towards .45.
func (d Distance) Normalised() float64 {
	return max(0, .45-(.45-d.HD())*(5e-5*float64(d.Bits)+.5))
}

// Below reports HD < t, in integers. Nothing compared is never below.
func (d Distance) Below(t Threshold) bool {
	return d.Bits > 0 && d.Diff*10000 < int(t)*d.Bits
}

// Less orders distances by HD; nothing compared comes last.
func (d Distance) Less(o Distance) bool {
	if d.Bits == 0 || o.Bits == 0 {
		return d.Bits > o.Bits && o.Bits == 0
	}
	return d.Diff*o.Bits < o.Diff*d.Bits
}

// Dot gives the ring form that the private matcher computes: with v = mask -
// 2*(code AND mask) in {0, 1, -1}, code is the sum of v*v' and mask the number of
// common mask bits, and HD = (1 - code/mask)/2.
func (d Distance) Dot() (code, mask int) { return d.Bits - 2*d.Diff, d.Bits }

// Between gives the distance of two codes as they stand, unrotated.
func Between(a, b Template) Distance {
	if a.cols != b.cols || a.cols == 0 {
		return Distance{}
	}
	diff, n := compare(a.words, b.words)
	return Distance{diff, 2 * n}
}

// compare counts different usable bits and common mask bits (one for each pair
// of a real and an imaginary bit) of two runs of triples. Runs have an even
// number of triples, because columns come in fours; two at a time is the
// fastest that the compiler makes of it.
func compare(q, e []uint64) (diff, common int) {
	for len(q) >= 2*planes && len(e) >= 2*planes {
		m, n := q[2]&e[2], q[5]&e[5]
		diff += bits.OnesCount64((q[0]^e[0])&m) + bits.OnesCount64((q[1]^e[1])&m)
		common += bits.OnesCount64(m)
		diff += bits.OnesCount64((q[3]^e[3])&n) + bits.OnesCount64((q[4]^e[4])&n)
		common += bits.OnesCount64(n)
		q, e = q[2*planes:], e[2*planes:]
	}
	return diff, common
}

// Query is a template made ready to be compared with many entries in all
// rotations. A rotation is an offset into a run of columns that goes on past
// the seam; two copies, one shifted by a column, keep every offset on a word.
// All of it is 5.6 KB for 200 columns, so it stays in the first-level cache
// while entries stream through. A Query is read-only and safe for concurrent use.
type Query struct {
	cols  int
	words [2][]uint64 // by parity of the offset
}

// NewQuery prepares t.
func NewQuery(t Template) *Query {
	q := &Query{cols: t.cols}
	if t.cols == 0 {
		return q
	}
	n := t.cols + 2*MaxRotation
	for odd := range 2 {
		q.words[odd] = make([]uint64, planes*n/2)
		for p := range planes {
			for j := range n {
				setColumn(q.words[odd], p, j, t.column(p, (j+odd-MaxRotation+t.cols)%t.cols))
			}
		}
	}
	return q
}

// Columns gives the number of columns of the query.
func (q *Query) Columns() int { return q.cols }

// At gives the distance to e of the query rotated by by (Template.Rotate), which
// is -15..15. Shapes that differ compare nothing.
func (q *Query) At(e Template, by int) Distance {
	if q.cols != e.cols || q.cols == 0 || by < -MaxRotation || by > MaxRotation {
		return Distance{}
	}
	at := MaxRotation - by
	run := q.words[at&1][at/2*planes:]
	diff, common := compare(run[:len(e.words)], e.words)
	return Distance{diff, 2 * common}
}

// Min gives the least distance to e over all rotations, and the rotation. Of
// equal ones it is the lowest.
func (q *Query) Min(e Template) (Distance, int) {
	best, rotation := Distance{}, 0
	for by := -MaxRotation; by <= MaxRotation; by++ {
		if d := q.At(e, by); d.Less(best) {
			best, rotation = d, by
		}
	}
	return best, rotation
}

// PairQuery is both eyes of a query in both orientations.
type PairQuery struct{ left, right, mirrorLeft, mirrorRight *Query }

// NewPairQuery prepares p.
func NewPairQuery(p Pair) *PairQuery {
	m := p.Mirror()
	q := &PairQuery{NewQuery(p.Left), NewQuery(p.Right), NewQuery(m.Left), NewQuery(m.Right)}
	m.Wipe()
	return q
}

// Score is the outcome of one query against one enrolled pair in one
// orientation.
type Score struct{ Left, Right Distance }

// Match is the person rule: both eyes below T, or one below T1.
func (s Score) Match() bool {
	return s.Left.Below(T) && s.Right.Below(T) || s.Left.Below(T1) || s.Right.Below(T1)
}

// Least gives the distance of the nearer eye.
func (s Score) Least() Distance {
	if s.Right.Less(s.Left) {
		return s.Right
	}
	return s.Left
}

// Scores gives the two orientations' scores against e.
func (q *PairQuery) Scores(e Pair) (upright, mirrored Score) {
	upright.Left, _ = q.left.Min(e.Left)
	upright.Right, _ = q.right.Min(e.Right)
	mirrored.Left, _ = q.mirrorLeft.Min(e.Left)
	mirrored.Right, _ = q.mirrorRight.Min(e.Right)
	return upright, mirrored
}

// Match reports whether e is the same person in either orientation.
func (q *PairQuery) Match(e Pair) bool {
	upright, mirrored := q.Scores(e)
	return upright.Match() || mirrored.Match()
}
