package semaphore

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"

	"github.com/perhuman/perhuman/semaphore/internal/pairing8"
)

// This file holds one optimal ate Miller loop for
// f(A, B) * f(P1, Q1) * f(P2, Q2) * ... where B is the proof's and the Qi come
// from the key. The library has a loop for each kind, which would square the
// accumulator twice as often, and its fixed-argument loop overwrites the lines
// it is given; here the lines are read only, so one key serves any number of
// goroutines.
//
// A line is c0 + c3*w + c4*v*w in the tower of gnark-crypto, the sparse form of
// its E12.MulBy034. Vertical lines are left out: the final exponentiation
// kills them.

// fixedStep is what one round multiplies into the accumulator for a fixed Q,
// before evaluation at P. With u = -x/y and v = 1/y of P, a tangent has the
// coefficients 1, c[3]*u, c[4]*v. A round with an addition holds the product of
// its two lines, expanded, so that evaluating it costs five small products and
// no product of lines: in the order of E12.MulBy01234 its coefficients are
// 1 + c[0]*vv, c[1]*uu, c[2]*uv, c[3]*u, c[4]*v.
type fixedStep struct {
	double bool
	c      [5]bn254.E2
}

// fixedLines are the rounds of one Q: 64 downto 0, then the two Frobenius
// lines. They have one of the two forms.
type fixedLines struct {
	steps *[66]fixedStep
	lanes []pairing8.FixedLine // the single lines, in the order of use
}

// newFixedLines computes the lines of Q, which must be in G2 and finite.
func newFixedLines(q *bn254.G2Affine, vectors bool) *fixedLines {
	lines := bn254.PrecomputeLines(*q)
	if pairing8.Available() && vectors {
		return &fixedLines{lanes: newFixedLanes(&lines)}
	}
	out := new([66]fixedStep)
	for i := range out {
		a, b := &lines[0][i], &lines[1][i]
		s := &out[i]
		if i < 65 && bn254.LoopCounter[i] == 0 {
			s.c[3], s.c[4] = a.R0, a.R1
			continue
		}
		s.double = true
		var x, y bn254.E2
		s.c[0].Mul(&a.R1, &b.R1)
		s.c[0].MulByNonResidue(&s.c[0])
		s.c[1].Mul(&a.R0, &b.R0)
		x.Mul(&a.R0, &b.R1)
		y.Mul(&a.R1, &b.R0)
		s.c[2].Add(&x, &y)
		s.c[3].Add(&a.R0, &b.R0)
		s.c[4].Add(&a.R1, &b.R1)
	}
	return &fixedLines{steps: out}
}

// fixedPair is a fixed Q with the point P it is paired with.
type fixedPair struct {
	lines            *fixedLines
	u, v, uu, uv, vv fp.Element
}

// fixedArgument is a key's point, by its lines, and what it is paired with.
type fixedArgument struct {
	lines *fixedLines
	p     bn254.G1Jac
}

// fixedPairs appends to out the points in the form of the lines, with one
// inversion for all. Points at infinity pair to 1 and are left out; no other
// point of this curve has y = 0, since its order is odd.
func fixedPairs(out []fixedPair, in ...fixedArgument) []fixedPair {
	first := len(out)
	var inv fp.Element
	inv.SetOne()
	for i := range in {
		p := &in[i].p
		if p.Z.IsZero() {
			continue
		}
		// In Jacobian coordinates x/y = XZ/Y and 1/y = Z^3/Y. Until there is the
		// inverse, uv holds Y and vv the product of those before.
		f := fixedPair{lines: in[i].lines, uv: p.Y, vv: inv}
		f.u.Mul(&p.X, &p.Z)
		f.v.Square(&p.Z)
		f.v.Mul(&f.v, &p.Z)
		inv.Mul(&inv, &p.Y)
		out = append(out, f)
	}
	inv.Inverse(&inv)
	for i := len(out) - 1; i >= first; i-- {
		f := &out[i]
		var own fp.Element // 1/Y
		own.Mul(&inv, &f.vv)
		inv.Mul(&inv, &f.uv)
		f.u.Mul(&f.u, &own)
		f.u.Neg(&f.u)
		f.v.Mul(&f.v, &own)
		f.uu.Square(&f.u)
		f.uv.Mul(&f.u, &f.v)
		f.vv.Square(&f.v)
	}
	return out
}

// multiply puts round i into f.
func (p *fixedPair) multiply(f *bn254.E12, i int) {
	s := &p.lines.steps[i]
	var c [5]bn254.E2
	c[3].MulByElement(&s.c[3], &p.u)
	c[4].MulByElement(&s.c[4], &p.v)
	if !s.double {
		f.MulBy34(&c[3], &c[4])
		return
	}
	c[0].MulByElement(&s.c[0], &p.vv)
	c[1].MulByElement(&s.c[1], &p.uu)
	c[2].MulByElement(&s.c[2], &p.uv)
	var one fp.Element
	one.SetOne()
	c[0].A0.Add(&c[0].A0, &one)
	f.MulBy01234(&c)
}

// movingPair is a pair whose Q was not known before: its multiples are walked
// in homogeneous coordinates (Costello, Lange, Naehrig, eprint 2009/615; the
// formulas of Aranha et al., eprint 2010/526).
type movingPair struct {
	p       bn254.G1Affine
	q       bn254.G2Affine
	x, y, z bn254.E2
}

func newMovingPair(p *bn254.G1Affine, q *bn254.G2Affine) movingPair {
	m := movingPair{p: *p, q: *q, x: q.X, y: q.Y}
	m.z.SetOne()
	return m
}

// line is evaluated at P.
type line struct{ c0, c3, c4 bn254.E2 }

// tangent doubles the walked point and gives the tangent.
func (m *movingPair) tangent() (l line) {
	var xy, yy, zz, e, f, g, h, xx, t bn254.E2
	xy.Mul(&m.x, &m.y)
	xy.Halve()
	yy.Square(&m.y)
	zz.Square(&m.z)
	e.Double(&zz)
	e.Add(&e, &zz)
	e.MulBybTwistCurveCoeff(&e) // 3b'z^2
	f.Double(&e)
	f.Add(&f, &e) // 9b'z^2
	g.Add(&yy, &f)
	g.Halve()
	h.Add(&m.y, &m.z)
	h.Square(&h)
	t.Add(&yy, &zz)
	h.Sub(&h, &t) // 2yz
	xx.Square(&m.x)

	l.c0.Neg(&h)
	l.c0.MulByElement(&l.c0, &m.p.Y)
	l.c3.Double(&xx)
	l.c3.Add(&l.c3, &xx)
	l.c3.MulByElement(&l.c3, &m.p.X)
	l.c4.Sub(&e, &yy)

	t.Sub(&yy, &f)
	m.x.Mul(&xy, &t)
	m.y.Square(&g)
	e.Square(&e)
	t.Double(&e)
	t.Add(&t, &e)
	m.y.Sub(&m.y, &t)
	m.z.Mul(&yy, &h)
	return l
}

// chord gives the line through the walked point and a; the walked point becomes
// their sum.
func (m *movingPair) chord(a *bn254.G2Affine) (l line) {
	var th, la, t bn254.E2
	t.Mul(&a.Y, &m.z)
	th.Sub(&m.y, &t)
	t.Mul(&a.X, &m.z)
	la.Sub(&m.x, &t)

	l.c4.Mul(&th, &a.X)
	t.Mul(&la, &a.Y)
	l.c4.Sub(&l.c4, &t)
	l.c0.MulByElement(&la, &m.p.Y)
	l.c3.Neg(&th)
	l.c3.MulByElement(&l.c3, &m.p.X)

	var d, e, f, g, h bn254.E2
	f.Square(&th)
	f.Mul(&f, &m.z)
	d.Square(&la)
	e.Mul(&la, &d)
	g.Mul(&m.x, &d)
	h.Add(&e, &f)
	h.Sub(&h, &g)
	h.Sub(&h, &g)
	m.x.Mul(&la, &h)
	t.Mul(&m.y, &e)
	m.y.Sub(&g, &h)
	m.y.Mul(&m.y, &th)
	m.y.Sub(&m.y, &t)
	m.z.Mul(&m.z, &e)
	return l
}

// digit gives the chord to Q or -Q.
func (m *movingPair) digit(d int8) line {
	q := m.q
	if d < 0 {
		q.Y.Neg(&q.Y)
	}
	return m.chord(&q)
}

// end gives the chords to psi(Q) and to -psi^2(Q), psi being Frobenius as seen
// from the twist, and whether Q is in G2: the sum is then -psi^3(Q), and only
// then, as the package comment of pairing8 explains; a chord between equal or
// opposite points, which does not happen in G2, leaves z = 0 for ever.
func (m *movingPair) end() (l, k line, inG2 bool) {
	q := psi(&m.q)
	l = m.chord(&q)
	q = psi(&q)
	q.Y.Neg(&q.Y)
	k = m.chord(&q)
	q = psi(&q)
	q.X.Mul(&q.X, &m.z)
	q.Y.Mul(&q.Y, &m.z)
	return l, k, q.X == m.x && q.Y == m.y && !m.z.IsZero()
}

func psi(q *bn254.G2Affine) (out bn254.G2Affine) {
	out.X.Conjugate(&q.X)
	out.X.MulByNonResidue1Power2(&out.X)
	out.Y.Conjugate(&q.Y)
	out.Y.MulByNonResidue1Power3(&out.Y)
	return out
}

// multiply puts one round into f: the tangent, and for a digit that is not 0
// the chord.
func (m *movingPair) multiply(f *bn254.E12, digit int8) {
	l := m.tangent()
	if digit == 0 {
		f.MulBy034(&l.c0, &l.c3, &l.c4)
		return
	}
	k := m.digit(digit)
	multiply2(f, &l, &k)
}

// multiply2 puts two lines into f: their sparse product first, by Karatsuba.
func multiply2(f *bn254.E12, a, b *line) {
	var c [5]bn254.E2
	var x0, x3, x4, s, t bn254.E2
	x0.Mul(&a.c0, &b.c0)
	x3.Mul(&a.c3, &b.c3)
	x4.Mul(&a.c4, &b.c4)
	cross := func(out, a1, a2, b1, b2, x1, x2 *bn254.E2) {
		s.Add(a1, a2)
		t.Add(b1, b2)
		out.Mul(&s, &t)
		out.Sub(out, x1)
		out.Sub(out, x2)
	}
	c[0].MulByNonResidue(&x4)
	c[0].Add(&c[0], &x0)
	c[1] = x3
	cross(&c[2], &a.c3, &a.c4, &b.c3, &b.c4, &x3, &x4)
	cross(&c[3], &a.c0, &a.c3, &b.c0, &b.c3, &x0, &x3)
	cross(&c[4], &a.c0, &a.c4, &b.c0, &b.c4, &x0, &x4)
	f.MulBy01234(&c)
}

// millerLoop gives the product of the Miller functions of all pairs, up to
// factors that the final exponentiation kills, and whether the moving points are
// all in G2; if not, the product means nothing. The moving pairs are used up.
func millerLoop(moving []movingPair, fixed []fixedPair) (f bn254.E12, inG2 bool) {
	f.SetOne()
	const first = len(bn254.LoopCounter) - 2
	for i := first; i >= 0; i-- {
		if i < first {
			f.Square(&f)
		}
		for j := range moving {
			moving[j].multiply(&f, bn254.LoopCounter[i])
		}
		for j := range fixed {
			fixed[j].multiply(&f, i)
		}
	}
	inG2 = true
	for j := range moving {
		l, k, ok := moving[j].end()
		inG2 = inG2 && ok
		multiply2(&f, &l, &k)
	}
	for j := range fixed {
		fixed[j].multiply(&f, first+1)
	}
	return f, inG2
}
