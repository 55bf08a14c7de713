//go:build amd64 && !purego

package pairing8

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// Accumulator is the running product of one Miller loop, its coefficients in
// lanes. It does not allocate.
type Accumulator struct {
	s    space
	f, l E2
}

// SetOne must be called first.
func (a *Accumulator) SetOne() {
	a.s.k = shared()
	a.f = E2{}
	a.f[0][0][0], a.f[0][1][0], a.f[0][2][0], a.f[0][3][0], a.f[0][4][0] =
		a.s.k.one[0][0][0], a.s.k.one[0][1][0], a.s.k.one[0][2][0], a.s.k.one[0][3][0], a.s.k.one[0][4][0]
}

// Square squares the product.
func (a *Accumulator) Square() { a.s.square(&a.f, &a.f) }

// Line multiplies by (c0 + c3*w + c4*w^3)/16: the coefficients are taken as they
// stand, and the final exponentiation kills the factor.
func (a *Accumulator) Line(c0, c3, c4 *bn254.E2) {
	setLine(&a.l, c0, c3, c4)
	a.s.line(&a.f, &a.f, &a.l)
}

func setLine(l *E2, c0, c3, c4 *bn254.E2) {
	var x3, x4 bn254.E2
	x3.MulByNonResidue(c3)
	x4.MulByNonResidue(c4)
	for lane, c := range [5]*bn254.E2{c0, c3, &x3, c4, &x4} {
		l.setRaw(lane, c)
	}
}

// Fixed multiplies by a line of a known Q, at a point.
func (a *Accumulator) Fixed(l *FixedLine, at *Place) {
	scale(&a.l, (*E2)(l), (*Fp)(at))
	a.s.line(&a.f, &a.f, &a.l)
}

// Value gives the product, up to what the final exponentiation kills.
func (a *Accumulator) Value() bn254.E12 { return a.f.e12(a.s.k) }

// FixedLine is 1 + c3*w + c4*w^3.
type FixedLine E2

// Set makes a line of its two coefficients.
func (l *FixedLine) Set(c3, c4 *bn254.E2) {
	var one bn254.E2
	one.SetOne()
	setLine((*E2)(l), &one, c3, c4)
	(*E2)(l).enter(shared())
}

// Place is what c3 and c4 of a fixed line are multiplied by.
type Place Fp

// Set makes c3 and c4 of lines be multiplied by u and v.
func (p *Place) Set(u, v *fp.Element) {
	one := fp.One()
	var e E2
	for lane, x := range [5]*fp.Element{&one, u, u, v, v} {
		e[0].setRaw(lane, x)
	}
	e.enter(shared())
	*p = Place(e[0])
}
