package semaphore

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// VerifyBatch gives one verdict a proof, in order; depths may be mixed. A
// batch of good proofs costs a fraction of checking them singly: for 64 a third,
// and a sixth on processors with AVX-512 IFMA. Bad ones are looked for by
// halves as long as that is likely to pay, and else one by one: whatever the bad
// ones are, all is done for at most 1.6 times the cost of checking each proof
// singly. Still one bad proof makes a batch several times as expensive: let
// callers limit what one client can put in, or use a Queue, which does.
//
// A batch with a bad proof passes with a probability below 2^-100,
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
	s := search{checker: &batchChecker{v, random}, prices: v.batcher.prices()}
	s.settle(items)
	return s.work
}

// random fills b. crypto/rand.Read never fails.
func random(b []byte) { rand.Read(b) }

type batchItem struct {
	statement
	verdict *error
	weight  fr.Element
	scaledA bn254.G1Affine // weight * A
	scaledC bn254.G1Affine // weight * C, of vectorBatch
	later   laterC         // the same, of plainBatch
}

// batcher is how the work is done that grows with the number of proofs.
type batcher interface {
	// check may find, without weights and with an error of 2^-65, that a B lies
	// outside the subgroup; what it leaves pair finds for certain.
	check(items []*batchItem, random func([]byte)) bool
	// weigh draws a weight for each proof and makes what depends on it alone.
	weigh(items []*batchItem, random func([]byte))
	// pair gives the product of the Miller functions of all (weight A, B), and
	// false if it finds that a B lies outside the subgroup.
	pair(items []*batchItem) (f bn254.E12, inG2 bool)
	// sum gives the sum of all weight C.
	sum(items []*batchItem) bn254.G1Jac
	// prices are what all this costs.
	prices() prices
}

// batchChecker is the checker of real proofs.
type batchChecker struct {
	v      *Verifier
	random func([]byte)
}

func (b *batchChecker) exact(it *batchItem) error { return it.subgroup() }

func (b *batchChecker) equation(it *batchItem) error { return b.v.verify(&it.statement) }

func (b *batchChecker) whole(items []*batchItem) (part, bool) {
	if !b.v.batcher.check(items, b.random) {
		return nil, false
	}
	b.v.batcher.weigh(items, b.random)
	return b.sums(items)
}

func (b *batchChecker) part(items []*batchItem) part {
	s, _ := b.sums(items)
	return s
}

// sums adds up the equation. It is false if a B was found outside the subgroup.
func (b *batchChecker) sums(items []*batchItem) (*sums, bool) {
	s := &sums{v: b.v}
	var inG2 bool
	if s.moving, inG2 = b.v.batcher.pair(items); !inG2 {
		return s, false
	}
	var ofDepth [MaxDepth][]*batchItem
	for _, it := range items {
		i := it.depth - 1
		ofDepth[i] = append(ofDepth[i], it)
		d := s.depths[i]
		if d == nil {
			d = new(depthSums)
			s.depths[i] = d
		}
		d.weight.Add(&d.weight, &it.weight)
		for j := range d.inputs {
			var x fr.Element
			x.Mul(&it.weight, &it.inputs[j])
			d.inputs[j].Add(&d.inputs[j], &x)
		}
	}
	for i, d := range s.depths {
		if d != nil {
			d.c = b.v.batcher.sum(ofDepth[i])
		}
	}
	return s, true
}

// randomWords draws two words for each weight.
func randomWords(n int, random func([]byte)) [][2]uint64 {
	seeds := make([]byte, 16*n)
	random(seeds)
	out := make([][2]uint64, n)
	for i := range out {
		out[i] = [2]uint64{binary.LittleEndian.Uint64(seeds[16*i:]), binary.LittleEndian.Uint64(seeds[16*i+8:])}
	}
	return out
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
	f, _ := s.v.miller(nil, fixedPairs(nil, s.fixedSide()...))
	f.Mul(&f, &s.moving)
	var one bn254.GT
	one.SetOne()
	return s.v.final(&f) == one
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
		key.ic0Multiples().addTo(&ic, &d.weight)
		for j := range d.inputs {
			key.ic[j].addTo(&ic, &d.inputs[j])
		}
		total.Add(&total, &d.weight)
		c := d.c
		c.Neg(&c)
		out = append(out, fixedArgument{key.delta, c})
	}
	var alpha bn254.G1Jac
	alpha.X.SetOne()
	alpha.Y.SetOne()
	s.v.minusAlpha().addTo(&alpha, &total)
	return append(out, fixedArgument{s.v.gamma, ic}, fixedArgument{s.v.beta(), alpha})
}
