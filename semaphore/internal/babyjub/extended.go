package babyjub

import (
	"crypto/subtle"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// extended are the coordinates of Hisil, Wong, Carter and Dawson (eprint
// 2008/522): x = X/Z, y = Y/Z, T = XY/Z.
type extended struct{ x, y, z, t fr.Element }

func (p Point) extended() extended {
	e := extended{x: p.X, y: p.Y}
	e.z.SetOne()
	e.t.Mul(&p.X, &p.Y)
	return e
}

func (e *extended) affine() Point {
	var inv fr.Element
	inv.Inverse(&e.z)
	var p Point
	p.X.Mul(&e.x, &inv)
	p.Y.Mul(&e.y, &inv)
	return p
}

func (e *extended) equalAffine(p *Point) bool {
	var x, y fr.Element
	x.Mul(&p.X, &e.z)
	y.Mul(&p.Y, &e.z)
	return x.Equal(&e.x) && y.Equal(&e.y) && !e.z.IsZero()
}

// add is the unified addition, section 3.1 of eprint 2008/522; complete here
// because a is a square and d is not. e may be p or q.
func (e *extended) add(p, q *extended) {
	c := params()
	var aa, bb, cc, dd, ee, ff, gg, hh, s fr.Element
	aa.Mul(&p.x, &q.x)
	bb.Mul(&p.y, &q.y)
	cc.Mul(&p.t, &q.t)
	cc.Mul(&cc, &c.d)
	dd.Mul(&p.z, &q.z)
	ee.Add(&p.x, &p.y)
	s.Add(&q.x, &q.y)
	ee.Mul(&ee, &s)
	ee.Sub(&ee, &aa)
	ee.Sub(&ee, &bb)
	ff.Sub(&dd, &cc)
	gg.Add(&dd, &cc)
	hh.Mul(&c.a, &aa)
	hh.Sub(&bb, &hh)
	e.x.Mul(&ee, &ff)
	e.y.Mul(&gg, &hh)
	e.t.Mul(&ee, &hh)
	e.z.Mul(&ff, &gg)
}

// double is section 3.3 of eprint 2008/522. e may be p.
func (e *extended) double(p *extended) {
	c := params()
	var aa, bb, cc, dd, ee, ff, gg, hh fr.Element
	aa.Square(&p.x)
	bb.Square(&p.y)
	cc.Square(&p.z)
	cc.Double(&cc)
	dd.Mul(&c.a, &aa)
	ee.Add(&p.x, &p.y)
	ee.Square(&ee)
	ee.Sub(&ee, &aa)
	ee.Sub(&ee, &bb)
	gg.Add(&dd, &bb)
	ff.Sub(&gg, &cc)
	hh.Sub(&dd, &bb)
	e.x.Mul(&ee, &ff)
	e.y.Mul(&gg, &hh)
	e.t.Mul(&ee, &hh)
	e.z.Mul(&ff, &gg)
}

// multiply gives k*e for big-endian k: fixed windows of four bits, most
// significant first, and a table read whole for every window.
func (e *extended) multiply(k []byte) extended {
	id := Identity()
	var table [16]extended
	table[0] = id.extended()
	for i := 1; i < len(table); i++ {
		table[i].add(&table[i-1], e)
	}
	out := table[0]
	for _, b := range k {
		for _, digit := range [2]byte{b >> 4, b & 15} {
			for range 4 {
				out.double(&out)
			}
			pick := choose(&table, digit)
			out.add(&out, &pick)
		}
	}
	return out
}

// choose reads every entry and keeps one.
func choose(table *[16]extended, digit byte) extended {
	var out extended
	for i := range table {
		mask := -uint64(subtle.ConstantTimeByteEq(byte(i), digit))
		e := &table[i]
		for w := range out.x {
			out.x[w] |= e.x[w] & mask
			out.y[w] |= e.y[w] & mask
			out.z[w] |= e.z[w] & mask
			out.t[w] |= e.t[w] & mask
		}
	}
	return out
}
