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
	diff, n := compare(a.plane(re), a.plane(im), a.plane(mask), b)
	return Distance{diff, 2 * n}
}

// compare counts different usable bits and common mask bits (one for each pair
// of a real and an imaginary bit) of e and of three planes of the same shape. It
// is the reference of the vector kernels.
func compare(qre, qim, qmask []uint64, e Template) (diff, common int) {
	ere, eim, emask := e.plane(re), e.plane(im), e.plane(mask)
	n := len(emask)
	qre, qim, qmask, ere, eim = qre[:n], qim[:n], qmask[:n], ere[:n], eim[:n]
	for i, m := range emask {
		m &= qmask[i]
		diff += bits.OnesCount64((qre[i]^ere[i])&m) + bits.OnesCount64((qim[i]^eim[i])&m)
		common += bits.OnesCount64(m)
	}
	return diff, common
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
	s, _ := q.two(e, e, e, e, 1)
	return s[0], s[1]
}

// Walk gives Scores of n entries in turn, faster than one by one: see
// Query.Walk.
func (q *PairQuery) Walk(n int, entry func(i int) Pair, found func(i int, upright, mirrored Score)) {
	last := n - 1
	for i := 0; i < n; i += 2 {
		x, y := q.two(entry(i), entry(min(i+1, last)), entry(min(i+2, last)), entry(min(i+3, last)), min(2, n-i))
		found(i, x[0], x[1])
		if i < last {
			found(i+1, y[0], y[1])
		}
	}
}

// two compares both orientations of an eye while the entries are in the cache:
// the right eyes are fetched meanwhile, and then the next left ones.
func (q *PairQuery) two(a, b, nextA, nextB Pair, n int) (x, y [2]Score) {
	for i, query := range [...]*Query{q.left, q.mirrorLeft} {
		d, e := query.two(a.Left, b.Left, a.Right, b.Right, n)
		x[i].Left, y[i].Left = d.distance, e.distance
	}
	for i, query := range [...]*Query{q.right, q.mirrorRight} {
		d, e := query.two(a.Right, b.Right, nextA.Left, nextB.Left, n)
		x[i].Right, y[i].Right = d.distance, e.distance
	}
	return x, y
}

// Match reports whether e is the same person in either orientation.
func (q *PairQuery) Match(e Pair) bool {
	upright, mirrored := q.Scores(e)
	return upright.Match() || mirrored.Match()
}
