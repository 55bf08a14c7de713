//go:build amd64 && !purego

package pairing8

import (
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// pairs gives points of order r.
func pairs(r *rand.Rand, n int) ([]bn254.G1Affine, []bn254.G2Affine) {
	_, _, g1, g2 := bn254.Generators()
	p, q := make([]bn254.G1Affine, n), make([]bn254.G2Affine, n)
	scalar := func() *big.Int {
		var k fr.Element
		for i := range k {
			k[i] = r.Uint64() >> 4
		}
		return k.BigInt(new(big.Int))
	}
	for i := range n {
		p[i].ScalarMultiplication(&g1, scalar())
		q[i].ScalarMultiplication(&g2, scalar())
	}
	return p, q
}

func TestMillerLoop(t *testing.T) {
	need(t)
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 7, 8, 9, 16, 21} {
		p, q := pairs(r, n)
		if n > 2 {
			_, _, p[0], q[1] = bn254.Generators()
			p[1].Neg(&p[0])
			q[2].Neg(&q[1])
		}
		f, ok := MillerLoop(p, q)
		if !ok {
			t.Fatalf("n = %d: points of G2 refused", n)
		}
		want, err := bn254.MillerLoop(p, q)
		if n == 0 {
			want.SetOne()
		} else if err != nil {
			t.Fatal(err)
		}
		if bn254.FinalExponentiation(&f) != bn254.FinalExponentiation(&want) {
			t.Fatalf("n = %d: another pairing", n)
		}
		if n == 0 {
			continue
		}
		// Infinity pairs to 1.
		p[n/2].SetInfinity()
		f, ok = MillerLoop(p, q)
		want, err = bn254.MillerLoop(p, q)
		if !ok || err != nil || bn254.FinalExponentiation(&f) != bn254.FinalExponentiation(&want) {
			t.Fatalf("n = %d: another pairing with a point at infinity", n)
		}
	}
}

// TestLong compares many loops and multiplications with the library's.
func TestLong(t *testing.T) {
	if os.Getenv("PERHUMAN_LONG") != "1" {
		t.Skip("set PERHUMAN_LONG=1")
	}
	need(t)
	omega, lambda := roots(t)
	r := rand.New(rand.NewPCG(21, 22))
	for round := range 400 {
		n := 1 + r.IntN(40)
		p, q := pairs(r, n)
		w := make([]Weight, n)
		scaled := append([]bn254.G1Affine(nil), p...)
		for i := range w {
			w[i] = Weight{r.Uint64(), r.Uint64()}
			p[i].ScalarMultiplication(&p[i], weightOf(w[i], lambda))
		}
		Scale(scaled, w, &omega)
		for i := range p {
			if scaled[i] != p[i] {
				t.Fatalf("round %d: %x times a point differs", round, w[i])
			}
		}
		f, ok := MillerLoop(scaled, q)
		want, err := bn254.Pair(p, q)
		if !ok || err != nil || FinalExponentiation(&f) != want {
			t.Fatalf("round %d: another pairing of %d", round, n)
		}
	}
}

func BenchmarkMillerLoop(b *testing.B) {
	need(b)
	p, q := pairs(rand.New(rand.NewPCG(3, 4)), 64)
	b.Run("lanes", func(b *testing.B) {
		for b.Loop() {
			MillerLoop(p, q)
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			bn254.MillerLoop(p, q)
		}
	})
}

// The check of finish is exact when the norm of 6x+2 + psi - psi^2 + psi^3, in
// the ring of psi, has only r in common with the order of the twist, and r
// divides that order once.
func TestSubgroupCheckIsExact(t *testing.T) {
	x, _ := new(big.Int).SetString("4965661367192848881", 10)
	p, r := fp.Modulus(), fr.Modulus()
	sum := func(terms ...*big.Int) *big.Int {
		s := new(big.Int)
		for _, v := range terms {
			s.Add(s, v)
		}
		return s
	}
	times := func(k int64, v ...*big.Int) *big.Int {
		s := big.NewInt(k)
		for _, f := range v {
			s.Mul(s, f)
		}
		return s
	}
	trace := sum(times(6, x, x), big.NewInt(1))
	if want := sum(times(36, x, x, x, x), times(36, x, x, x), times(24, x, x), times(6, x), big.NewInt(1)); want.Cmp(p) != 0 {
		t.Fatal("x is not the parameter of p")
	}
	cofactor := sum(times(2, p), times(-1, r))
	order := times(1, cofactor, r)
	// psi^2 = t*psi - p and psi^3 = (t^2-p)*psi - t*p, so the sum is a + b*psi.
	a := sum(times(6, x), big.NewInt(2), p, times(-1, trace, p))
	b := sum(big.NewInt(1), times(-1, trace), times(1, trace, trace), times(-1, p))
	norm := sum(times(1, a, a), times(1, a, b, trace), times(1, b, b, p))
	if new(big.Int).GCD(nil, nil, norm, order).Cmp(r) != 0 {
		t.Error("the norm shares more than r with the order")
	}
	if new(big.Int).GCD(nil, nil, cofactor, r).Cmp(big.NewInt(1)) != 0 {
		t.Error("there are several subgroups of order r")
	}
	// And G2 passes: psi is p there.
	if v := sum(a, times(1, b, p)); v.Mod(v, r).Sign() != 0 {
		t.Error("G2 does not pass")
	}
	// The walk is over the digits of 6x+2, of which the highest is 1.
	walked := new(big.Int)
	for i := len(bn254.LoopCounter) - 1; i >= 0; i-- {
		walked.Lsh(walked, 1)
		walked.Add(walked, big.NewInt(int64(bn254.LoopCounter[i])))
	}
	if walked.Cmp(sum(times(6, x), big.NewInt(2))) != 0 || bn254.LoopCounter[len(bn254.LoopCounter)-1] != 1 {
		t.Error("the loop counter is not 6x+2")
	}
}

// outsiders are points of the twist outside of G2: of full order, of the small
// order 10069, which the walk meets again and again, and such with a good
// point added.
func outsiders(t *testing.T) []bn254.G2Affine {
	t.Helper()
	_, _, _, g2 := bn254.Generators()
	cofactor := new(big.Int).Lsh(fp.Modulus(), 1)
	cofactor.Sub(cofactor, fr.Modulus())
	small := new(big.Int).Div(cofactor, big.NewInt(10069))
	small.Mul(small, fr.Modulus())
	var out []bn254.G2Affine
	put := func(p *bn254.G2Jac) {
		var a bn254.G2Affine
		a.FromJacobian(p)
		out = append(out, a)
	}
	for i := uint64(1); len(out) < 24; i++ {
		var x bn254.E2
		x.A0.SetUint64(i)
		p := bn254.GeneratePointNotInG2(x)
		put(&p)
		for _, k := range []*big.Int{small, fr.Modulus()} {
			if q := plainMul(&p, k); !q.Z.IsZero() {
				put(&q)
				q.AddMixed(&g2)
				put(&q)
			}
		}
	}
	return out
}

// plainMul is double-and-add: the library's multiplication assumes G2.
func plainMul(p *bn254.G2Jac, k *big.Int) (acc bn254.G2Jac) {
	acc.X.SetOne()
	acc.Y.SetOne()
	for i := k.BitLen() - 1; i >= 0; i-- {
		acc.DoubleAssign()
		if k.Bit(i) == 1 {
			acc.AddAssign(p)
		}
	}
	return acc
}

func TestMillerLoopRefusesOutsiders(t *testing.T) {
	need(t)
	p, good := pairs(rand.New(rand.NewPCG(5, 6)), 11)
	for i, bad := range outsiders(t) {
		if bad.IsInSubGroup() || !bad.IsOnCurve() {
			t.Fatal("not the point this test needs")
		}
		q := append([]bn254.G2Affine(nil), good...)
		q[i%len(q)] = bad
		if _, ok := MillerLoop(p, q); ok {
			t.Errorf("point %d outside of G2 passed", i)
		}
		if _, ok := MillerLoop(p[:1], []bn254.G2Affine{bad}); ok {
			t.Errorf("point %d outside of G2 passed alone", i)
		}
	}
}
