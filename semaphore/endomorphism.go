package semaphore

import (
	"math/big"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// endo is the endomorphism (x, y) -> (omega*x, y) of G1, which multiplies by
// lambda.
type endo struct {
	omega, omega2 fp.Element
	lambda        fr.Element
}

var endomorphism = sync.OnceValue(func() *endo {
	e := new(endo)
	third := func(p *big.Int) *big.Int {
		n := new(big.Int).Sub(p, big.NewInt(1))
		return n.Div(n, big.NewInt(3))
	}
	// A power (p-1)/3 is a cube root of 1; take the first that is not 1.
	for g := uint64(2); e.omega.IsZero() || e.omega.IsOne(); g++ {
		e.omega.SetUint64(g)
		e.omega.Exp(e.omega, third(fp.Modulus()))
	}
	e.omega2.Square(&e.omega)
	for g := uint64(2); e.lambda.IsZero() || e.lambda.IsOne(); g++ {
		e.lambda.SetUint64(g)
		e.lambda.Exp(e.lambda, third(fr.Modulus()))
	}
	// Of the two roots modulo r, one belongs to omega.
	_, _, g, _ := bn254.Generators()
	var image, multiple bn254.G1Affine
	image.X.Mul(&g.X, &e.omega)
	image.Y = g.Y
	multiple.ScalarMultiplication(&g, e.lambda.BigInt(new(big.Int)))
	if multiple != image {
		e.lambda.Square(&e.lambda)
	}
	return e
})

// weight is a random scalar a + b*lambda with two 64-bit words. The map from
// pairs of words to scalars is one to one, since the shortest vector of the
// lattice is longer, so a weight carries 128 random bits; and a point times a
// weight is a joint 64-bit multiplication of the point and its image.
type weight struct {
	a, b   uint64
	digits [65]jointDigit // joint sparse form, lowest first
}

// jointDigit is a pair of digits -1, 0, 1, as an index into jointTable.
type jointDigit int8

func newWeight(a, b uint64) (w weight) {
	w.a, w.b = a, b
	w.digits = jointSparse(a, b)
	return w
}

// scalar gives a + b*lambda.
func (w *weight) scalar() (s fr.Element) {
	var b fr.Element
	b.SetUint64(w.b)
	b.Mul(&b, &endomorphism().lambda)
	s.SetUint64(w.a)
	s.Add(&s, &b)
	return s
}

// jointSparse is Solinas' joint sparse form (CORR 2001-41, algorithm 2): of
// two 64-bit numbers about half of the digit pairs are zero. A pair (s, t)
// is stored as 3s + t.
func jointSparse(a, b uint64) (out [65]jointDigit) {
	var da, db uint64
	digit := func(k, dk, l, dl uint64) int8 {
		u := (k + dk) & 7
		if u&1 == 0 {
			return 0
		}
		d := int8(2) - int8(u&3)
		if other := (l + dl) & 3; (u == 3 || u == 5) && other == 2 {
			d = -d
		}
		return d
	}
	carry := func(d *uint64, u int8) {
		if int8(2**d) == 1+u {
			*d = 1 - *d
		}
	}
	for i := range out {
		s, t := digit(a, da, b, db), digit(b, db, a, da)
		carry(&da, s)
		carry(&db, t)
		a >>= 1
		b >>= 1
		out[i] = jointDigit(3*s + t)
	}
	return out
}

// jointTable holds P, its image, their sum and their difference. The sum needs
// no arithmetic: 1 + lambda + lambda^2 = 0, so it is minus the second image.
type jointTable struct{ p, image, sum, difference bn254.G1Affine }

// newJointTables makes tables with one inversion for all.
func newJointTables(points []bn254.G1Affine) []jointTable {
	e := endomorphism()
	out := make([]jointTable, len(points))
	dens := make([]fp.Element, len(points))
	for i := range points {
		p := &points[i]
		t := &out[i]
		t.p = *p
		t.image.X.Mul(&p.X, &e.omega)
		t.image.Y = p.Y
		t.sum.X.Mul(&p.X, &e.omega2)
		t.sum.Y.Neg(&p.Y)
		dens[i].Sub(&t.image.X, &p.X) // 0 only for x = 0
	}
	dens = fp.BatchInvert(dens)
	for i := range out {
		t := &out[i]
		if dens[i].IsZero() {
			// x = 0: the image is P itself and the difference infinity.
			t.sum.Double(&t.p)
			t.difference.SetInfinity()
			continue
		}
		// P - image: the chord through (x, y) and (omega*x, -y).
		var m fp.Element
		m.Double(&t.p.Y)
		m.Neg(&m)
		m.Mul(&m, &dens[i])
		d := &t.difference
		d.X.Square(&m)
		d.X.Sub(&d.X, &t.p.X)
		d.X.Sub(&d.X, &t.image.X)
		d.Y.Sub(&t.p.X, &d.X)
		d.Y.Mul(&d.Y, &m)
		d.Y.Sub(&d.Y, &t.p.Y)
	}
	return out
}

// addTo adds the digit's multiple to acc.
func (t *jointTable) addTo(acc *bn254.G1Jac, d jointDigit) {
	negative := d < 0
	if negative {
		d = -d
	}
	var p bn254.G1Affine
	switch d {
	case 0:
		return
	case 1: // (0, 1)
		p = t.image
	case 2: // (1, -1)
		p = t.difference
	case 3: // (1, 0)
		p = t.p
	case 4: // (1, 1)
		p = t.sum
	}
	if negative {
		p.Y.Neg(&p.Y)
	}
	acc.AddMixed(&p)
}

// times gives w * P.
func (t *jointTable) times(w *weight) (acc bn254.G1Jac) {
	acc.X.SetOne()
	acc.Y.SetOne()
	for i := len(w.digits) - 1; i >= 0; i-- {
		acc.DoubleAssign()
		t.addTo(&acc, w.digits[i])
	}
	return acc
}

// combine gives the sum of w[i] * P[i], doubling once for all.
func combine(tables []*jointTable, weights []*weight) (acc bn254.G1Jac) {
	acc.X.SetOne()
	acc.Y.SetOne()
	for i := len(weight{}.digits) - 1; i >= 0; i-- {
		acc.DoubleAssign()
		for j, t := range tables {
			t.addTo(&acc, weights[j].digits[i])
		}
	}
	return acc
}
