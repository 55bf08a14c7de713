package prove

import (
	"context"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
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

// multiexp is one multi-scalar multiplication with fixed points.
type multiexp[P, J any] struct {
	plan
	points []P
	curve  func() curve[P, J]
	horner func(windows []J, width int) J
}

func newMultiexp[P, J any](points []P, c func() curve[P, J], horner func([]J, int) J) *multiexp[P, J] {
	return &multiexp[P, J]{plan: newPlan(len(points)), points: points, curve: c, horner: horner}
}

// sum multiplies and adds on up to so many goroutines and calls window after
// each window. It gives up between windows when ctx ends.
func (m *multiexp[P, J]) sum(ctx context.Context, scalars []fr.Element, workers int, window func()) (sum J, err error) {
	digits := m.digits(scalars)
	results := make([]J, m.windows)
	defer func() {
		clear(digits)
		clear(results)
	}()
	// The last window has its own number of buckets: a group of its own.
	common := m.windows - 1
	groups := min(workers, common)
	parallel(workers, groups+1, func(i int) {
		first, n, buckets := common, 1, m.top
		if i < groups {
			first = common * i / groups
			n, buckets = common*(i+1)/groups-first, m.buckets
		}
		g := newGroup(m.curve(), m.points, digits, first, n, buckets, results)
		defer g.wipe()
		for k := range n {
			if ctx.Err() != nil {
				return
			}
			g.sumBuckets(k)
			window()
		}
		g.weighSums()
	})
	if err := ctx.Err(); err != nil {
		return sum, err
	}
	return m.horner(results, m.width), nil
}
