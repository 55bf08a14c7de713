package prove

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
)

// sums holds the points of a key as the three multi-scalar multiplications of
// a proof take them. Wires that a matrix does not use have a point at infinity
// in the key; they are left out. With blinding r and s a proof is
//
//	A = alpha + sum(w*A) + r*delta
//	B = beta  + sum(w*B) + s*delta               in G2
//	C = sum(w*C) + sum(h*H) + s*A + r*B1 - r*s*delta
//
// where B1 is B in G1. B1 itself is not part of the proof, and the s*delta in
// it cancels, so its sum is taken with r*w for scalars together with those of
// C and H: one long multiplication instead of three.
type sums struct {
	a      *sumG1 // used wires of A, delta
	b      *sumG2 // used wires of B, delta
	c      *sumG1 // C, H, used wires of B1, beta
	aWires []uint32
	bWires []uint32
	hFirst int // of H in c
	bFirst int // of B1 in c
	alpha1 bn254.G1Affine
	beta2  bn254.G2Affine
}

func newSums(k *zkey, levels, workers int) (*sums, error) {
	s := &sums{alpha1: k.alpha1, beta2: k.beta2}
	var a, c []bn254.G1Affine
	var b []bn254.G2Affine
	c = append(append(c, k.c...), k.h...)
	s.hFirst, s.bFirst = len(k.c), len(c)
	for i := range k.wires {
		if !k.a[i].IsInfinity() {
			a = append(a, k.a[i])
			s.aWires = append(s.aWires, uint32(i))
		}
		if k.b1[i].IsInfinity() != k.b2[i].IsInfinity() {
			return nil, fmt.Errorf("%w: B differs between the groups", ErrKey)
		}
		if !k.b2[i].IsInfinity() {
			b = append(b, k.b2[i])
			c = append(c, k.b1[i])
			s.bWires = append(s.bWires, uint32(i))
		}
	}
	s.a = newSumG1(append(a, k.delta1), levels, workers)
	s.b = newSumG2(append(b, k.delta2), levels, workers)
	s.c = newSumG1(append(c, k.beta1), levels, workers)
	return s, nil
}
