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

// bytes is the memory that the matrices take.
func (c *constraints) bytes() int {
	n := len(c.values) * fr.Bytes
	for i := range c.m {
		n += len(c.m[i].rows)*4 + len(c.m[i].terms)*8
	}
	return n
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

// quotient writes the values of A*B - C on the coset to out, the scalars of
// the key's section H. The coset is that of the odd powers of a root of unity
// of twice the domain's size, where the vanishing polynomial is the constant
// -2, which the key has absorbed: no division (spec proving.md).
func quotient(out []fr.Element, c *constraints, coset coset, w []fr.Element, workers int) {
	b := make([]fr.Element, len(out))
	defer clear(b)
	parallel(workers, 2, func(i int) { c.evaluate([][]fr.Element{out, b}[i], i, w) })
	coset.quotient(out, b, workers)
}

// coset carries polynomials from a domain to its coset, in one of the
// arithmetics.
type coset interface {
	// quotient takes the values of A and B on the domain, where C is their
	// product, and leaves those of A*B - C on the coset in a. It uses b up.
	quotient(a, b []fr.Element, workers int)
	bytes() int // memory of the tables
}

// shift generates the coset of a domain.
func shift(domain int) (fr.Element, error) {
	g, err := fft.Generator(2 * uint64(domain))
	if err != nil {
		return g, fmt.Errorf("%w: %v", ErrKey, err)
	}
	return g, nil
}

// vectorCoset is the coset over gnark-crypto's transforms.
type vectorCoset struct{ domain *fft.Domain }

func newVectorCoset(domain int) (*vectorCoset, error) {
	g, err := shift(domain)
	if err != nil {
		return nil, err
	}
	return &vectorCoset{fft.NewDomain(uint64(domain), fft.WithShift(g))}, nil
}

// bytes is the memory of the domain's tables: the roots of unity and their
// inverses, halved at each stage, and the powers of the coset's shift and their
// inverses.
func (c *vectorCoset) bytes() int { return 4 * int(c.domain.Cardinality) * fr.Bytes }

func (c *vectorCoset) quotient(a, b []fr.Element, workers int) {
	prod := make(fr.Vector, len(a))
	defer clear(prod)
	prod.Mul(a, b)
	parallel(workers, 3, func(i int) {
		v := [][]fr.Element{a, b, prod}[i]
		c.domain.FFTInverse(v, fft.DIF, fft.WithNbTasks(1))
		c.domain.FFT(v, fft.DIT, fft.OnCoset(), fft.WithNbTasks(1))
	})
	out := fr.Vector(a)
	out.Mul(out, b)
	out.Sub(out, prod)
}
