package semaphore

import (
	"crypto/rand"
	"encoding/binary"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/perhuman/perhuman/semaphore/internal/pairing8"
)

// chunk is how many moving pairs share a Miller loop: more would leave the
// fastest cache and save little.
const chunk = 64

// VerifyBatch gives one verdict a proof, in order; depths may be mixed. A
// batch of good proofs costs a fraction of checking them singly: for 64 a third,
// and an eighth on processors with AVX-512 IFMA. Bad ones are looked for by
// halves as long as that is likely to pay, and else one by one: whatever the bad
// ones are, all is done for at most one and a half times the cost of checking
// each proof singly. Still one bad proof makes a batch several times as
// expensive: let callers limit what one client can put in, or use a Queue, which
// does.
//
// A batch with a bad proof passes with a probability of at most 2^-64,
// whatever the author of its proofs knows or computes, since the weights are
// drawn after they were made; docs/batch-verification.md derives it. Verify has
// no such error. A good proof is never refused.
func (v *Verifier) VerifyBatch(ps []*Proof) []error {
	out := make([]error, len(ps))
	items := make([]*batchItem, 0, len(ps))
	for i, p := range ps {
		s, err := newStatement(p)
		if err != nil {
			out[i] = err
			continue
		}
		items = append(items, &batchItem{statement: s, verdict: &out[i]})
	}
	v.settle(items, random)
	return out
}

// settle writes the verdicts of items and counts what they took. Random fills
// a slice.
func (v *Verifier) settle(items []*batchItem, random func([]byte)) batchWork {
	s := search{checker: &batchChecker{v, random}}
	s.settle(items)
	return s.work
}

// random fills b. crypto/rand.Read never fails.
func random(b []byte) { rand.Read(b) }

type batchItem struct {
	statement
	verdict *error
	weight  weight
	tableC  jointTable
	scaledA bn254.G1Affine // weight * A
}

// batchChecker is the checker of real proofs.
type batchChecker struct {
	v      *Verifier
	random func([]byte)
}

func (b *batchChecker) exact(it *batchItem) error { return it.subgroup() }

func (b *batchChecker) equation(it *batchItem) error { return b.v.equation(&it.statement) }

// whole finds points outside the subgroup for certain with vectors, whose Miller
// loop ends in the exact check, and without them by random sums.
func (b *batchChecker) whole(items []*batchItem) (part, bool) {
	if !b.v.vectors && !b.inSubgroup(items) {
		return nil, false
	}
	b.weigh(items)
	return b.sums(items)
}

func (b *batchChecker) part(items []*batchItem) part {
	s, _ := b.sums(items)
	return s
}

func (b *batchChecker) inSubgroup(items []*batchItem) bool {
	return inSubgroup(len(items), func(i int) *bn254.G2Affine { return &items[i].b }, b.random)
}

// weigh draws a weight for each proof and makes what depends on it alone.
func (b *batchChecker) weigh(items []*batchItem) {
	seeds := make([]byte, 16*len(items))
	b.random(seeds)
	points := make([]bn254.G1Affine, 0, 2*len(items))
	for _, it := range items {
		points = append(points, it.a, it.c)
	}
	tables := newJointTables(points)
	scaled := make([]bn254.G1Jac, len(items))
	for i, it := range items {
		it.weight = newWeight(binary.LittleEndian.Uint64(seeds[16*i:]), binary.LittleEndian.Uint64(seeds[16*i+8:]))
		scaled[i] = tables[2*i].times(&it.weight)
		it.tableC = tables[2*i+1]
	}
	for i, a := range bn254.BatchJacobianToAffineG1(scaled) {
		items[i].scaledA = a
	}
}

// sums adds up the equation. It is false if a B lies outside the subgroup and
// vectors were used.
func (b *batchChecker) sums(items []*batchItem) (*sums, bool) {
	s := &sums{v: b.v}
	var inG2 bool
	s.moving, inG2 = b.movingSide(items)
	var tables [MaxDepth][]*jointTable
	var weights [MaxDepth][]*weight
	for _, it := range items {
		i := it.depth - 1
		d := s.depths[i]
		if d == nil {
			d = new(depthSums)
			s.depths[i] = d
		}
		w := it.weight.scalar()
		d.weight.Add(&d.weight, &w)
		for j := range d.inputs {
			var x fr.Element
			x.Mul(&w, &it.inputs[j])
			d.inputs[j].Add(&d.inputs[j], &x)
		}
		tables[i], weights[i] = append(tables[i], &it.tableC), append(weights[i], &it.weight)
	}
	for i, d := range s.depths {
		if d != nil {
			d.c = combine(tables[i], weights[i])
		}
	}
	return s, inG2
}

// movingSide is the product of the Miller functions of all (weight A, B). With
// vectors it also tells, exactly, whether all B are in the subgroup; without
// them that was checked before.
func (b *batchChecker) movingSide(items []*batchItem) (f bn254.E12, inG2 bool) {
	if b.v.vectors {
		as, bs := make([]bn254.G1Affine, 0, len(items)), make([]bn254.G2Affine, 0, len(items))
		for _, it := range items {
			as, bs = append(as, it.scaledA), append(bs, it.b)
		}
		return pairing8.MillerLoop(as, bs)
	}
	f.SetOne()
	for start := 0; start < len(items); start += chunk {
		part := items[start:min(start+chunk, len(items))]
		moving := make([]movingPair, 0, len(part))
		for _, it := range part {
			if !it.scaledA.IsInfinity() { // else a weight of 0
				moving = append(moving, newMovingPair(&it.scaledA, &it.b))
			}
		}
		g := millerLoop(moving, nil)
		f.Mul(&f, &g)
	}
	return f, true
}

// sums is the equation of some proofs, with a weight w for each,
//
//	prod e(w A, B) * e(-sum w IC, gamma) * prod over depths e(-sum w C, delta)
//	= e((sum w) alpha, beta)
//
// as far as it adds up from the single proofs: with the sums of some and of all
// the sums of the others are known too.
type sums struct {
	v      *Verifier
	moving bn254.E12 // the first product, without the final exponentiation
	depths [MaxDepth]*depthSums
}

// depthSums collects the proofs of one depth.
type depthSums struct {
	weight fr.Element
	inputs [publicInputs]fr.Element
	c      bn254.G1Jac
}

func (s *sums) without(p part) part {
	left := p.(*sums)
	out := &sums{v: s.v}
	out.moving.Inverse(&left.moving)
	out.moving.Mul(&out.moving, &s.moving)
	for i, d := range s.depths {
		l := left.depths[i]
		if l == nil || d == nil {
			out.depths[i] = d
			continue
		}
		rest := *d
		rest.weight.Sub(&rest.weight, &l.weight)
		for j := range rest.inputs {
			rest.inputs[j].Sub(&rest.inputs[j], &l.inputs[j])
		}
		rest.c.SubAssign(&l.c)
		out.depths[i] = &rest
	}
	return out
}

func (s *sums) holds() bool {
	f := millerLoop(nil, fixedPairs(s.fixedSide()...))
	f.Mul(&f, &s.moving)
	var one bn254.GT
	one.SetOne()
	return bn254.FinalExponentiation(&f) == one
}

// fixedSide gives what is paired with gamma, beta and the deltas.
func (s *sums) fixedSide() []fixedArgument {
	var ic bn254.G1Jac
	ic.X.SetOne()
	ic.Y.SetOne()
	var total fr.Element
	var out []fixedArgument
	for i, d := range s.depths {
		if d == nil {
			continue
		}
		key := s.v.prepared[i]()
		var t bn254.G1Jac
		t.ScalarMultiplication(&key.ic0, d.weight.BigInt(new(big.Int)))
		ic.AddAssign(&t)
		for j := range d.inputs {
			key.ic[j].addTo(&ic, &d.inputs[j])
		}
		total.Add(&total, &d.weight)
		c := d.c
		c.Neg(&c)
		out = append(out, fixedArgument{key.delta, c})
	}
	var alpha bn254.G1Jac
	alpha.FromAffine(&s.v.keys[0].alpha)
	alpha.ScalarMultiplication(&alpha, total.BigInt(new(big.Int)))
	alpha.Neg(&alpha)
	return append(out, fixedArgument{s.v.gamma, ic}, fixedArgument{s.v.beta(), alpha})
}
