package semaphore

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"pgregory.net/rapid"
)

// crowd gives n valid proofs, depths mixed: the official ones and re-randomised
// copies, which are valid proofs with other points.
func crowd(t testing.TB, n int) []*Proof {
	t.Helper()
	v := official(t)
	out := make([]*Proof, n)
	for i := range out {
		p, err := ParseProof(v.Proofs[i%len(v.Proofs)].Proof)
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(v.Proofs) {
			p = rerandomise(t, p, uint64(i))
		}
		out[i] = p
	}
	return out
}

// rerandomise makes another valid proof of the same statement, as anybody can:
// (A/k, kB + km delta, C + mA) with two numbers from a seed.
func rerandomise(t testing.TB, p *Proof, seed uint64) *Proof {
	t.Helper()
	g, err := p.points()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 6))
	var k, m fr.Element
	k.SetUint64(r.Uint64() | 1)
	m.SetUint64(r.Uint64() | 1)
	n := new(big.Int)
	var ma bn254.G1Affine
	ma.ScalarMultiplication(&g.a, m.BigInt(n))
	g.c.Add(&g.c, &ma)
	g.b.ScalarMultiplication(&g.b, k.BigInt(n))
	m.Mul(&m, &k)
	var delta bn254.G2Affine
	delta.ScalarMultiplication(&verifier(t).keys[p.MerkleTreeDepth-1].delta, m.BigInt(n))
	g.b.Add(&g.b, &delta)
	k.Inverse(&k)
	g.a.ScalarMultiplication(&g.a, k.BigInt(n))
	q := *p
	q.Points = g.coordinates()
	return &q
}

var plainVerifier = sync.OnceValues(func() (*Verifier, error) { return newVerifier(true) })

// bothWays runs a test with vectors, where the processor has them, and without.
func bothWays(t *testing.T, test func(*testing.T, *Verifier)) {
	t.Helper()
	plain, err := plainVerifier()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("plain", func(t *testing.T) { test(t, plain) })
	if v := verifier(t); v.vectors() {
		t.Run("vectors", func(t *testing.T) { test(t, v) })
	}
}

func TestBatchAcceptsGood(t *testing.T) {
	ps := crowd(t, 70)
	bothWays(t, func(t *testing.T, v *Verifier) {
		for _, n := range []int{0, 1, 2, 3, 7, 18, 40, 70} {
			for i, err := range v.VerifyBatch(ps[:n]) {
				if err != nil {
					t.Errorf("n = %d: proof %d: %v", n, i, err)
				}
			}
		}
	})
}

// The same proof many times over is where sums meet equal points.
func TestBatchOfEqualProofs(t *testing.T) {
	ps := slices.Repeat(crowd(t, 1), 40)
	bothWays(t, func(t *testing.T, v *Verifier) {
		for i, err := range v.VerifyBatch(ps) {
			if err != nil {
				t.Errorf("proof %d: %v", i, err)
			}
		}
	})
}

// spoil makes a proof bad in one of the ways that need a verdict of their own.
func spoil(t testing.TB, p *Proof, way int) (*Proof, error) {
	t.Helper()
	q := *p
	switch way % 6 {
	case 0:
		q.Nullifier[31] ^= 1
		return &q, ErrInvalidProof
	case 1:
		q.MerkleTreeDepth = q.MerkleTreeDepth%MaxDepth + 1
		return &q, ErrInvalidProof
	case 2:
		g, err := p.points()
		if err != nil {
			t.Fatal(err)
		}
		g.c.Neg(&g.c)
		q.Points = g.coordinates()
		return &q, ErrInvalidProof
	case 3:
		g, err := p.points()
		if err != nil {
			t.Fatal(err)
		}
		g.b = offSubgroup(t, &g.b)
		q.Points = g.coordinates()
		return &q, ErrPoint
	case 4:
		q.MerkleTreeRoot = Element{}
		return &q, ErrZeroRoot
	default:
		return nil, ErrProofSyntax
	}
}

// offSubgroup adds a point of order 10069, the smallest the twist has beside
// G2: the case that random combinations find hardest.
func offSubgroup(t testing.TB, b *bn254.G2Affine) bn254.G2Affine {
	t.Helper()
	// The cofactor is 2q - r.
	cofactor := new(big.Int).Lsh(bn254Q(), 1)
	cofactor.Sub(cofactor, fr.Modulus())
	k := new(big.Int).Div(cofactor, big.NewInt(10069))
	k.Mul(k, fr.Modulus())
	for i := uint64(1); ; i++ {
		var x bn254.E2
		x.A0.SetUint64(i)
		p := bn254.GeneratePointNotInG2(x)
		small := mulG2(&p, k)
		if small.Z.IsZero() {
			continue
		}
		ten := mulG2(&small, big.NewInt(10069))
		if !ten.Z.IsZero() {
			t.Fatal("order is not 10069")
		}
		small.AddMixed(b)
		var out bn254.G2Affine
		out.FromJacobian(&small)
		return out
	}
}

func bn254Q() *big.Int {
	q, _ := new(big.Int).SetString("21888242871839275222246405745257275088696311157297823662689037894645226208583", 10)
	return q
}

// mulG2 is plain double-and-add: the library's multiplication assumes G2.
func mulG2(p *bn254.G2Jac, k *big.Int) bn254.G2Jac {
	var acc bn254.G2Jac
	setInfinity(&acc)
	for i := k.BitLen() - 1; i >= 0; i-- {
		acc.DoubleAssign()
		if k.Bit(i) == 1 {
			acc.AddAssign(p)
		}
	}
	return acc
}

func TestBatchFindsEveryBadProof(t *testing.T) { bothWays(t, findsEveryBadProof) }

func findsEveryBadProof(t *testing.T, v *Verifier) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range []struct{ n, bad int }{{3, 1}, {5, 5}, {12, 1}, {24, 2}, {40, 7}} {
		ps := crowd(t, shape.n)
		want := make([]error, shape.n)
		for way, i := range r.Perm(shape.n)[:shape.bad] {
			ps[i], want[i] = spoil(t, ps[i], way+shape.n)
		}
		for i, err := range v.VerifyBatch(ps) {
			if !errors.Is(err, want[i]) || (err == nil) != (want[i] == nil) {
				t.Errorf("%v: proof %d: %v, want %v", shape, i, err, want[i])
			}
		}
	}
}

// Two false proofs whose errors cancel without weights must both be found.
func TestBatchWeighsProofs(t *testing.T) { bothWays(t, weighsProofs) }

func weighsProofs(t *testing.T, v *Verifier) {
	ps := crowd(t, 6)
	ps[2], ps[4] = cancelling(t, ps[0])
	for i, err := range v.VerifyBatch(ps) {
		if (err != nil) != (i == 2 || i == 4) {
			t.Errorf("proof %d: %v", i, err)
		}
	}
}

// cancelling makes two false proofs of one depth whose errors add up to nothing,
// since their C meet the same delta.
func cancelling(t testing.TB, p *Proof) (*Proof, *Proof) {
	t.Helper()
	a, b := *p, *rerandomise(t, p, 5)
	ga, errA := a.points()
	gb, errB := b.points()
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	_, _, g, _ := bn254.Generators()
	ga.c.Add(&ga.c, &g)
	gb.c.Sub(&gb.c, &g)
	a.Points, b.Points = ga.coordinates(), gb.coordinates()
	return &a, &b
}

func TestSubgroupBatchFindsOneBadPoint(t *testing.T) {
	_, _, _, g2 := bn254.Generators()
	points := make([]bn254.G2Affine, 40)
	for i := range points {
		points[i].ScalarMultiplication(&g2, big.NewInt(int64(i+2)))
	}
	at := func(i int) *bn254.G2Affine { return &points[i] }
	if !inSubgroup(len(points), at, random) {
		t.Fatal("good points refused")
	}
	for _, i := range []int{0, 17, 39} {
		good := points[i]
		points[i] = offSubgroup(t, &good)
		if points[i].IsInSubGroup() || !points[i].IsOnCurve() {
			t.Fatal("not the point this test needs")
		}
		if inSubgroup(len(points), at, random) {
			t.Errorf("bad point %d not found", i)
		}
		points[i] = good
	}
}

func TestBucketSum(t *testing.T) {
	_, _, _, g2 := bn254.Generators()
	points := make([]bn254.G2Affine, 20)
	scalars := make([]uint16, len(points))
	var want bn254.G2Jac
	setInfinity(&want)
	for i := range points {
		points[i].ScalarMultiplication(&g2, big.NewInt(int64(3*i+1)))
		scalars[i] = uint16(i*409+i%3*8191) & (1<<subgroupBits - 1)
		var p bn254.G2Affine
		p.ScalarMultiplication(&points[i], big.NewInt(int64(scalars[i])))
		want.AddMixed(&p)
	}
	got := bucketSum(len(points), func(i int) *bn254.G2Affine { return &points[i] }, func(i int) uint16 { return scalars[i] })
	if !got.Equal(&want) {
		t.Error("sum differs")
	}
}

func TestWeights(t *testing.T) {
	_, _, g, _ := bn254.Generators()
	rapid.Check(t, func(t *rapid.T) {
		w := newWeight(rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b"))
		var p bn254.G1Affine
		p.ScalarMultiplication(&g, big.NewInt(rapid.Int64Range(1, 1<<60).Draw(t, "p")))
		table := newJointTables([]bn254.G1Affine{p})[0]
		got := table.times(&w)
		s := w.scalar()
		var want, one bn254.G1Jac
		one.FromAffine(&p)
		want.ScalarMultiplication(&one, s.BigInt(new(big.Int)))
		if !got.Equal(&want) {
			t.Fatalf("%x + %x lambda", w.a, w.b)
		}
	})
}

// What the equation is made of, way by way.
func TestWeighedParts(t *testing.T) {
	ps := crowd(t, 21)
	ps = append(ps, ps[3], ps[3])
	bothWays(t, func(t *testing.T, v *Verifier) {
		items := make([]*batchItem, len(ps))
		for i, p := range ps {
			s, err := newStatement(p)
			if err != nil {
				t.Fatal(err)
			}
			items[i] = &batchItem{statement: s, verdict: new(error)}
		}
		v.batcher.weigh(items, random)
		var c bn254.G1Jac
		a, b := make([]bn254.G1Affine, len(items)), make([]bn254.G2Affine, len(items))
		seen := map[fr.Element]bool{}
		for i, it := range items {
			if it.weight.IsZero() || seen[it.weight] {
				t.Fatal("a weight of 0, or used twice")
			}
			seen[it.weight] = true
			k := it.weight.BigInt(new(big.Int))
			a[i].ScalarMultiplication(&it.a, k)
			b[i] = it.b
			if a[i] != it.scaledA {
				t.Fatalf("A of %d", i)
			}
			var scaled bn254.G1Affine
			scaled.ScalarMultiplication(&it.c, k)
			c.AddMixed(&scaled)
		}
		if sum := v.batcher.sum(items); !sum.Equal(&c) {
			t.Fatal("sum of the C")
		}
		in := func() (f bn254.E12, inG2 bool) {
			if !v.batcher.check(items, random) {
				return f, false
			}
			return v.batcher.pair(items)
		}
		f, inG2 := in()
		want, err := bn254.MillerLoop(a, b)
		if err != nil || !inG2 || bn254.FinalExponentiation(&f) != bn254.FinalExponentiation(&want) {
			t.Fatalf("another pairing: %v, in G2 %v", err, inG2)
		}
		items[20].b = offSubgroup(t, &items[20].b)
		if _, inG2 := in(); inG2 {
			t.Fatal("a point outside of G2 passed")
		}
	})
}

func TestFixedBase(t *testing.T) {
	_, _, g, _ := bn254.Generators()
	table := newFixedBase(&g)
	rapid.Check(t, func(t *rapid.T) {
		var k fr.Element
		k.SetBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "k"))
		if rapid.Bool().Draw(t, "edge") {
			k.Neg(new(fr.Element).SetUint64(rapid.Uint64Range(0, 70).Draw(t, "small")))
		}
		var got, want bn254.G1Jac
		got.FromAffine(&g)
		table.addTo(&got, &k)
		want.FromAffine(&g)
		want.ScalarMultiplication(&want, k.BigInt(new(big.Int)))
		want.AddMixed(&g)
		if !got.Equal(&want) {
			t.Fatalf("k = %s", k.String())
		}
	})
}

func BenchmarkVerifyBatch(b *testing.B) {
	v := verifier(b)
	for _, n := range []int{1, 8, 64, 512} {
		ps := crowd(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				for _, err := range v.VerifyBatch(ps) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/proof")
		})
	}
}
