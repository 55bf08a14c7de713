//go:build amd64 && !purego

package pairing8

import "github.com/consensys/gnark-crypto/ecc/bn254"

// This file has one element f0 + f1*w + ... + f5*w^5 of Fp12, w^6 = 9 + u, in
// the first six lanes of an E2; the other two hold 0. A product of two elements
// is a sum of six products in Fp2 for each coefficient, and these are the same
// in all lanes but for the places the factors come from.

type index = [Lanes]uint64

// places are the lanes that factors are taken from. Lane 8 + i is lane i of
// another element, lane 6 is 0.
type places struct {
	all       [6]index // one lane, everywhere
	rotated   [6]index // lane k - i, of the other element for k < i
	squareA   [4]index
	squareB   [4]index
	cyclicA   [2]index
	cyclicB   [2]index
	line      [3]index
	coeffs    [3]index
	conjugate index
}

func newPlaces() (p places) {
	for i := range 6 {
		for k := range Lanes {
			p.all[i][k] = uint64(i)
			switch {
			case k >= 6:
				p.rotated[i][k] = 6
			case k >= i:
				p.rotated[i][k] = uint64(k - i)
			default:
				p.rotated[i][k] = uint64(8 + k - i + 6)
			}
		}
	}
	// Of a square: the a come from f and 2f, the b from f and (9+u)f.
	p.squareA = [4]index{
		{0, 8 + 0, 1, 8 + 0, 2, 8 + 0, 6, 6},
		{3, 8 + 2, 4, 8 + 1, 5, 8 + 1, 6, 6},
		{8 + 1, 8 + 3, 8 + 0, 8 + 4, 8 + 0, 8 + 2, 6, 6},
		{8 + 2, 6, 8 + 3, 6, 8 + 1, 6, 6, 6},
	}
	p.squareB = [4]index{
		{0, 1, 1, 3, 2, 5, 6, 6},
		{8 + 3, 8 + 5, 8 + 4, 2, 8 + 5, 4, 6, 6},
		{8 + 5, 8 + 4, 2, 8 + 5, 4, 3, 6, 6},
		{8 + 4, 6, 8 + 5, 6, 3, 6, 6, 6},
	}
	p.cyclicA = [2]index{
		{0, 8 + 2, 1, 8 + 0, 2, 8 + 1, 6, 6},
		{3, 6, 4, 6, 5, 6, 6, 6},
	}
	p.cyclicB = [2]index{
		{0, 8 + 5, 1, 3, 2, 4, 6, 6},
		{8 + 3, 6, 8 + 4, 6, 8 + 5, 6, 6, 6},
	}
	// Of a line, which has c0, c3, (9+u)c3, c4 and (9+u)c4 in its lanes.
	p.line = [3]index{
		{0, 1, 2, 3, 4, 5, 6, 6},
		{5, 0, 1, 2, 3, 4, 6, 6},
		{3, 4, 5, 0, 1, 2, 6, 6},
	}
	p.coeffs = [3]index{
		{},
		{2, 1, 1, 1, 1, 1, 1, 1},
		{4, 4, 4, 3, 3, 3, 3, 3},
	}
	p.conjugate = index{0, 8 + 1, 2, 8 + 3, 4, 8 + 5, 6, 6}
	return p
}

// space is what one computation works in.
type space struct {
	k       *constants
	x, d, t E2
}

func (s *space) mul(dst, f, g *E2) {
	xi(&s.x, g)
	var terms [6]term
	for i := range terms {
		terms[i] = term{[2]*E2{f, f}, [2]*E2{g, &s.x}, &s.k.places.all[i], &s.k.places.rotated[i]}
	}
	mixed(dst, &terms[0], len(terms))
}

func (s *space) square(dst, f *E2) {
	xi(&s.x, f)
	double(&s.d, f)
	var terms [4]term
	for i := range terms {
		terms[i] = term{[2]*E2{f, &s.d}, [2]*E2{f, &s.x}, &s.k.places.squareA[i], &s.k.places.squareB[i]}
	}
	mixed(dst, &terms[0], len(terms))
}

// cyclotomicSquare is for what the easy part of the final exponentiation gives
// (Granger and Scott, eprint 2009/565): with a = f0 + f3*s, b = f1 + f4*s,
// c = f2 + f5*s, s = w^3, the square of a + b*w + c*w^2 is
// 3a^2 - 2a' + (3sc^2 + 2b')w + (3b^2 - 2c')w^2, the dash being s -> -s. With the
// signs of w -> -w instead the linear parts are all -2 times a conjugate.
func (s *space) cyclotomicSquare(dst, f *E2) {
	xi(&s.x, f)
	double(&s.d, f)
	var terms [2]term
	for i := range terms {
		terms[i] = term{[2]*E2{f, &s.d}, [2]*E2{f, &s.x}, &s.k.places.cyclicA[i], &s.k.places.cyclicB[i]}
	}
	mixed(&s.t, &terms[0], len(terms))
	s.conjugate(&s.x, f)
	times3Sub2(dst, &s.t, &s.x)
}

// conjugate is w -> -w, which inverts what cyclotomicSquare is for.
func (s *space) conjugate(dst, f *E2) {
	neg(&s.d, f)
	choose(dst, f, &s.d, &s.k.places.conjugate)
}

// frobenius raises f to the power p^n, 1 <= n <= 3.
func (s *space) frobenius(dst, f *E2, n int) {
	s.t = *f
	if n != 2 {
		conjugate(&s.t)
	}
	mul1(dst, &s.t, &s.k.frobenius[n-1])
}

// line multiplies by a line given in lanes.
func (s *space) line(dst, f, l *E2) {
	var terms [3]term
	for i := range terms {
		terms[i] = term{[2]*E2{f, f}, [2]*E2{l, l}, &s.k.places.line[i], &s.k.places.coeffs[i]}
	}
	mixed(dst, &terms[0], len(terms))
}

// expt raises f to the curve's parameter x; f must be as for cyclotomicSquare.
func (s *space) expt(dst, f *E2) {
	var odd, minus [4]E2 // f, f^3, f^5, f^7 and their inverses
	var square E2
	odd[0] = *f
	s.cyclotomicSquare(&square, f)
	for i := range odd {
		if i > 0 {
			s.mul(&odd[i], &odd[i-1], &square)
		}
		s.conjugate(&minus[i], &odd[i])
	}
	digits := s.k.seed
	acc := odd[digits[len(digits)-1]/2]
	for i := len(digits) - 2; i >= 0; i-- {
		s.cyclotomicSquare(&acc, &acc)
		switch d := digits[i]; {
		case d > 0:
			s.mul(&acc, &acc, &odd[d/2])
		case d < 0:
			s.mul(&acc, &acc, &minus[-d/2])
		}
	}
	*dst = acc
}

// setE12 spreads z over the lanes.
func (a *E2) setE12(z *bn254.E12, k *constants) {
	*a = E2{}
	for i, c := range [6]*bn254.E2{&z.C0.B0, &z.C1.B0, &z.C0.B1, &z.C1.B1, &z.C0.B2, &z.C1.B2} {
		a.setRaw(i, c)
	}
	a.enter(k)
}

// e12 is the inverse of setE12.
func (a *E2) e12(k *constants) (z bn254.E12) {
	plain := *a
	plain.leave(k)
	for i, c := range [6]*bn254.E2{&z.C0.B0, &z.C1.B0, &z.C0.B1, &z.C1.B1, &z.C0.B2, &z.C1.B2} {
		*c = plain.get(i)
	}
	return z
}

// FinalExponentiation is that of the library, with the same exponent
// 2x(6x^2+3x+1)(p^12-1)/r (Duquesne and Ghammam, eprint 2015/192), on one
// element in lanes.
func FinalExponentiation(z *bn254.E12) bn254.E12 {
	s := &space{k: shared()}
	// The easy part, (p^6-1)(p^2+1), has an inversion and stays scalar.
	var m, t bn254.E12
	t.Inverse(z)
	m.Conjugate(z)
	m.Mul(&m, &t)
	t.FrobeniusSquare(&m)
	m.Mul(&m, &t)

	// The hard part, with exponents of f in the comments.
	var f, a, b, c, e, g, out E2
	f.setE12(&m, s.k)
	s.expt(&a, &f)
	s.conjugate(&a, &a)
	s.cyclotomicSquare(&a, &a) // -2x
	s.cyclotomicSquare(&b, &a)
	s.mul(&b, &a, &b) // -6x
	s.expt(&c, &b)
	s.conjugate(&c, &c) // 6x^2
	s.conjugate(&b, &b) // 6x
	s.mul(&b, &b, &c)   // 6x^2 + 6x
	s.cyclotomicSquare(&e, &c)
	s.expt(&e, &e)
	s.mul(&e, &e, &b) // 12x^3 + 6x^2 + 6x
	s.mul(&g, &a, &e) // 12x^3 + 6x^2 + 4x

	s.mul(&out, &f, &c)
	s.mul(&out, &out, &e)
	s.frobenius(&a, &g, 1)
	s.mul(&out, &out, &a)
	s.frobenius(&a, &e, 2)
	s.mul(&out, &out, &a)
	s.conjugate(&a, &f)
	s.mul(&a, &a, &g)
	s.frobenius(&a, &a, 3)
	s.mul(&out, &out, &a)
	return out.e12(s.k)
}
