package semaphore

import (
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// TestT20DifferentialGnark changes official proofs at random and compares our
// verdict with that of gnark's verifier, singly and in a batch. Every change is
// in the points or the inputs of the equation, since all else is refused
// before it.
func TestT20DifferentialGnark(t *testing.T) {
	rounds := 60
	if os.Getenv("PERHUMAN_LONG") == "1" {
		rounds = 3000
	}
	keys := gnarkKeys(t)
	v := verifier(t)
	r := rand.New(rand.NewPCG(20, 25))
	base := crowd(t, 18)
	var batch []*batchItem
	var want []error
	accepted := 0
	for i := range rounds {
		s, err := newStatement(base[r.IntN(len(base))])
		if err != nil {
			t.Fatal(err)
		}
		how := mutate(r, &s)
		ours, theirs := v.verify(&s), gnarkVerify(keys, &s)
		if (ours == nil) != (theirs == nil) {
			t.Fatalf("round %d, %s at depth %d: ours %v, gnark %v", i, how, s.depth, ours, theirs)
		}
		if ours == nil {
			accepted++
		}
		batch = append(batch, &batchItem{statement: s, verdict: new(error)})
		want = append(want, ours)
	}
	if accepted == 0 || accepted == rounds {
		t.Errorf("%d of %d accepted: the test decides nothing", accepted, rounds)
	}
	bothWays(t, func(t *testing.T, v *Verifier) {
		again := make([]*batchItem, len(batch))
		for i, it := range batch {
			again[i] = &batchItem{statement: it.statement, verdict: new(error)}
		}
		v.settle(again, random)
		for i, it := range again {
			if (*it.verdict == nil) != (want[i] == nil) {
				t.Errorf("proof %d: batch %v, singly %v", i, *it.verdict, want[i])
			}
		}
	})
}

func mutate(r *rand.Rand, s *statement) string {
	var k fr.Element
	k.SetUint64(r.Uint64() + 2)
	n := k.BigInt(new(big.Int))
	switch r.IntN(10) {
	case 0:
		return "nothing"
	case 1:
		s.a.ScalarMultiplication(&s.a, n)
		k.Inverse(&k)
		s.b.ScalarMultiplication(&s.b, k.BigInt(n))
		return "kA, B/k"
	case 2:
		s.a.Neg(&s.a)
		s.b.Neg(&s.b)
		return "-A, -B"
	case 3:
		s.a.ScalarMultiplication(&s.a, n)
		return "kA"
	case 4:
		s.c.Neg(&s.c)
		return "-C"
	case 5:
		i := r.IntN(len(s.inputs))
		s.inputs[i].Add(&s.inputs[i], &k)
		return "another input"
	case 6:
		s.depth = r.IntN(MaxDepth) + 1
		return "another depth"
	case 7:
		s.a, s.c = s.c, s.a
		return "A and C swapped"
	case 8:
		p := bn254.GeneratePointNotInG2(bn254.E2{A0: fp.NewElement(r.Uint64())})
		s.b.FromJacobian(&p)
		return "B off the subgroup"
	default:
		s.b.ScalarMultiplication(&s.b, n)
		return "kB"
	}
}

// TestMillerLoopEqualsLibrary: our loop and the library's differ only by what
// the final exponentiation kills.
func TestMillerLoopEqualsLibrary(t *testing.T) { bothWays(t, millerLoopEqualsLibrary) }

func millerLoopEqualsLibrary(t *testing.T, v *Verifier) {
	_, _, g1, g2 := bn254.Generators()
	r := rand.New(rand.NewPCG(3, 4))
	point := func() (p bn254.G1Affine, q bn254.G2Affine) {
		p.ScalarMultiplication(&g1, new(big.Int).SetUint64(r.Uint64()))
		q.ScalarMultiplication(&g2, new(big.Int).SetUint64(r.Uint64()))
		return p, q
	}
	for _, shape := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {1, 2}, {1, 6}, {3, 1}, {2, 4}} {
		if shape[0] > 1 && v.vectors() {
			continue // not needed there
		}
		var ps []bn254.G1Affine
		var qs []bn254.G2Affine
		var moving []movingPair
		var fixed []fixedArgument
		for range shape[0] {
			p, q := point()
			ps, qs = append(ps, p), append(qs, q)
			moving = append(moving, newMovingPair(&p, &q))
		}
		for range shape[1] {
			p, q := point()
			ps, qs = append(ps, p), append(qs, q)
			a := fixedArgument{lines: newFixedLines(&q, v.vectors())}
			a.p.FromAffine(&p)
			a.p.DoubleAssign() // coordinates with Z other than 1
			half := new(big.Int).ModInverse(big.NewInt(2), fr.Modulus())
			a.p.ScalarMultiplication(&a.p, half)
			fixed = append(fixed, a)
		}
		// A point at infinity changes nothing.
		fixed = append(fixed, fixedArgument{lines: newFixedLines(&g2, v.vectors())})
		f, inG2 := v.miller(moving, fixedPairs(nil, fixed...))
		var want bn254.GT
		want.SetOne()
		if len(ps) > 0 {
			var err error
			if want, err = bn254.Pair(ps, qs); err != nil {
				t.Fatal(err)
			}
		}
		if got := v.final(&f); got != want || !inG2 {
			t.Errorf("%d moving, %d fixed: pairing differs, or in G2 %v", shape[0], shape[1], inG2)
		}
	}
}

// TestMillerLoopFindsOutsiders: points of all orders that the twist has, which
// are the divisors of the cofactor times 1 or r.
func TestMillerLoopFindsOutsiders(t *testing.T) { bothWays(t, millerLoopFindsOutsiders) }

func millerLoopFindsOutsiders(t *testing.T, v *Verifier) {
	_, _, g1, g2 := bn254.Generators()
	order := new(big.Int).Lsh(bn254Q(), 1)
	order.Sub(order, fr.Modulus())
	order.Mul(order, fr.Modulus())
	factors := []string{"10069", "5864401", "1875725156269", "197620364512881247228717050342013327560683201906968909", fr.Modulus().String()}
	base := bn254.GeneratePointNotInG2(bn254.E2{})
	base.AddMixed(&g2)
	for set := range 1 << len(factors) {
		k := new(big.Int).Set(order)
		for i, f := range factors {
			if set>>i&1 == 1 {
				n, _ := new(big.Int).SetString(f, 10)
				k.Div(k, n)
			}
		}
		p := mulG2(&base, k)
		if p.Z.IsZero() {
			if set == 0 {
				continue
			}
			t.Fatalf("orders %b: infinity", set)
		}
		var q bn254.G2Affine
		q.FromJacobian(&p)
		_, inG2 := v.miller([]movingPair{newMovingPair(&g1, &q)}, nil)
		if want := set == 1<<(len(factors)-1); inG2 != want || q.IsInSubGroup() != want {
			t.Errorf("orders %b: in G2 %v", set, inG2)
		}
	}
}
