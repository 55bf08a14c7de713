//go:build amd64 && !purego

package pairing8

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// Width is how many points of G1 are multiplied side by side.
const Width = 2 * Lanes

// Weight is a pair of words that stands for the multiplier A' + B'*lambda with
// A' = 2A + 1 - 2^64 and B' likewise. These are the odd numbers below 2^64 in
// absolute value, and the nibbles e of A are their digits to base 16, each
// worth 2e - 15: odd, so never 0.
type Weight struct{ A, B uint64 }

// chunk bounds the memory for tables: 21 KB for each Width of points.
const chunk = 8 * Width

// points are affine points in sixteen lanes.
type points struct{ x, y E2 }

// jacobian are points (x/z^2, y/z^3) in sixteen lanes.
type jacobian struct{ x, y, z E2 }

// table holds, of sixteen points, the odd multiples: the images have the
// abscissa times omega, and y[e] belongs to (2e-15)P.
type table struct {
	x, image [8]E2
	y        [16]E2
}

// Scale replaces each p by its multiple; (omega*x, y) is lambda*(x, y). None
// may be infinity; all must be on the curve, whose order is r.
//
// Nothing here meets equal or opposite points: of a point P of order r the
// multiples added up are a*P + b*lambda*P with a and b below 2^65, no two of
// which are the same by the lattice argument of Weight, and a sum of higher
// digits is at least 16 where the next digit is at most 15.
func Scale(p []bn254.G1Affine, w []Weight, omega *fp.Element) {
	if len(p) != len(w) {
		panic("pairing8: unequal lengths")
	}
	k := shared()
	var om E2
	om.set(&bn254.E2{A0: *omega, A1: *omega}, k)
	for len(p) > 0 {
		n := min(len(p), chunk)
		scaleChunk(p[:n], w[:n], &om, k)
		p, w = p[n:], w[n:]
	}
}

func scaleChunk(p []bn254.G1Affine, w []Weight, omega *E2, k *constants) {
	n := (len(p) + Width - 1) / Width
	in := make([]points, n)
	_, _, g, _ := bn254.Generators()
	for i := range n * Width {
		q := &g
		if i < len(p) {
			q = &p[i]
		}
		to := &in[i/Width]
		to.x[i/Lanes%2].setRaw(i%Lanes, &q.X)
		to.y[i/Lanes%2].setRaw(i%Lanes, &q.Y)
	}
	for i := range in {
		in[i].x.enter(k)
		in[i].y.enter(k)
	}
	tables := newTables(in, omega, k)
	sums := make([]jacobian, n)
	inverses := make([]E2, n)
	s := new(g1Scratch)
	var none [Width]Weight
	for i := range sums {
		digits := none
		copy(digits[:], w[i*Width:])
		sums[i].multiply(&tables[i], &digits, s, k)
		inverses[i] = sums[i].z
	}
	invertAll(inverses, k)
	for i := range sums {
		a, z := &sums[i], &inverses[i]
		each(&a.z, z, z)
		each(&a.x, &a.x, &a.z)
		each(&a.z, &a.z, z)
		each(&a.y, &a.y, &a.z)
		a.x.leave(k)
		a.y.leave(k)
	}
	for i := range p {
		a, h := &sums[i/Width], i/Lanes%2
		p[i] = bn254.G1Affine{X: a.x[h].raw(i % Lanes), Y: a.y[h].raw(i % Lanes)}
	}
}

// newTables builds the multiples 2; 3, 4; 5, 7, 8; 9, 11, 13, 15 in four rounds
// with one inversion each for all points.
func newTables(in []points, omega *E2, k *constants) []table {
	multiples := make([][16]points, len(in))
	for i := range in {
		multiples[i][1] = in[i]
	}
	dens := make([]E2, 0, 4*len(in))
	var s [3]E2
	for _, round := range [4][][2]int{
		{{1, 1}}, {{1, 2}, {2, 2}}, {{4, 1}, {4, 3}, {4, 4}}, {{8, 1}, {8, 3}, {8, 5}, {8, 7}},
	} {
		dens = dens[:len(in)*len(round)]
		for i := range multiples {
			for j, step := range round {
				a, b, d := &multiples[i][step[0]], &multiples[i][step[1]], &dens[i*len(round)+j]
				if a == b {
					double(d, &a.y)
				} else {
					sub(d, &b.x, &a.x)
				}
			}
		}
		invertAll(dens, k)
		for i := range multiples {
			for j, step := range round {
				a, b, d := &multiples[i][step[0]], &multiples[i][step[1]], &dens[i*len(round)+j]
				sum, slope, t := &multiples[i][step[0]+step[1]], &s[0], &s[1]
				if a == b {
					each(t, &a.x, &a.x)
					times3(t, t)
				} else {
					sub(t, &b.y, &a.y)
				}
				each(slope, t, d)
				each(t, slope, slope)
				sub(t, t, &a.x)
				sub(&sum.x, t, &b.x)
				sub(t, &a.x, &sum.x)
				each(t, slope, t)
				sub(&sum.y, t, &a.y)
			}
		}
	}
	out := make([]table, len(in))
	for i := range out {
		t := &out[i]
		for j := range 8 {
			m := &multiples[i][2*j+1]
			t.x[j] = m.x
			each(&t.image[j], &m.x, omega)
			t.y[8+j] = m.y
			neg(&t.y[7-j], &m.y)
		}
	}
	return out
}

// invertAll replaces each element, in every lane, by its inverse: Montgomery's
// trick along the slice, and then across the lanes.
func invertAll(v []E2, k *constants) {
	if len(v) == 0 {
		return
	}
	before := make([]E2, len(v)) // products of all before
	acc := v[0]
	for i := 1; i < len(v); i++ {
		before[i] = acc
		each(&acc, &acc, &v[i])
	}
	acc.leave(k)
	var raw [Width]fp.Element
	for i := range raw {
		raw[i] = acc[i/Lanes].raw(i % Lanes)
	}
	for i, x := range fp.BatchInvert(raw[:]) {
		acc[i/Lanes].setRaw(i%Lanes, &x)
	}
	acc.enter(k)
	var t E2
	for i := len(v) - 1; i > 0; i-- {
		each(&t, &acc, &before[i])
		each(&acc, &acc, &v[i])
		v[i] = t
	}
	v[0] = acc
}

type g1Scratch struct {
	p points
	v [6]E2
}

// multiply gives the weighted points of a table.
func (a *jacobian) multiply(t *table, w *[Width]Weight, s *g1Scratch, k *constants) {
	for i := 15; i >= 0; i-- {
		if i == 15 {
			t.choose(&s.p, &t.x, func(lane int) uint64 { return w[lane].A >> 60 })
			a.x, a.y, a.z = s.p.x, s.p.y, E2{k.one[0], k.one[0]}
		} else {
			for range 4 {
				a.double(s)
			}
			t.choose(&s.p, &t.x, func(lane int) uint64 { return w[lane].A >> (4 * i) })
			a.add(s)
		}
		t.choose(&s.p, &t.image, func(lane int) uint64 { return w[lane].B >> (4 * i) })
		a.add(s)
	}
}

// choose takes the multiple of each lane, given by the lowest four bits of e.
func (t *table) choose(p *points, xs *[8]E2, e func(lane int) uint64) {
	for i := range Width {
		d := e(i) & 15
		// 0 to 7 are -15 to -1, 8 to 15 are 1 to 15.
		m := d & 7
		if d < 8 {
			m = 7 - d
		}
		h, lane := i/Lanes, i%Lanes
		x, y := &xs[m][h], &t.y[d][h]
		for j := range limbs {
			p.x[h][j][lane] = x[j][lane]
			p.y[h][j][lane] = y[j][lane]
		}
	}
}

// double is dbl-2009-l of the Explicit-Formulas Database.
func (a *jacobian) double(s *g1Scratch) {
	xx, yy, d, e, t := &s.v[0], &s.v[1], &s.v[2], &s.v[3], &s.v[4]
	each(xx, &a.x, &a.x)
	each(yy, &a.y, &a.y)
	each(d, &a.x, yy)
	times4(d, d)
	times3(e, xx)
	each(&a.z, &a.y, &a.z)
	double(&a.z, &a.z)
	each(t, e, e)
	sub2(&a.x, t, d)
	sub(d, d, &a.x)
	timesMinus8(t, yy)
	each2(&a.y, e, d, yy, t)
}

// add adds the affine points in s, which must not be equal or opposite: then z
// would become 0. This is madd of the database, without its doublings.
func (a *jacobian) add(s *g1Scratch) {
	zz, h, r, hh, v, t := &s.v[0], &s.v[1], &s.v[2], &s.v[3], &s.v[4], &s.v[5]
	each(zz, &a.z, &a.z)
	each(h, &s.p.x, zz)
	sub(h, h, &a.x)
	each(zz, zz, &a.z)
	each(r, &s.p.y, zz)
	sub(r, r, &a.y)
	each(&a.z, &a.z, h)
	each(hh, h, h)
	each(v, &a.x, hh)
	each(h, h, hh)
	each(t, r, r)
	sub(t, t, h)
	sub2(&a.x, t, v)
	sub(v, v, &a.x)
	neg(t, &a.y)
	each2(&a.y, r, v, t, h)
}
