package semaphore

import (
	"crypto/rand"
	"encoding/binary"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/perhuman/perhuman/semaphore/internal/pairing8"
)

// batchMin is the least number of proofs that a batch is tried for.
const batchMin = 3

// chunk is how many moving pairs share a Miller loop: more would leave the
// fastest cache and save little.
const chunk = 64

// VerifyBatch gives one verdict a proof, in order; depths may be mixed. A
// batch of good proofs costs a fraction of checking them singly. A batch with
// bad ones is halved until they are found, which for one bad proof in n costs
// about two good batches more, and for nothing but bad proofs log2(n) batches
// and every proof singly: let callers limit what one client can put in.
//
// A false proof passes a batch with a probability of at most 2^-64, per
// attempt and whatever its author knows, since the weights are drawn after it
// was made; Verify has no such error.
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
	prepareItems(items)
	v.search().settle(items, false)
	return out
}

// batchWork counts what the verdicts of a batch took.
type batchWork struct {
	singles int // proofs checked alone
	tries   int // batches tried
	tried   int // proofs in them
}

// units is the work in hundredths of a proof checked alone, by measurement:
// a batch costs 2.5 of them and .28 a proof.
func (w batchWork) units() int { return 100*w.singles + 250*w.tries + 28*w.tried }

type batchItem struct {
	statement
	tableA, tableC jointTable
	weight         weight
	verdict        *error
}

// prepareItems makes the tables that do not depend on the weights.
func prepareItems(items []*batchItem) {
	if len(items) < batchMin {
		return
	}
	points := make([]bn254.G1Affine, 0, 2*len(items))
	for _, it := range items {
		points = append(points, it.a, it.c)
	}
	for i, t := range newJointTables(points) {
		if it := items[i/2]; i%2 == 0 {
			it.tableA = t
		} else {
			it.tableC = t
		}
	}
}

// search finds the bad proofs of a batch and counts what that takes.
type search struct {
	single func(*statement) error
	holds  func([]*batchItem) bool
	work   batchWork
}

func (v *Verifier) search() *search { return &search{single: v.verify, holds: v.holds} }

// settle writes the verdicts of items, halving while a batch fails. With bad
// set the items are known to hold a bad one, and trying them whole is no use.
func (s *search) settle(items []*batchItem, bad bool) {
	if len(items) < batchMin {
		s.work.singles += len(items)
		for _, it := range items {
			*it.verdict = s.single(&it.statement)
		}
		return
	}
	if !bad {
		s.work.tries++
		s.work.tried += len(items)
		if s.holds(items) {
			return // the verdicts are nil already
		}
	}
	half := len(items) / 2
	left, right := items[:half], items[half:]
	s.settle(left, false)
	clean := true
	for _, it := range left {
		clean = clean && *it.verdict == nil
	}
	s.settle(right, clean)
}

// holds checks, with a random weight w for each proof,
//
//	prod e(w A, B) * e(-sum w IC, gamma) * prod over depths e(-sum w C, delta)
//	= e((sum w) alpha, beta)
//
// and that every B is in the subgroup.
func (v *Verifier) holds(items []*batchItem) bool {
	seeds := make([]byte, 16*len(items))
	random(seeds)
	var depths [MaxDepth]*depthSums
	var total fr.Element
	scaled := make([]bn254.G1Jac, len(items))
	for i, it := range items {
		it.weight = newWeight(binary.LittleEndian.Uint64(seeds[16*i:]), binary.LittleEndian.Uint64(seeds[16*i+8:]))
		scaled[i] = it.tableA.times(&it.weight)
		w := it.weight.scalar()
		total.Add(&total, &w)
		d := depths[it.depth-1]
		if d == nil {
			d = new(depthSums)
			depths[it.depth-1] = d
		}
		d.add(it, &w)
	}
	f := millerLoop(nil, fixedPairs(v.fixedSide(&depths, &total)...))
	g, inG2 := v.movingSide(items, bn254.BatchJacobianToAffineG1(scaled))
	if !inG2 {
		return false
	}
	f.Mul(&f, &g)
	var one bn254.GT
	one.SetOne()
	return bn254.FinalExponentiation(&f) == one
}

// movingSide checks that every B is in the subgroup, and pairs it with its A,
// which is scaled already.
func (v *Verifier) movingSide(items []*batchItem, scaled []bn254.G1Affine) (f bn254.E12, inG2 bool) {
	if v.vectors {
		as, bs := make([]bn254.G1Affine, 0, len(items)), make([]bn254.G2Affine, 0, len(items))
		for i, it := range items {
			as = append(as, scaled[i])
			bs = append(bs, it.b)
		}
		return pairing8.MillerLoop(as, bs)
	}
	f.SetOne()
	if !inSubgroup(len(items), func(i int) *bn254.G2Affine { return &items[i].b }, random) {
		return f, false
	}
	for start := 0; start < len(items); start += chunk {
		part := items[start:min(start+chunk, len(items))]
		moving := make([]movingPair, 0, len(part))
		for i, it := range part {
			a := &scaled[start+i]
			if a.IsInfinity() {
				continue // a weight of 0
			}
			moving = append(moving, newMovingPair(a, &it.b))
		}
		g := millerLoop(moving, nil)
		f.Mul(&f, &g)
	}
	return f, true
}

// depthSums collects the proofs of one depth.
type depthSums struct {
	weight  fr.Element
	inputs  [publicInputs]fr.Element
	tables  []*jointTable
	weights []*weight
}

func (d *depthSums) add(it *batchItem, w *fr.Element) {
	d.weight.Add(&d.weight, w)
	for j := range d.inputs {
		var x fr.Element
		x.Mul(w, &it.inputs[j])
		d.inputs[j].Add(&d.inputs[j], &x)
	}
	d.tables = append(d.tables, &it.tableC)
	d.weights = append(d.weights, &it.weight)
}

// fixedSide gives what is paired with gamma, beta and the deltas.
func (v *Verifier) fixedSide(depths *[MaxDepth]*depthSums, total *fr.Element) []fixedArgument {
	var ic bn254.G1Jac
	ic.X.SetOne()
	ic.Y.SetOne()
	var out []fixedArgument
	for i, d := range depths {
		if d == nil {
			continue
		}
		key := v.prepared[i]()
		var t bn254.G1Jac
		t.ScalarMultiplication(&key.ic0, d.weight.BigInt(new(big.Int)))
		ic.AddAssign(&t)
		for j := range d.inputs {
			key.ic[j].addTo(&ic, &d.inputs[j])
		}
		c := combine(d.tables, d.weights)
		c.Neg(&c)
		out = append(out, fixedArgument{key.delta, c})
	}
	var alpha bn254.G1Jac
	alpha.FromAffine(&v.keys[0].alpha)
	alpha.ScalarMultiplication(&alpha, total.BigInt(new(big.Int)))
	alpha.Neg(&alpha)
	return append(out, fixedArgument{v.gamma, ic}, fixedArgument{v.beta(), alpha})
}

// random fills b. crypto/rand.Read never fails.
func random(b []byte) { rand.Read(b) }
