package semaphore

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/perhuman/perhuman/semaphore/internal/pairing8"
)

// The tests of docs/batch-verification.md.

// TestCofactorOfTheTwist: the twist has r*h points, h = 2q - r, r does not
// divide h, and the smallest prime that does is 10069, above 2^13.
func TestCofactorOfTheTwist(t *testing.T) {
	r := fr.Modulus()
	h := new(big.Int).Lsh(bn254Q(), 1)
	h.Sub(h, r)
	mod := func(n *big.Int, d uint64) uint64 { return new(big.Int).Mod(n, new(big.Int).SetUint64(d)).Uint64() }
	for d := uint64(2); d < 10069; d++ {
		if mod(h, d) == 0 {
			t.Fatalf("%d divides the cofactor", d)
		}
	}
	if mod(h, 10069) != 0 || 10069 <= 1<<subgroupBits {
		t.Error("10069 is not what keeps the 13-bit multiples apart")
	}
	// The whole of it, by the known factors.
	primes := []*big.Int{r}
	product := big.NewInt(1)
	for _, f := range []string{"10069", "5864401", "1875725156269", "197620364512881247228717050342013327560683201906968909"} {
		n, _ := new(big.Int).SetString(f, 10)
		if !n.ProbablyPrime(20) {
			t.Errorf("%s is not prime", f)
		}
		product.Mul(product, n)
		primes = append(primes, n)
	}
	if product.Cmp(h) != 0 {
		t.Error("the factors are others")
	}
	if new(big.Int).Mod(h, r).Sign() == 0 {
		t.Error("r divides the cofactor")
	}
	// There is a point of order r*h, so the number of points is a multiple of it;
	// by Hasse it differs from q^2 + 1 by 2q at most, and only r*h itself does.
	order := new(big.Int).Mul(r, h)
	trace := new(big.Int).Mul(bn254Q(), bn254Q())
	trace.Add(trace, big.NewInt(1)).Sub(trace, order)
	bound := new(big.Int).Lsh(bn254Q(), 1)
	if trace.CmpAbs(bound) > 0 || order.Cmp(new(big.Int).Lsh(bound, 1)) <= 0 {
		t.Error("the order is outside of Hasse's bound")
	}
	_, _, _, g2 := bn254.Generators()
	p := bn254.GeneratePointNotInG2(bn254.E2{}) // has no part in G2
	p.AddMixed(&g2)
	if end := mulG2(&p, order); !end.Z.IsZero() {
		t.Error("r*h does not kill a point of the twist")
	}
	for _, f := range primes {
		if part := mulG2(&p, new(big.Int).Div(order, f)); part.Z.IsZero() {
			t.Errorf("the point's order lacks %d", f)
		}
	}
}

// TestWeightsAreDistinct: lambda is a root of x^2 + x + 1, from which it follows
// that pairs of words below 2^64 give different scalars, and that a small form of
// a nonzero vector with x + y*lambda = 0 does not exist. The same of twice the
// words, shifted.
func TestWeightsAreDistinct(t *testing.T) {
	lambda := endomorphism().lambda
	var sum, one fr.Element
	one.SetOne()
	sum.Square(&lambda)
	sum.Add(&sum, &lambda).Add(&sum, &one)
	if !sum.IsZero() {
		t.Fatal("lambda is not a root")
	}
	limit := new(big.Int).Lsh(big.NewInt(3), 130)
	if limit.Cmp(fr.Modulus()) >= 0 {
		t.Error("3 * 2^130 is not below r")
	}
	seen, seenOdd := map[fr.Element]bool{}, map[fr.Element]bool{}
	words := []uint64{0, 1, 2, 3, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 2, 1<<64 - 1}
	for r := rand.New(rand.NewPCG(1, 1)); len(words) < 60; {
		words = append(words, r.Uint64())
	}
	for _, a := range words {
		for _, b := range words {
			w := newWeight(a, b)
			plain, odd := w.scalar(), oddScalar(pairing8.Weight{A: a, B: b}, endomorphism())
			if seen[plain] || seenOdd[odd] || odd.IsZero() {
				t.Fatalf("the weight of %d and %d comes twice or is 0", a, b)
			}
			seen[plain], seenOdd[odd] = true, true
		}
	}
}

// TestSubgroupBoundIsMet: of all 2^13 numbers for one point with a part of order
// 10069, exactly one hides it behind another such point.
func TestSubgroupBoundIsMet(t *testing.T) {
	_, _, _, g2 := bn254.Generators()
	bad := offSubgroup(t, &g2)
	points := []bn254.G2Affine{bad, g2}
	points[1].Neg(&bad)
	passing := 0
	for s := range uint16(1 << subgroupBits) {
		if s%64 > 1 && s/64 != 77 {
			continue // a sample, with the one that passes
		}
		sum := bucketSum(2, func(i int) *bn254.G2Affine { return &points[i] }, func(i int) uint16 { return []uint16{s, 77*64 + 5}[i] })
		if sum.IsInSubGroup() {
			passing++
			if s != 77*64+5 {
				t.Errorf("%d hides it", s)
			}
		}
	}
	if passing != 1 {
		t.Errorf("%d numbers hide it, want 1", passing)
	}
	// The five sums are drawn apart: a source that repeats lets it through
	// always, so numbers must be fresh.
	at := func(i int) *bn254.G2Affine { return &points[i%2] }
	if !inSubgroup(subgroupMin, at, func(b []byte) { clear(b) }) {
		t.Error("with numbers 0 nothing is checked")
	}
	calls := 0
	inSubgroup(subgroupMin, func(int) *bn254.G2Affine { return &g2 }, func(b []byte) {
		if calls++; len(b) != 2*subgroupMin {
			t.Errorf("%d bytes drawn", len(b))
		}
	})
	if calls != subgroupSums {
		t.Errorf("drawn %d times, want %d", calls, subgroupSums)
	}
}
