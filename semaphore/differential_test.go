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
func TestMillerLoopEqualsLibrary(t *testing.T) {
	_, _, g1, g2 := bn254.Generators()
	r := rand.New(rand.NewPCG(3, 4))
	point := func() (p bn254.G1Affine, q bn254.G2Affine) {
		p.ScalarMultiplication(&g1, new(big.Int).SetUint64(r.Uint64()))
		q.ScalarMultiplication(&g2, new(big.Int).SetUint64(r.Uint64()))
		return p, q
	}
	for _, shape := range [][2]int{{1, 0}, {0, 1}, {1, 2}, {3, 1}, {2, 4}} {
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
			a := fixedArgument{lines: newFixedLines(&q)}
			a.p.FromAffine(&p)
			a.p.DoubleAssign() // coordinates with Z other than 1
			half := new(big.Int).ModInverse(big.NewInt(2), fr.Modulus())
			a.p.ScalarMultiplication(&a.p, half)
			fixed = append(fixed, a)
		}
		// A point at infinity changes nothing.
		fixed = append(fixed, fixedArgument{lines: newFixedLines(&g2)})
		f := millerLoop(moving, fixedPairs(nil, fixed...))
		want, err := bn254.Pair(ps, qs)
		if err != nil {
			t.Fatal(err)
		}
		if got := bn254.FinalExponentiation(&f); got != want {
			t.Errorf("%d moving, %d fixed: pairing differs", shape[0], shape[1])
		}
	}
}
