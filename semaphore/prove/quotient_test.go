package prove

import (
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// TestQuotient: all arithmetics give the coset values of a polynomial that,
// times the vanishing polynomial there, is A*B - C, checked at a random point.
func TestQuotient(t *testing.T) {
	for _, n := range []int{2, 8, 256} {
		r := seeded(uint64(n))
		a, b := make([]fr.Element, n), make([]fr.Element, n)
		for i := range n {
			a[i], b[i] = randomElement(r), randomElement(r)
		}
		vectors, err := newVectorCoset(n)
		if err != nil {
			t.Fatal(err)
		}
		limbs, err := newLimbCoset(n)
		if err != nil {
			t.Fatal(err)
		}
		chosen, err := newCoset(n)
		if err != nil {
			t.Fatal(err)
		}
		got, other, third := append([]fr.Element(nil), a...), append([]fr.Element(nil), a...), append([]fr.Element(nil), a...)
		vectors.quotient(got, append([]fr.Element(nil), b...), 2)
		limbs.quotient(other, append([]fr.Element(nil), b...), 2)
		chosen.quotient(third, append([]fr.Element(nil), b...), 2)
		for i := range got {
			if got[i] != other[i] || got[i] != third[i] {
				t.Fatalf("domain %d: the arithmetics differ at %d", n, i)
			}
		}

		// h = (A*B - C)/(X^n - 1) has degree below n-1. Its values on the
		// coset are got/-2; compare with A, B, C at a random point.
		g, err := shift(n)
		if err != nil {
			t.Fatal(err)
		}
		var root fr.Element
		root.Square(&g)
		c := make([]fr.Element, n)
		for i := range c {
			c[i].Mul(&a[i], &b[i])
		}
		x := randomElement(r)
		at := func(values []fr.Element, first fr.Element) fr.Element {
			return interpolate(values, first, root, x)
		}
		left, right := at(got, g), at(a, fr.One())
		vb, vc := at(b, fr.One()), at(c, fr.One())
		right.Mul(&right, &vb)
		right.Sub(&right, &vc)
		vanish, minusTwo := fr.One(), fr.One()
		for range n {
			vanish.Mul(&vanish, &x)
		}
		one := fr.One()
		vanish.Sub(&vanish, &one)
		minusTwo.Double(&minusTwo).Neg(&minusTwo)
		left.Div(&left, &minusTwo)
		left.Mul(&left, &vanish)
		if left != right {
			t.Errorf("domain %d: not the quotient", n)
		}
	}
}

// interpolate evaluates at x the polynomial with the given values at first,
// first*root, first*root^2, ...
func interpolate(values []fr.Element, first, root, x fr.Element) (sum fr.Element) {
	points := make([]fr.Element, len(values))
	for i := range points {
		points[i] = first
		first.Mul(&first, &root)
	}
	for i := range values {
		term := values[i]
		for j := range points {
			if j != i {
				var num, den fr.Element
				num.Sub(&x, &points[j])
				den.Sub(&points[i], &points[j])
				num.Div(&num, &den)
				term.Mul(&term, &num)
			}
		}
		sum.Add(&sum, &term)
	}
	return sum
}
