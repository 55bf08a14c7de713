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
	a      cut[bn254.G1Jac] // used wires of A, delta
	b      cut[bn254.G2Jac] // used wires of B, delta
	c      cut[bn254.G1Jac] // C, used wires of B1, beta, H
	aWires []uint32
	bWires []uint32
	bFirst int // of B1 in c
	hFirst int // of H in c, the last to be known
	alpha1 bn254.G1Affine
	beta2  bn254.G2Affine
}

func newSums(k *zkey, o *options) (*sums, error) {
	s := &sums{alpha1: k.alpha1, beta2: k.beta2}
	var a, c []bn254.G1Affine
	var b []bn254.G2Affine
	c = append(c, k.c...)
	s.bFirst = len(c)
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
	a, b, c = append(a, k.delta1), append(b, k.delta2), append(c, k.beta1)
	s.hFirst = len(c)
	c = append(c, k.h...)
	return s, s.share(a, b, c, o.helpers)
}

// share cuts the sums into parts, and loads the helpers.
func (s *sums) share(a []bn254.G1Affine, b []bn254.G2Affine, c []bn254.G1Affine, h Helpers) error {
	workers, beside, end := 1, 0.0, len(c)
	if h != nil && h.Number() > 0 {
		workers, end = h.Number()+1, s.hFirst
		beside = costQuotient * float64(len(c)-end)
	}
	spans := share([]int{len(b), len(a), end, len(c) - end}, []float64{costG2, 1, 1, 1}, workers, beside)
	for i := range spans[3] { // counted from the beginning of c
		spans[3][i].from += end
		spans[3][i].to += end
	}
	l := &loader{helpers: h, own: workers - 1}
	s.b = cutPoints(l, b, spans[0], 3, func(p []bn254.G2Affine) multiplier[bn254.G2Jac] { return newSumG2(p) }, pointsG2)
	s.b.add, s.b.read = addG2, readG2
	g1 := func(points []bn254.G1Affine, spans []span) cut[bn254.G1Jac] {
		c := cutPoints(l, points, spans, 1, func(p []bn254.G1Affine) multiplier[bn254.G1Jac] { return newSumG1(p) }, pointsG1)
		c.add, c.read = addG1, readG1
		return c
	}
	s.a = g1(a, spans[1])
	s.c = g1(c, append(spans[2], spans[3]...))
	return l.err
}

func addG1(sum, part *bn254.G1Jac) { sum.AddAssign(part) }
func addG2(sum, part *bn254.G2Jac) { sum.AddAssign(part) }

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
