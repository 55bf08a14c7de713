package poseidon

import (
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// width3 is the permutation of width 3 with 510 multiplications instead of the
// 600 of the sparse form, in fixed arrays.
//
// An S-box commutes with scaling: (kx)^5 = k^5 x^5. So every S-box input may
// be held as a known multiple of itself, the factors move into the matrix
// behind it, and one coefficient of each matrix row can be made 1: the one of
// the first S-box. In the first round the capacity element is a constant, which
// leaves two S-boxes, and the coefficient made 1 is the one of the left input.
// Constants added behind an S-box move through the matrix into one constant per
// row; those that belong to elements 1 and 2 in partial rounds, which pass them
// unchanged, are added once, before the first partial round.
type width3 struct {
	left, right fr.Element // added to the inputs
	first       [3]struct{ k, n2 fr.Element }
	before      [3][3]row3 // full rounds 2 to 4, the last with the matrix P
	partial     [57]struct {
		row3
		p1, p2 fr.Element // of the S-box in elements 1 and 2
	}
	after [3][3]row3
	last  [3]fr.Element
}

// row3 gives x0 + n1*x1 + n2*x2 + k, where x0 is always behind its S-box.
type row3 struct{ k, n1, n2 fr.Element }

var table3 = sync.OnceValue(func() *width3 { return scale3(sparseOnce[3-MinWidth]()) })

// scaling holds the factors of the three elements in front of an S-box layer.
type scaling [3]fr.Element

func scale3(p *Params) *width3 {
	w := &width3{left: p.C[1], right: p.C[2]}
	c := p.C[3:]
	var s scaling

	// Round 1: element 0 is p.C[0] whatever the inputs.
	capacity := p.C[0]
	pow5(&capacity)
	capacity.Add(&capacity, &c[0])
	for j := range s {
		s[j].Inverse(&p.M[1][j])
		w.first[j].k = times(dot(fr.Vector{p.M[0][j], p.M[1][j], p.M[2][j]}, fr.Vector{capacity, c[1], c[2]}), s[j])
		w.first[j].n2 = times(p.M[2][j], s[j])
	}
	c = c[3:]
	for i := range w.before {
		m := p.M
		if i == len(w.before)-1 {
			m = p.P
		}
		w.before[i] = s.through(m, c[:3])
		c = c[3:]
	}
	s = w.scalePartial(s, p.S, c[:len(w.partial)])
	c = c[len(w.partial):]
	for i := range w.after {
		w.after[i] = s.through(p.M, c[:3])
		c = c[3:]
	}
	for i := range w.last {
		pow5(&s[i])
		w.last[i].Div(&p.M[i][0], &s[i])
	}
	return w
}

// scalePartial fills in the partial rounds, whose scaling s is given, and gives
// the one behind them. Factors and their inverses are carried side by side,
// which saves an inversion a round.
func (w *width3) scalePartial(s scaling, sparse, c []fr.Element) scaling {
	pivots := make([]fr.Element, len(w.partial))
	for i := range pivots {
		pivots[i] = sparse[5*i]
	}
	inverse := fr.BatchInvert(append(pivots, s[:]...))
	inv0, inv1, inv2 := inverse[len(pivots)], inverse[len(pivots)+1], inverse[len(pivots)+2]
	added := make([]fr.Element, len(w.partial))
	var extra1, extra2 fr.Element // what elements 1 and 2 hold too much of
	for i := range w.partial {
		r, m := &w.partial[i], sparse[5*i:5*i+5]
		pow5(&s[0])
		pow5(&inv0)
		added[i] = times(c[i], s[0])
		r.p1, r.p2 = times(m[3], s[1], inv0), times(m[4], s[2], inv0)
		s[0].Mul(&s[0], &inverse[i])
		inv0.Mul(&inv0, &m[0])
		r.n1, r.n2 = times(m[1], s[0], inv1), times(m[2], s[0], inv2)
		extra1.Add(&extra1, ptr(times(r.p1, added[i])))
		extra2.Add(&extra2, ptr(times(r.p2, added[i])))
	}
	end := &w.before[len(w.before)-1]
	end[1].k.Add(&end[1].k, &extra1)
	end[2].k.Add(&end[2].k, &extra2)
	for i := range w.partial {
		r := &w.partial[i]
		r.k.Sub(&added[i], ptr(dot(fr.Vector{r.n1, r.n2}, fr.Vector{extra1, extra2})))
		extra1.Sub(&extra1, ptr(times(r.p1, added[i])))
		extra2.Sub(&extra2, ptr(times(r.p2, added[i])))
	}
	return s
}

// through moves the factors over a layer of S-boxes, the constants behind it
// and a matrix, stored by columns, and makes the first coefficients 1.
func (s *scaling) through(m [][]fr.Element, c []fr.Element) (rows [3]row3) {
	for i := range s {
		pow5(&s[i])
	}
	var next scaling
	for j := range rows {
		next[j].Div(&s[0], &m[0][j])
		rows[j].n1.Div(ptr(times(m[1][j], next[j])), &s[1])
		rows[j].n2.Div(ptr(times(m[2][j], next[j])), &s[2])
		rows[j].k = times(dot(fr.Vector{m[0][j], m[1][j], m[2][j]}, c), next[j])
	}
	*s = next
	return rows
}

func times(x fr.Element, by ...fr.Element) fr.Element {
	for i := range by {
		x.Mul(&x, &by[i])
	}
	return x
}

func dot(a, b fr.Vector) fr.Element { return a.InnerProduct(b) }

func ptr(x fr.Element) *fr.Element { return &x }

// Hash2 is Poseidon of two inputs, the parent of two tree nodes. It does not
// allocate.
func Hash2(l, r *fr.Element) fr.Element {
	w := table3()
	var a, b, c, x fr.Element
	b.Add(l, &w.left)
	c.Add(r, &w.right)
	pow5(&b)
	pow5(&c)
	var s [3]fr.Element
	for i := range s {
		k := &w.first[i]
		x.Mul(&c, &k.n2)
		x.Add(&x, &k.k)
		s[i].Add(&x, &b)
	}
	for i := range w.before {
		full3(&s, &w.before[i])
	}
	a, b, c = s[0], s[1], s[2]
	for i := range w.partial {
		k := &w.partial[i]
		pow5(&a)
		x.Add(&a, &k.k)
		s[1].Mul(&b, &k.n1)
		s[2].Mul(&c, &k.n2)
		x.Add(&x, &s[1])
		x.Add(&x, &s[2])
		s[1].Mul(&a, &k.p1)
		s[2].Mul(&a, &k.p2)
		b.Add(&b, &s[1])
		c.Add(&c, &s[2])
		a = x
	}
	s = [3]fr.Element{a, b, c}
	for i := range w.after {
		full3(&s, &w.after[i])
	}
	for i := range s {
		pow5(&s[i])
		s[i].Mul(&s[i], &w.last[i])
	}
	s[0].Add(&s[0], &s[1])
	s[0].Add(&s[0], &s[2])
	return s[0]
}

// full3 is S-box and matrix.
func full3(s *[3]fr.Element, rows *[3]row3) {
	a, b, c := s[0], s[1], s[2]
	pow5(&a)
	pow5(&b)
	pow5(&c)
	var x fr.Element
	for i := range s {
		k := &rows[i]
		o := &s[i]
		o.Add(&a, &k.k)
		o.Add(o, x.Mul(&b, &k.n1))
		o.Add(o, x.Mul(&c, &k.n2))
	}
}

func pow5(x *fr.Element) {
	var y fr.Element
	y.Square(x)
	y.Square(&y)
	x.Mul(x, &y)
}
