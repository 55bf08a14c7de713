//go:build amd64 && !purego

package pairing8

import (
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// scratch is what the lanes of one Miller loop work in.
type scratch struct {
	f, out, twice, wrapped e12
	one, t                 E2
	l                      line
	v                      [11]E2
}

// group is eight pairs: Q, and its multiple (x : y : z) in homogeneous
// coordinates.
type group struct {
	qx, qy, minusQy E2
	x, y, z         E2
	// Multiples of the coordinates of P with the factors that the formulas of
	// the lines would otherwise put on their coefficients: 3x and -2y for
	// tangents, -x and y for chords.
	tangentX, tangentY, chordX, chordY Fp
}

var shared = sync.OnceValue(newConstants)

// MillerLoop gives the product of the Miller functions of the pairs, up to
// factors that the final exponentiation kills, and whether all of q are in G2,
// which is exact. All of q must be on the twist, and none infinity. When they are
// not all in G2 the product means nothing.
func MillerLoop(p []bn254.G1Affine, q []bn254.G2Affine) (f bn254.E12, inG2 bool) {
	if len(p) != len(q) {
		panic("pairing8: unequal lengths")
	}
	k := shared()
	groups := make([]group, (len(p)+Lanes-1)/Lanes)
	for i := range groups {
		at := i * Lanes
		end := min(at+Lanes, len(p))
		groups[i].set(p[at:end], q[at:end], k)
	}
	s := new(scratch)
	s.one = k.one
	s.f.setOne(k)
	const first = len(bn254.LoopCounter) - 2
	for i := first; i >= 0; i-- {
		if i < first {
			s.f.square(s)
		}
		digit := bn254.LoopCounter[i]
		for j := range groups {
			g := &groups[j]
			g.tangent(s, k)
			s.f.multiply(&s.l, s)
			if digit == 0 {
				continue
			}
			if digit > 0 {
				g.chord(&g.qx, &g.qy, &g.minusQy, s)
			} else {
				g.chord(&g.qx, &g.minusQy, &g.qy, s)
			}
			s.f.multiply(&s.l, s)
		}
	}
	inG2 = true
	for j := range groups {
		inG2 = groups[j].finish(s, k) && inG2
	}
	return s.f.product(k), inG2
}

// set fills the lanes. Those without a pair get the generator of G2 with (0, 0):
// their lines are c4*w^3 with c4 in Fp2, and the final exponentiation kills
// this too, since w^6 is in Fp2.
func (g *group) set(p []bn254.G1Affine, q []bn254.G2Affine, k *constants) {
	_, _, _, g2 := bn254.Generators()
	var a [4]fp.Element
	for lane := range Lanes {
		var x bn254.G1Affine
		y := &g2
		if lane < len(p) {
			x, y = p[lane], &q[lane]
		}
		g.qx.setRaw(lane, &y.X)
		g.qy.setRaw(lane, &y.Y)
		a[0].Double(&x.X)
		a[0].Add(&a[0], &x.X)
		a[1].Double(&x.Y)
		a[1].Neg(&a[1])
		a[2].Neg(&x.X)
		a[3] = x.Y
		for i, v := range [4]*Fp{&g.tangentX, &g.tangentY, &g.chordX, &g.chordY} {
			v.setRaw(lane, &a[i])
		}
	}
	g.qx.enter(k)
	g.qy.enter(k)
	for _, v := range [2][2]*Fp{{&g.tangentX, &g.tangentY}, {&g.chordX, &g.chordY}} {
		both := E2{*v[0], *v[1]}
		both.enter(k)
		*v[0], *v[1] = both[0], both[1]
	}
	neg(&g.minusQy, &g.qy)
	g.x, g.y, g.z = g.qx, g.qy, k.one
}

// tangent doubles the walked point and leaves the tangent in s. With b' the
// coefficient of the twist, e = 3b'z^2 and h = yz it is
//
//	x' = 2xy(y^2 - 3e), y' = (y^2 + 3e)^2 - 12e^2, z' = 8y^2*h
//
// (Costello, Lange, Naehrig, eprint 2009/615; the formulas of Aranha et al.,
// eprint 2010/526, times 4), and the line -2h*yP + 3x^2*xP*w + (e - y^2)*w^3.
func (g *group) tangent(s *scratch, k *constants) {
	xy, yy, zz, xx, h, e, t := &s.v[0], &s.v[1], &s.v[2], &s.v[3], &s.v[4], &s.v[5], &s.v[6]
	mul1(xy, &g.x, &g.y)
	mul1(yy, &g.y, &g.y)
	mul1(zz, &g.z, &g.z)
	mul1(xx, &g.x, &g.x)
	mul1(h, &g.y, &g.z)
	mul1(e, zz, &k.threeB)
	scale(&s.l.c0, h, &g.tangentY)
	scale(&s.l.c3, xx, &g.tangentX)
	sub(&s.l.c4, e, yy)

	twiceSub6(t, yy, e)
	mul1(&g.x, xy, t)
	times8(h, h)
	mul1(&g.z, yy, h)
	add3(t, yy, e)
	timesMinus12(h, e)
	mul2(&g.y, t, t, e, h)
}

// chord adds (ax, ay) to the walked point and leaves the line through both in
// s. When the two are equal or opposite z becomes 0, and it is 0 ever after:
// every later z is a multiple of it.
func (g *group) chord(ax, ay, minusAy *E2, s *scratch) {
	th, la, d, e, f, x, h, t := &s.v[0], &s.v[1], &s.v[2], &s.v[3], &s.v[4], &s.v[5], &s.v[6], &s.v[7]
	mul1(t, ay, &g.z)
	sub(th, &g.y, t)
	mul1(t, ax, &g.z)
	sub(la, &g.x, t)
	mul2(&s.l.c4, th, ax, la, minusAy)
	scale(&s.l.c0, la, &g.chordY)
	scale(&s.l.c3, th, &g.chordX)

	mul1(d, la, la)
	mul1(e, la, d)
	mul1(t, th, th)
	mul1(f, t, &g.z)
	mul1(x, &g.x, d)
	add(h, e, f)
	sub2(h, h, x)
	mul1(&g.x, la, h)
	sub(x, x, h)
	neg(t, &g.y)
	mul2(&g.y, x, th, t, e)
	mul1(&g.z, &g.z, e)
}

// finish puts in the chords to psi(Q) and to -psi^2(Q), with psi the Frobenius
// of the curve seen from the twist, and reports whether
//
//	[6x+2]Q + psi(Q) - psi^2(Q) = -psi^3(Q)
//
// in every lane, which only points of G2 fulfil: from psi^2 - t*psi + p = 0
// follows that 6x+2 + psi - psi^2 + psi^3 divides an integer whose greatest
// common divisor with the order of the twist is r (the method of El Housni,
// Guillevic and Piellard, eprint 2022/352; the test computes it). A point
// outside of G2 on which a chord went wrong has z = 0 and is refused too; for
// those of G2 that does not happen, as 6x+2 is far below r.
func (g *group) finish(s *scratch, k *constants) bool {
	x, y, t := &s.v[8], &s.v[9], &s.v[10]
	psi := func() {
		conjugate(x)
		conjugate(y)
		mul1(x, x, &k.psiX)
		mul1(y, y, &k.psiY)
	}
	*x, *y = g.qx, g.qy
	psi()
	neg(t, y)
	g.chord(x, y, t, s)
	s.f.multiply(&s.l, s)
	psi()
	*t = *y
	neg(y, y)
	g.chord(x, y, t, s)
	s.f.multiply(&s.l, s)
	psi()
	mul1(x, x, &g.z)
	mul1(y, y, &g.z)
	sub(x, x, &g.x)
	sub(y, y, &g.y)
	zx, zy, zz := x.zeros(k), y.zeros(k), g.z.zeros(k)
	for lane := range Lanes {
		if !zx[lane] || !zy[lane] || zz[lane] {
			return false
		}
	}
	return true
}

// zeros reports which lanes of a, which it uses up, are 0.
func (a *E2) zeros(k *constants) (out [Lanes]bool) {
	a.leave(k)
	for lane := range out {
		x := a.get(lane)
		out[lane] = x.IsZero()
	}
	return out
}
