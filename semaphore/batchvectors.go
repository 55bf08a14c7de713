package semaphore

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/perhuman/perhuman/semaphore/internal/pairing8"
)

// newBatcher takes the fastest way that the processor has.
func newBatcher(plain bool) batcher {
	if pairing8.Available() && !plain {
		return vectorBatch{}
	}
	return plainBatch{}
}

// vectorBatch works on eight or sixteen proofs at a time.
type vectorBatch struct{}

// check leaves it all to pair, whose Miller loop ends in the exact check.
func (vectorBatch) check([]*batchItem, func([]byte)) bool { return true }

// weigh draws a + b*lambda with odd a and b, see pairing8.Weight: these are
// 2^128 different weights too, since they are twice those of weight, shifted,
// and none is 0.
func (vectorBatch) weigh(items []*batchItem, random func([]byte)) {
	n := len(items)
	points := make([]bn254.G1Affine, 2*n)
	weights := make([]pairing8.Weight, 2*n)
	e := endomorphism()
	for i, words := range randomWords(n, random) {
		it := items[i]
		w := pairing8.Weight{A: words[0], B: words[1]}
		it.weight = oddScalar(w, e)
		points[i], weights[i] = it.a, w
		points[n+i], weights[n+i] = it.c, w
	}
	pairing8.Scale(points, weights, &e.omega)
	for i, it := range items {
		it.scaledA, it.scaledC = points[i], points[n+i]
	}
}

// oddScalar gives 2A + 1 - 2^64 + (2B + 1 - 2^64)*lambda.
func oddScalar(w pairing8.Weight, e *endo) fr.Element {
	odd := func(n uint64) (x fr.Element) {
		var minus fr.Element
		x.SetUint64(n)
		minus.SetUint64(^n)
		x.Sub(&x, &minus) // n - (2^64 - 1 - n)
		return x
	}
	a, b := odd(w.A), odd(w.B)
	b.Mul(&b, &e.lambda)
	a.Add(&a, &b)
	return a
}

func (vectorBatch) pair(items []*batchItem) (f bn254.E12, inG2 bool) {
	a, b := make([]bn254.G1Affine, len(items)), make([]bn254.G2Affine, len(items))
	for i, it := range items {
		a[i], b[i] = it.scaledA, it.b
	}
	return pairing8.MillerLoop(a, b)
}

func (vectorBatch) sum(items []*batchItem) (c bn254.G1Jac) {
	for _, it := range items {
		c.AddMixed(&it.scaledC)
	}
	return c
}

func (vectorBatch) prices() prices {
	return prices{exact: 13, single: 100, try: 88, refused: 12, tried: 12, halved: 10, patience: 140}
}
