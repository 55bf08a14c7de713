package prove

import (
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/perhuman/perhuman/semaphore/internal/poseidon"
)

const (
	fullRounds    = 8
	partialRounds = 57
)

// hasher is Poseidon of two inputs that keeps the intermediate values which
// are wires of the circuit.
type hasher struct {
	c [3*fullRounds + partialRounds]fr.Element
	s [5 * partialRounds]fr.Element
	m [3][3]fr.Element
	p [3][3]fr.Element
}

var newHasher = sync.OnceValue(func() *hasher {
	k, err := poseidon.Constants(3)
	if err != nil {
		panic(err) // width 3 always exists
	}
	h := new(hasher)
	copy(h.c[:], k.C)
	copy(h.s[:], k.S)
	for i := range 3 {
		for j := range 3 {
			h.m[i][j] = k.M[j][i]
			h.p[i][j] = k.P[j][i]
		}
	}
	return h
})

// hash fills the wires of one Poseidon gadget. out holds first the state after
// each full round's S-boxes and constants, except the capacity of the first
// round, which is constant, and the last element of the last, which is folded
// into the digest; then element 0 before each S-box of the partial rounds but
// the first, and before the last four full rounds; then x^2 and x^4 of every
// S-box.
func (h *hasher) hash(out []fr.Element, left, right *fr.Element) fr.Element {
	state := out[:poseidonOut]
	boxes := out[poseidonOut:poseidonAll]
	c := h.c[:]
	var s [3]fr.Element
	s[0] = c[0]
	s[1].Add(left, &c[1])
	s[2].Add(right, &c[2])
	c = c[3:]

	// The capacity of the first round is constant: no wires.
	pow5(&s[0], new(fr.Element), new(fr.Element))
	full := func(from int, constants []fr.Element) {
		for i := from; i < 3; i++ {
			pow5(&s[i], &boxes[0], &boxes[1])
			boxes = boxes[2:]
		}
		for i := range constants {
			s[i].Add(&s[i], &constants[i])
		}
	}
	keep := func(v ...fr.Element) {
		state = state[copy(state, v):]
	}
	half := fullRounds / 2
	full(1, c[:3])
	c = c[3:]
	keep(s[1], s[2])
	mix(&h.m, &s)
	for range half - 2 {
		full(0, c[:3])
		c = c[3:]
		keep(s[:]...)
		mix(&h.m, &s)
	}
	full(0, c[:3])
	c = c[3:]
	keep(s[:]...)
	mix(&h.p, &s)

	// The wires of the last four full rounds come before those of the partial
	// rounds.
	late, lateBoxes := state, boxes
	state, boxes = state[3*(half-1)+2:], boxes[2*3*half:]
	for i := range partialRounds {
		pow5(&s[0], &boxes[0], &boxes[1])
		boxes = boxes[2:]
		s[0].Add(&s[0], &c[i])
		k := h.s[5*i : 5*i+5]
		var sum, x fr.Element
		sum.Mul(&k[0], &s[0])
		x.Mul(&k[1], &s[1])
		sum.Add(&sum, &x)
		x.Mul(&k[2], &s[2])
		sum.Add(&sum, &x)
		x.Mul(&k[3], &s[0])
		s[1].Add(&s[1], &x)
		x.Mul(&k[4], &s[0])
		s[2].Add(&s[2], &x)
		s[0] = sum
		state[i] = sum
	}
	c = c[partialRounds:]
	state, boxes = late, lateBoxes
	for range half - 1 {
		full(0, c[:3])
		c = c[3:]
		keep(s[:]...)
		mix(&h.m, &s)
	}
	full(0, nil)
	keep(s[0], s[1])
	mix(&h.m, &s)
	return s[0]
}

// pow5 raises x to the fifth power and keeps x^2 and x^4.
func pow5(x, x2, x4 *fr.Element) {
	x2.Square(x)
	x4.Square(x2)
	x.Mul(x, x4)
}

func mix(m *[3][3]fr.Element, s *[3]fr.Element) {
	var out [3]fr.Element
	var x fr.Element
	for i := range out {
		out[i].Mul(&m[i][0], &s[0])
		x.Mul(&m[i][1], &s[1])
		out[i].Add(&out[i], &x)
		x.Mul(&m[i][2], &s[2])
		out[i].Add(&out[i], &x)
	}
	*s = out
}
