package poseidon

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// BulkSize is the number of pairs that HashPairs works on at a time; callers
// that fill buffers of this size keep everything in the fastest cache.
const BulkSize = 64

// bulkMin is the least number of pairs for which vectors are worth their
// overhead, and the step in which they work.
const bulkMin = 8

// HashPairs puts Hash2(left[i], right[i]) into dst[i]. All three must have the
// same length; left and right are used as working space and hold nothing
// meaningful afterwards, and dst must not overlap them. It does not allocate.
//
// Where the processor has AVX-512 IFMA it hashes 64 pairs side by side, at
// about a third of the time; elsewhere it calls Hash2.
func HashPairs(dst, left, right []fr.Element) {
	if len(left) != len(dst) || len(right) != len(dst) {
		panic("poseidon: HashPairs of unequal lengths")
	}
	if vectors() {
		for len(dst) >= bulkMin {
			n := min(len(dst)&^(bulkMin-1), BulkSize)
			hashVectors(dst[:n], left[:n], right[:n])
			dst, left, right = dst[n:], left[n:], right[n:]
		}
	}
	for i := range dst {
		dst[i] = Hash2(&left[i], &right[i])
	}
}

// hashVectors is Hash2 on at most BulkSize pairs, step by step.
func hashVectors(a, b, c fr.Vector) {
	w := table3()
	var space [3][BulkSize]fr.Element
	s := &vectors3{a, b, c, space[0][:len(a)], space[1][:len(a)], space[2][:len(a)]}

	addConstant(s.b, &w.left)
	addConstant(s.c, &w.right)
	pow5Vector(s.b, s.x)
	pow5Vector(s.c, s.x)
	for i, out := range [3]fr.Vector{s.a, s.x, s.y} {
		k := &w.first[i]
		out.ScalarMul(s.c, &k.n2)
		out.Add(out, s.b)
		addConstant(out, &k.k)
	}
	s.b, s.c, s.x, s.y = s.x, s.y, s.b, s.c
	for i := range w.before {
		s.full(&w.before[i])
	}
	for i := range w.partial {
		k := &w.partial[i]
		pow5Vector(s.a, s.x)
		s.x.ScalarMul(s.b, &k.n1)
		s.y.ScalarMul(s.c, &k.n2)
		s.x.Add(s.x, s.y)
		s.y.ScalarMul(s.a, &k.p1)
		s.b.Add(s.b, s.y)
		s.y.ScalarMul(s.a, &k.p2)
		s.c.Add(s.c, s.y)
		s.a.Add(s.a, s.x)
		addConstant(s.a, &k.k)
	}
	for i := range w.after {
		s.full(&w.after[i])
	}
	for i, v := range [3]fr.Vector{s.a, s.b, s.c} {
		pow5Vector(v, s.x)
		v.ScalarMul(v, &w.last[i])
	}
	s.b.Add(s.b, s.c)
	a.Add(s.a, s.b)
}

// vectors3 is a state of many lanes and room for as much again.
type vectors3 struct{ a, b, c, x, y, z fr.Vector }

// full is S-box and matrix.
func (s *vectors3) full(rows *[3]row3) {
	pow5Vector(s.a, s.x)
	pow5Vector(s.b, s.x)
	pow5Vector(s.c, s.x)
	// Row 2 goes last, into a and c themselves.
	for i, out := range [2]fr.Vector{s.x, s.y} {
		k := &rows[i]
		out.ScalarMul(s.b, &k.n1)
		s.z.ScalarMul(s.c, &k.n2)
		out.Add(out, s.z)
		out.Add(out, s.a)
		addConstant(out, &k.k)
	}
	k := &rows[2]
	s.b.ScalarMul(s.b, &k.n1)
	s.c.ScalarMul(s.c, &k.n2)
	s.c.Add(s.c, s.b)
	s.c.Add(s.c, s.a)
	addConstant(s.c, &k.k)
	s.a, s.b, s.x, s.y = s.x, s.y, s.a, s.b
}

func pow5Vector(v, square fr.Vector) {
	square.Mul(v, v)
	square.Mul(square, square)
	v.Mul(v, square)
}

func addConstant(v fr.Vector, k *fr.Element) {
	for i := range v {
		v[i].Add(&v[i], k)
	}
}
