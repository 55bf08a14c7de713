package prove

import (
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
)

// term is one entry of a constraint row: values[coef] times a wire.
type term struct {
	wire uint32
	coef uint32
}

// The first two values of a matrix table, which need no multiplication and
// make up half of all entries.
const (
	coefOne = iota
	coefMinusOne
)

// matrix is a sparse constraint matrix by rows: row i is
// terms[rows[i]:rows[i+1]].
type matrix struct {
	rows  []uint32
	terms []term
}

// constraints are the matrices A and B with one table of their values: two
// constraints in three repeat the constants of Poseidon.
type constraints struct {
	m      [2]matrix
	values []fr.Element
}

func newConstraints(coefs []coefficient, domain int) *constraints {
	c := &constraints{values: make([]fr.Element, 2)}
	c.values[coefOne].SetOne()
	c.values[coefMinusOne].Neg(&c.values[coefOne])
	index := map[fr.Element]uint32{c.values[0]: 0, c.values[1]: 1}
	for i := range c.m {
		c.m[i].rows = make([]uint32, domain+1)
	}
	for i := range coefs {
		c.m[coefs[i].matrix].rows[coefs[i].row+1]++
	}
	var next [2][]uint32
	for i := range c.m {
		m := &c.m[i]
		for row := range domain {
			m.rows[row+1] += m.rows[row]
		}
		m.terms = make([]term, m.rows[domain])
		next[i] = append(next[i], m.rows...)
	}
	for i := range coefs {
		k := &coefs[i]
		v, ok := index[k.value]
		if !ok {
			v = uint32(len(c.values))
			index[k.value] = v
			c.values = append(c.values, k.value)
		}
		at := &next[k.matrix][k.row]
		c.m[k.matrix].terms[*at] = term{wire: k.wire, coef: v}
		*at++
	}
	return c
}

// evaluate multiplies matrix m by the witness.
func (c *constraints) evaluate(out []fr.Element, m int, w []fr.Element) {
	var x fr.Element
	rows, terms := c.m[m].rows, c.m[m].terms
	for i := range out {
		var sum fr.Element
		for _, t := range terms[rows[i]:rows[i+1]] {
			switch t.coef {
			case coefOne:
				sum.Add(&sum, &w[t.wire])
			case coefMinusOne:
				sum.Sub(&sum, &w[t.wire])
			default:
				x.Mul(&c.values[t.coef], &w[t.wire])
				sum.Add(&sum, &x)
			}
		}
		out[i] = sum
	}
}

// newDomain is the FFT domain of the key, with the coset that official keys
// use: the odd powers of a root of unity of twice the size.
func newDomain(size int) (*fft.Domain, error) {
	shift, err := fft.Generator(2 * uint64(size))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrKey, err)
	}
	return fft.NewDomain(uint64(size), fft.WithShift(shift)), nil
}

// quotient writes the values of A*B - C on the coset to out, the scalars of
// the key's section H. There the vanishing polynomial is the constant -2,
// which the key has absorbed: no division (spec proving.md).
func quotient(out []fr.Element, c *constraints, domain *fft.Domain, w []fr.Element, workers int) {
	b, prod := make([]fr.Element, len(out)), make([]fr.Element, len(out))
	defer func() {
		clear(b)
		clear(prod)
	}()
	parallel(workers, 2, func(i int) { c.evaluate([][]fr.Element{out, b}[i], i, w) })
	for i := range prod {
		prod[i].Mul(&out[i], &b[i]) // C, as w satisfies the constraints
	}
	parallel(workers, 3, func(i int) {
		v := [][]fr.Element{out, b, prod}[i]
		domain.FFTInverse(v, fft.DIF, fft.WithNbTasks(1))
		domain.FFT(v, fft.DIT, fft.OnCoset(), fft.WithNbTasks(1))
	})
	for i := range out {
		out[i].Mul(&out[i], &b[i])
		out[i].Sub(&out[i], &prod[i])
	}
}
