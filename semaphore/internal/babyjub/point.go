// Package babyjub is the Baby Jubjub curve a*x^2 + y^2 = 1 + d*x^2*y^2 over the
// BN254 scalar field, with a = 168700 and d = 168696: the group of Semaphore
// identities and of EdDSA-Poseidon signatures (EIP-2494).
//
// The curve has order 8*l with l prime. a is a square and d is not, so the
// addition law is complete: there are no exceptional points, and one formula
// serves addition and doubling.
//
// ScalarMul does not branch on its scalar and reads no address that depends on
// it: every window costs the same doublings and one addition, and reads the
// whole table. Scalar does the same for arithmetic modulo l. Below them,
// gnark-crypto's field additions still branch on whether a sum passed the
// modulus, which its authors do not claim to hide: this keeps secrets from a
// clock on the network, not from a process that shares the core.
package babyjub

import (
	"math/big"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Point is an affine point. The zero value is not on the curve; Identity is
// the neutral point.
type Point struct{ X, Y fr.Element }

// Curve coefficients.
const (
	coeffA = 168700
	coeffD = 168696
)

type parameters struct {
	a, d  fr.Element
	base8 Point
	order *big.Int
}

var params = sync.OnceValue(func() *parameters {
	p := &parameters{}
	p.a.SetUint64(coeffA)
	p.d.SetUint64(coeffD)
	mustSet(&p.base8.X, "5299619240641551281634865583518297030282874472190772894086521144482721001553")
	mustSet(&p.base8.Y, "16950150798460657717958625567821834550301663161624707787222815936182638968203")
	p.order, _ = new(big.Int).SetString("2736030358979909402780800718157159386076813972158567259200215660948447373041", 10)
	return p
})

func mustSet(e *fr.Element, s string) {
	if _, err := e.SetString(s); err != nil {
		panic("babyjub: bad constant " + s)
	}
}

// Base8 generates the subgroup of order l.
func Base8() Point { return params().base8 }

// Order gives a copy of l, the order of the prime subgroup.
func Order() *big.Int { return new(big.Int).Set(params().order) }

// Identity is the neutral point (0, 1).
func Identity() Point {
	var p Point
	p.Y.SetOne()
	return p
}

// OnCurve checks the equation.
func (p Point) OnCurve() bool {
	c := params()
	var x2, y2, l, r fr.Element
	x2.Square(&p.X)
	y2.Square(&p.Y)
	l.Mul(&c.a, &x2)
	l.Add(&l, &y2)
	r.Mul(&x2, &y2)
	r.Mul(&r, &c.d)
	x2.SetOne()
	r.Add(&r, &x2)
	return l.Equal(&r)
}

// InSubgroup checks that l*p is the neutral point. p must be on the curve.
func (p Point) InSubgroup() bool {
	q := p.extended()
	id := Identity()
	r := q.multiply(params().order.FillBytes(make([]byte, 32)))
	return r.equalAffine(&id)
}

// SmallOrder reports whether 8*p is the neutral point.
func (p Point) SmallOrder() bool {
	q := p.extended()
	for range 3 {
		q.add(&q, &q)
	}
	id := Identity()
	return q.equalAffine(&id)
}

// Equal compares coordinates.
func (p Point) Equal(q Point) bool { return p.X.Equal(&q.X) && p.Y.Equal(&q.Y) }

// Add gives p + q. Both must be on the curve.
func Add(p, q Point) Point {
	a, b := p.extended(), q.extended()
	a.add(&a, &b)
	return a.affine()
}

// ScalarMul gives k*p, where k is 32 bytes big-endian. p must be on the curve.
// Nothing here branches on k; the package comment says what that covers.
func ScalarMul(p Point, k *[32]byte) Point {
	q := p.extended()
	r := q.multiply(k[:])
	return r.affine()
}

// SmallOrderPoints gives the eight points whose order divides 8. The result is
// shared: do not write to it.
func SmallOrderPoints() []Point { return smallOrder() }

var smallOrder = sync.OnceValue(func() []Point {
	// l times a point of full order 8*l generates them.
	l := [32]byte(params().order.FillBytes(make([]byte, 32)))
	for y := byte(2); ; y++ {
		p, err := Decompress([32]byte{y})
		if err != nil {
			continue
		}
		g := ScalarMul(p, &l)
		points := []Point{Identity()}
		for q := g; !q.Equal(Identity()); q = Add(q, g) {
			points = append(points, q)
		}
		if len(points) == 8 {
			return points
		}
	}
})
