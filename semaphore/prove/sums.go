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
	a      multiplier[bn254.G1Jac] // used wires of A, delta
	b      multiplier[bn254.G2Jac] // used wires of B, delta
	c      multiplier[bn254.G1Jac] // C, H, used wires of B1, beta
	aWires []uint32
	bWires []uint32
	hFirst int // of H in c
	bFirst int // of B1 in c
	alpha1 bn254.G1Affine
	beta2  bn254.G2Affine
}

func newSums(k *zkey) (*sums, error) {
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
	s.a = newSumG1(append(a, k.delta1))
	s.b = newSumG2(append(b, k.delta2))
	s.c = newSumG1(append(c, k.beta1))
	return s, nil
}

// bytes is the memory that the points take.
func (s *sums) bytes() int { return s.a.bytes() + s.b.bytes() + s.c.bytes() }

// withTables gives the same sums with tables that take at most so much more
// memory, to be used once all the jobs are done. All sections have the same
// number of levels at most: doubling it takes about as much off each.
func (s *sums) withTables(memory int) (next *sums, jobs []func()) {
	next = new(sums)
	*next = *s
	levels := 1 + memory/s.bytes()
	var a, b, c []func()
	next.a, a = s.a.withTable(levels)
	next.b, b = s.b.withTable(levels)
	next.c, c = s.c.withTable(levels)
	return next, append(append(a, b...), c...)
}
