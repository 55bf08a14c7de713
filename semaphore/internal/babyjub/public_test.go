package babyjub

import (
	"testing"

	"pgregory.net/rapid"
)

// The verifiers' arithmetic is the signers'.
func TestPublicEqualsScalarMul(t *testing.T) {
	g := full(t)
	rapid.Check(t, func(t *rapid.T) {
		k, m := scalar(t, "k"), scalar(t, "m")
		p := ScalarMul(g, &m)
		q := NewPublic(p)
		e := q.times(&k)
		if !e.affine().Equal(ScalarMul(p, &k)) {
			t.Fatal("k*P")
		}
		b := timesBase(&k)
		if !b.affine().Equal(ScalarMul(Base8(), &k)) {
			t.Fatal("k*Base8")
		}
		if q.InSubgroup() != p.InSubgroup() {
			t.Fatal("InSubgroup")
		}
		// r8 = k*Base8 - 8*m*P makes the equation hold, and nothing near it.
		minus := ScalarMul(p, &m)
		for range 3 {
			minus = Add(minus, minus)
		}
		minus.X.Neg(&minus.X)
		r8 := Add(ScalarMul(Base8(), &k), minus)
		if !q.Signed(r8, &m, &k) {
			t.Fatal("a good equation is refused")
		}
		if q.Signed(Add(r8, Base8()), &m, &k) {
			t.Fatal("a bad equation is accepted")
		}
	})
	for _, k := range [][32]byte{{}, {31: 1}, {0: 0xff, 31: 0xff}} {
		q := NewPublic(Base8())
		e, b := q.times(&k), timesBase(&k)
		if want := ScalarMul(Base8(), &k); !e.affine().Equal(want) || !b.affine().Equal(want) {
			t.Errorf("%x", k)
		}
	}
}
