//go:build amd64 && !purego

package pairing8

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// roots gives a cube root of 1 in the base field and the multiplier of G1 that
// belongs to it.
func roots(t testing.TB) (omega fp.Element, lambda *big.Int) {
	t.Helper()
	root := func(p *big.Int) *big.Int {
		e := new(big.Int).Sub(p, big.NewInt(1))
		e.Div(e, big.NewInt(3))
		for i := int64(2); ; i++ {
			if x := new(big.Int).Exp(big.NewInt(i), e, p); x.Cmp(big.NewInt(1)) != 0 {
				return x
			}
		}
	}
	lambda = root(fr.Modulus())
	omega.SetBigInt(root(fp.Modulus()))
	_, _, g, _ := bn254.Generators()
	var multiple bn254.G1Affine
	multiple.ScalarMultiplication(&g, lambda)
	for range 2 {
		var x fp.Element
		if x.Mul(&g.X, &omega); x == multiple.X {
			return omega, lambda
		}
		omega.Square(&omega)
	}
	t.Fatal("no root belongs to the other")
	return
}

func weightOf(w Weight, lambda *big.Int) *big.Int {
	odd := func(x uint64) *big.Int {
		v := new(big.Int).SetUint64(x)
		v.Lsh(v, 1)
		v.Add(v, big.NewInt(1))
		return v.Sub(v, new(big.Int).Lsh(big.NewInt(1), 64))
	}
	s := odd(w.B)
	s.Mul(s, lambda)
	s.Add(s, odd(w.A))
	return s.Mod(s, fr.Modulus())
}

func TestScale(t *testing.T) {
	need(t)
	omega, lambda := roots(t)
	r := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{0, 1, 8, 16, 17, 40, 150} {
		p, _ := pairs(r, n)
		w := make([]Weight, n)
		for i := range w {
			w[i] = Weight{r.Uint64(), r.Uint64()}
		}
		if n > 8 {
			edges := []uint64{0, 1, 1<<63 - 1, 1 << 63, 1<<64 - 1, 0x7777777777777777, 0x8888888888888888, 0x7888888888888888}
			for i := range w {
				if i%2 == 0 {
					w[i] = Weight{edges[i/2%8], edges[i/16%8]}
				}
			}
			p[3] = p[2]
		}
		got := append([]bn254.G1Affine(nil), p...)
		Scale(got, w, &omega)
		for i := range p {
			var want bn254.G1Affine
			want.ScalarMultiplication(&p[i], weightOf(w[i], lambda))
			if got[i] != want {
				t.Fatalf("n = %d: %x times point %d differs", n, w[i], i)
			}
		}
	}
}

// All pairs of edge weights on one point.
func TestScaleEdges(t *testing.T) {
	need(t)
	omega, lambda := roots(t)
	_, _, g, _ := bn254.Generators()
	edges := []uint64{0, 1, 15, 16, 1<<60 - 1, 1 << 60, 1<<63 - 1, 1 << 63, 1<<64 - 1, 0xf0f0f0f0f0f0f0f0}
	var w []Weight
	for _, a := range edges {
		for _, b := range edges {
			w = append(w, Weight{a, b})
		}
	}
	p := make([]bn254.G1Affine, len(w))
	for i := range p {
		p[i] = g
	}
	Scale(p, w, &omega)
	for i := range w {
		var want bn254.G1Affine
		want.ScalarMultiplication(&g, weightOf(w[i], lambda))
		if p[i] != want {
			t.Fatalf("%x differs", w[i])
		}
	}
}

func BenchmarkScale(b *testing.B) {
	need(b)
	omega, _ := roots(b)
	p, _ := pairs(rand.New(rand.NewPCG(3, 4)), 128)
	w := make([]Weight, len(p))
	for i := range w {
		w[i] = Weight{uint64(i) * 0x9e3779b97f4a7c15, uint64(i) * 0xbf58476d1ce4e5b9}
	}
	for b.Loop() {
		Scale(p, w, &omega)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(p)), "ns/point")
}
