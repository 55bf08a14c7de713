package poseidon

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// factor turns the plain constants into the sparse form (eprint 2019/458,
// appendix B).
//
// Constants: whatever a partial round adds to elements 1.. commutes with its
// S-box, so it moves backwards through the matrix into the round before. Only
// one scalar per partial round stays, and every vector sits behind its S-box.
//
// Matrices: write A = S * D where D = diag(1, the lower right block of A).
// D touches neither element 0 nor, therefore, the partial S-box, so it moves
// back into the matrix before it; S is sparse.
func factor(p *PlainParams) *Params {
	t := p.T
	out := &Params{
		T: t, Full: p.Full, Partial: p.Partial,
		C: make([]fr.Element, t*p.Full+p.Partial),
		S: make([]fr.Element, (2*t-1)*p.Partial),
		M: transpose(p.MDS),
	}
	inv := invert(p.MDS)
	half := p.Full / 2
	round := func(i int) []fr.Element { return p.RoundConstants[i*t : (i+1)*t] }

	copy(out.C, round(0))
	for i := 1; i < half; i++ {
		copy(out.C[i*t:], apply(inv, round(i)))
	}
	carried := round(half + p.Partial)
	for i := p.Partial - 1; i >= 0; i-- {
		back := apply(inv, carried)
		out.C[(half+1)*t+i] = back[0]
		carried = append([]fr.Element(nil), round(half+i)...)
		for k := 1; k < t; k++ {
			carried[k].Add(&carried[k], &back[k])
		}
	}
	copy(out.C[half*t:], apply(inv, carried))
	for i := 1; i < half; i++ {
		copy(out.C[(half+i)*t+p.Partial:], apply(inv, round(half+p.Partial+i)))
	}

	a := p.MDS
	for i := p.Partial - 1; i >= 0; i-- {
		sparse := out.S[(2*t-1)*i : (2*t-1)*(i+1)]
		lower := make([][]fr.Element, t-1)
		for k := range lower {
			lower[k] = a[k+1][1:]
		}
		// The new row r satisfies r * lower = a[0][1:].
		sparse[0] = a[0][0]
		copy(sparse[1:t], apply(transpose(invert(lower)), a[0][1:]))
		for k := 1; k < t; k++ {
			sparse[t+k-1] = a[k][0]
		}
		a = timesDiagonal(lower, p.MDS)
	}
	out.P = transpose(a)
	return out
}

// apply multiplies a square matrix by a column.
func apply(m [][]fr.Element, v []fr.Element) []fr.Element {
	out := make([]fr.Element, len(m))
	var x fr.Element
	for i := range m {
		for j := range v {
			out[i].Add(&out[i], x.Mul(&m[i][j], &v[j]))
		}
	}
	return out
}

// timesDiagonal gives diag(1, block) * m.
func timesDiagonal(block, m [][]fr.Element) [][]fr.Element {
	out := make([][]fr.Element, len(m))
	out[0] = m[0]
	var x fr.Element
	for i := 1; i < len(m); i++ {
		out[i] = make([]fr.Element, len(m))
		for j := range m {
			for k := 1; k < len(m); k++ {
				out[i][j].Add(&out[i][j], x.Mul(&block[i-1][k-1], &m[k][j]))
			}
		}
	}
	return out
}

func transpose(m [][]fr.Element) [][]fr.Element {
	out := make([][]fr.Element, len(m))
	for i := range out {
		out[i] = make([]fr.Element, len(m))
		for j := range m {
			out[i][j] = m[j][i]
		}
	}
	return out
}

// invert is Gauss-Jordan elimination. Every matrix it is given is regular: the
// MDS matrix and its diagonal blocks by construction, their products with it
// because the derivation is fixed and tested for every width.
func invert(m [][]fr.Element) [][]fr.Element {
	n := len(m)
	work := make([][]fr.Element, n)
	for i := range work {
		work[i] = make([]fr.Element, 2*n)
		copy(work[i], m[i])
		work[i][n+i].SetOne()
	}
	var scale, x fr.Element
	for col := range n {
		pivot := col
		for pivot < n-1 && work[pivot][col].IsZero() {
			pivot++
		}
		work[col], work[pivot] = work[pivot], work[col]
		scale.Inverse(&work[col][col])
		for j := col; j < 2*n; j++ {
			work[col][j].Mul(&work[col][j], &scale)
		}
		for i := range n {
			if i == col {
				continue
			}
			scale = work[i][col]
			for j := col; j < 2*n; j++ {
				work[i][j].Sub(&work[i][j], x.Mul(&scale, &work[col][j]))
			}
		}
	}
	for i := range work {
		work[i] = work[i][n:]
	}
	return work
}
