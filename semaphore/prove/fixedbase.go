package prove

import (
	"errors"
	"math/bits"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// The circuit multiplies Base8 by the secret in three-bit windows. It splits
// the scalar into two segments; a window with digit d contributes (d+1) times
// its base, so that no window adds the neutral point, and the sum starts from
// twice the base after the last window, so that no addition doubles. The
// constant that this adds is taken off at the end, in Edwards form, while the
// windows themselves are added in Montgomery form with one slope each
// (EIP-2494; Okeya, Kurumatani and Sakurai for the map between the forms).
//
// We add in projective Edwards coordinates, where the law is complete, and
// turn all partial sums and all slopes affine with one inversion each.

// errDegenerate: two partial sums collide. It has no honest occurrence: it
// takes a secret made for it.
var errDegenerate = errors.New("prove: scalar multiplication meets an exceptional point")

const (
	curveA = 168700
	curveD = 168696
)

// extended is a Baby Jubjub point X/Z, Y/Z with T = XY/Z (eprint 2008/522).
type extended struct{ x, y, z, t fr.Element }

// affinePoint carries both affine forms of a constant point.
type affinePoint struct {
	x, y, dt fr.Element // Edwards, and d*x*y
	u, v     fr.Element // Montgomery
}

// window is the multiples 1..8 of one base. The circuit selects among them
// with a polynomial in the three bits; cross is the coefficient of the highest
// product in u, which the wire of the lower two bits' product carries.
type window struct {
	points [8]affinePoint
	cross  fr.Element
}

// segment is one part of the scalar: its windows and its two constants.
type segment struct {
	windows []window
	start   affinePoint // twice the base after the last window
	excess  affinePoint // minus what the start and the d+1 digits add
}

type fixedBase struct {
	low, high segment
	a, d      fr.Element
}

// tables are derived once: 680 points, about 16,000 field multiplications.
var tables = sync.OnceValue(func() *fixedBase {
	f := new(fixedBase)
	f.a.SetUint64(curveA)
	f.d.SetUint64(curveD)
	var base extended
	_, _ = base.x.SetString("5299619240641551281634865583518297030282874472190772894086521144482721001553")
	_, _ = base.y.SetString("16950150798460657717958625567821834550301663161624707787222815936182638968203")
	base.z.SetOne()
	base.t.Mul(&base.x, &base.y)

	n := lowWindows + highWindows
	points := make([]extended, 0, 8*n+4)
	sum := [2]extended{neutral(), neutral()} // of the bases of each segment
	bases := make([]extended, n+1)
	for i := range n {
		bases[i] = base
		multiple := base
		for range 8 {
			points = append(points, multiple)
			f.add(&multiple, &multiple, &base)
		}
		part := &sum[0]
		if i >= lowWindows {
			part = &sum[1]
		}
		f.add(part, part, &base)
		base = points[len(points)-1]
	}
	bases[n] = base
	for s, after := range []int{lowWindows, n} {
		start := bases[after]
		f.add(&start, &start, &start)
		excess := sum[s]
		f.add(&excess, &excess, &start)
		excess.x.Neg(&excess.x)
		excess.t.Neg(&excess.t)
		points = append(points, start, excess)
	}

	affine := f.affine(points)
	windows := make([]window, n)
	for i := range windows {
		w := &windows[i]
		copy(w.points[:], affine[8*i:])
		for j := range w.points { // u_j with the sign of j's missing bits
			u := w.points[j].u
			if bits.OnesCount(uint(j))%2 == 0 {
				u.Neg(&u)
			}
			w.cross.Add(&w.cross, &u)
		}
	}
	f.low.windows, f.high.windows = windows[:lowWindows], windows[lowWindows:]
	ends := affine[8*n:]
	f.low.start, f.low.excess = ends[0], ends[1]
	f.high.start, f.high.excess = ends[2], ends[3]
	return f
})

func neutral() (e extended) {
	e.y.SetOne()
	e.z.SetOne()
	return e
}

// affine normalises points, none of which is neutral.
func (f *fixedBase) affine(points []extended) []affinePoint {
	out := make([]affinePoint, len(points))
	inv := make([]fr.Element, len(points))
	scratch := make([]fr.Element, len(points))
	for i := range points {
		inv[i] = points[i].z
	}
	batchInvert(inv, scratch)
	var one fr.Element
	one.SetOne()
	for i := range points {
		o := &out[i]
		o.x.Mul(&points[i].x, &inv[i])
		o.y.Mul(&points[i].y, &inv[i])
		o.dt.Mul(&o.x, &o.y)
		o.dt.Mul(&o.dt, &f.d)
	}
	for i := range out {
		inv[i].Sub(&one, &out[i].y)
		inv[i].Mul(&inv[i], &out[i].x)
	}
	batchInvert(inv, scratch)
	for i := range out {
		// u = (1+y)/(1-y), v = u/x
		o := &out[i]
		o.v.Add(&one, &o.y)
		o.v.Mul(&o.v, &inv[i])
		o.u.Mul(&o.v, &o.x)
	}
	return out
}

// add is the unified addition, section 3.1 of eprint 2008/522. e may be p or q.
func (f *fixedBase) add(e, p, q *extended) {
	var c, d, s fr.Element
	c.Mul(&p.t, &q.t)
	c.Mul(&c, &f.d)
	d.Mul(&p.z, &q.z)
	s.Add(&q.x, &q.y)
	f.finish(e, p, &q.x, &q.y, &s, &c, &d)
}

// addAffine adds a constant point.
func (f *fixedBase) addAffine(e, p *extended, q *affinePoint) {
	var c, s fr.Element
	c.Mul(&p.t, &q.dt)
	s.Add(&q.x, &q.y)
	f.finish(e, p, &q.x, &q.y, &s, &c, &p.z)
}

func (f *fixedBase) finish(e, p *extended, x2, y2, s, c, d *fr.Element) {
	var aa, bb, ee, ff, gg, hh fr.Element
	aa.Mul(&p.x, x2)
	bb.Mul(&p.y, y2)
	ee.Add(&p.x, &p.y)
	ee.Mul(&ee, s)
	ee.Sub(&ee, &aa)
	ee.Sub(&ee, &bb)
	ff.Sub(d, c)
	gg.Add(d, c)
	hh.Mul(&f.a, &aa)
	hh.Sub(&bb, &hh)
	e.x.Mul(&ee, &ff)
	e.y.Mul(&gg, &hh)
	e.t.Mul(&ee, &hh)
	e.z.Mul(&ff, &gg)
}

// batchInvert inverts v in place with one inversion; zeros stay zero. scratch
// is at least as long as v.
func batchInvert(v, scratch []fr.Element) {
	var acc fr.Element
	acc.SetOne()
	for i := range v {
		scratch[i] = acc
		if !v[i].IsZero() {
			acc.Mul(&acc, &v[i])
		}
	}
	acc.Inverse(&acc)
	for i := len(v) - 1; i >= 0; i-- {
		if v[i].IsZero() {
			continue
		}
		var inv fr.Element
		inv.Mul(&acc, &scratch[i])
		acc.Mul(&acc, &v[i])
		v[i] = inv
	}
}
