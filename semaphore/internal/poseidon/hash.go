package poseidon

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Hash is Poseidon of one to sixteen inputs: a state of the capacity element
// 0 and the inputs, whose element 0 is the digest.
func Hash(in ...fr.Element) (fr.Element, error) {
	if len(in) == 2 {
		return Hash2(&in[0], &in[1]), nil
	}
	t := len(in) + 1
	p, err := Constants(t)
	if err != nil {
		return fr.Element{}, fmt.Errorf("%w: %d inputs", ErrWidth, len(in))
	}
	var bufs [2][MaxWidth]fr.Element
	state, next := bufs[0][:t], bufs[1][:t]
	copy(state[1:], in)
	c := p.C
	add := func() {
		for i := range state {
			state[i].Add(&state[i], &c[i])
		}
		c = c[t:]
	}
	sbox := func() {
		for i := range state {
			pow5(&state[i])
		}
	}
	mix := func(m [][]fr.Element) {
		var x fr.Element
		for i := range next {
			next[i].Mul(&m[0][i], &state[0])
			for j := 1; j < t; j++ {
				next[i].Add(&next[i], x.Mul(&m[j][i], &state[j]))
			}
		}
		state, next = next, state
	}
	half := p.Full / 2
	add()
	for range half - 1 {
		sbox()
		add()
		mix(p.M)
	}
	sbox()
	add()
	mix(p.P)
	for i := range p.Partial {
		s := p.S[(2*t-1)*i : (2*t-1)*(i+1)]
		pow5(&state[0])
		state[0].Add(&state[0], &c[i])
		var sum, x fr.Element
		sum.Mul(&s[0], &state[0])
		for j := 1; j < t; j++ {
			sum.Add(&sum, x.Mul(&s[j], &state[j]))
			state[j].Add(&state[j], x.Mul(&s[t+j-1], &state[0]))
		}
		state[0] = sum
	}
	c = c[p.Partial:]
	for range half - 1 {
		sbox()
		add()
		mix(p.M)
	}
	sbox()
	mix(p.M)
	return state[0], nil
}
