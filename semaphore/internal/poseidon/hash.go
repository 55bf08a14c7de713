package poseidon

import (
	"fmt"
	"sync"

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

// width3 is Params of width 3 in fixed arrays: no bounds checks and no
// pointers in the loop that hashes trees.
type width3 struct {
	first   [3]fr.Element
	before  [4][3]fr.Element // behind the S-box of the first four full rounds
	partial [57]struct {
		c          fr.Element
		row        [3]fr.Element
		col1, col2 fr.Element
	}
	after [3][3]fr.Element
	m, p  [3][3]fr.Element // rows
}

var table3 = sync.OnceValue(func() *width3 {
	p := sparseOnce[3-MinWidth]()
	w := &width3{}
	copy(w.first[:], p.C)
	for i := range w.before {
		copy(w.before[i][:], p.C[3*(i+1):])
	}
	for i := range w.partial {
		r := &w.partial[i]
		r.c = p.C[15+i]
		copy(r.row[:], p.S[5*i:])
		r.col1, r.col2 = p.S[5*i+3], p.S[5*i+4]
	}
	for i := range w.after {
		copy(w.after[i][:], p.C[15+len(w.partial)+3*i:])
	}
	for i := range 3 {
		for j := range 3 {
			w.m[i][j], w.p[i][j] = p.M[j][i], p.P[j][i]
		}
	}
	return w
})

// Hash2 is Poseidon of two inputs, the parent of two tree nodes. It does not
// allocate.
func Hash2(l, r *fr.Element) fr.Element {
	w := table3()
	a, b, c := w.first[0], w.first[1], w.first[2]
	b.Add(&b, l)
	c.Add(&c, r)
	for i := range w.before {
		m := &w.m
		if i == len(w.before)-1 {
			m = &w.p
		}
		full3(&a, &b, &c, &w.before[i], m)
	}
	var x, y, z fr.Element
	for i := range w.partial {
		k := &w.partial[i]
		pow5(&a)
		a.Add(&a, &k.c)
		x.Mul(&a, &k.row[0])
		y.Mul(&b, &k.row[1])
		z.Mul(&c, &k.row[2])
		x.Add(&x, &y)
		x.Add(&x, &z)
		b.Add(&b, y.Mul(&a, &k.col1))
		c.Add(&c, z.Mul(&a, &k.col2))
		a = x
	}
	for i := range w.after {
		full3(&a, &b, &c, &w.after[i], &w.m)
	}
	pow5(&a)
	pow5(&b)
	pow5(&c)
	x.Mul(&a, &w.m[0][0])
	y.Mul(&b, &w.m[0][1])
	z.Mul(&c, &w.m[0][2])
	x.Add(&x, &y)
	x.Add(&x, &z)
	return x
}

// full3 is S-box, constants, matrix.
func full3(a, b, c *fr.Element, k *[3]fr.Element, m *[3][3]fr.Element) {
	pow5(a)
	pow5(b)
	pow5(c)
	a.Add(a, &k[0])
	b.Add(b, &k[1])
	c.Add(c, &k[2])
	var out [3]fr.Element
	var x fr.Element
	for i := range out {
		o := &out[i]
		o.Mul(a, &m[i][0])
		o.Add(o, x.Mul(b, &m[i][1]))
		o.Add(o, x.Mul(c, &m[i][2]))
	}
	*a, *b, *c = out[0], out[1], out[2]
}

func pow5(x *fr.Element) {
	var y fr.Element
	y.Square(x)
	y.Square(&y)
	x.Mul(x, &y)
}
