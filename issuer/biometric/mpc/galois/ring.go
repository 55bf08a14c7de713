package galois

// Word is an element of R: integers modulo 2^16 or 2^32.
type Word interface{ uint16 | uint32 }

// Degree is how many words make an element of GR, and how many values share one.
const Degree = 4

// Element is an element of GR: coefficients of 1, x, x^2, x^3.
type Element[W Word] [Degree]W

// The self-dual basis: dual is phi of 1, x, x^2, x^3, basis[j] is alpha_j. They
// hold modulo 2^32, and so modulo 2^16.
var (
	dual  = Element[uint32]{0x4b944f4a, 0x5c015ce5, 0x94bd28a1, 0xea3b183e}
	basis = [Degree]Element[uint32]{
		{0x212c0260, 0xc19ab5c3, 0xa4c41107, 0x38f6f759},
		{0x92a563d4, 0x0aa11e41, 0x5e9cfaa8, 0x4bdfcaa2},
		{0xe7531a79, 0x2a063587, 0x85b66bcc, 0x67104e62},
		{0x2211d39b, 0xca2c27ce, 0xb0d04562, 0xbf7943c3},
	}
)

// Add gives a + b.
func (a Element[W]) Add(b Element[W]) Element[W] {
	for i := range a {
		a[i] += b[i]
	}
	return a
}

// Sub gives a - b.
func (a Element[W]) Sub(b Element[W]) Element[W] {
	for i := range a {
		a[i] -= b[i]
	}
	return a
}

// Mul gives a*b.
func (a Element[W]) Mul(b Element[W]) Element[W] {
	var p [2*Degree - 1]W
	for i, x := range a {
		for j, y := range b {
			p[i+j] += x * y
		}
	}
	// x^4 = x + 1.
	for k := len(p) - 1; k >= Degree; k-- {
		p[k-Degree] += p[k]
		p[k-Degree+1] += p[k]
	}
	return Element[W](p[:Degree])
}

// Phi is the linear map of the basis.
func (a Element[W]) Phi() (sum W) {
	for i, x := range a {
		sum += x * W(dual[i])
	}
	return sum
}

// inverse inverts a unit: one that is not zero modulo 2. A unit to the power
// 15*2^(k-1) is 1, for words of k bits.
func (a Element[W]) inverse() Element[W] {
	e := 15*(uint64(^W(0))/2+1) - 1
	out := Element[W]{1}
	for ; e > 0; e >>= 1 {
		if e&1 == 1 {
			out = out.Mul(a)
		}
		a = a.Mul(a)
	}
	return out
}

// Embed gives the element that holds four values.
func Embed[W Word](v [Degree]W) (s Element[W]) {
	for j, alpha := range basis {
		for k := range s {
			s[k] += v[j] * W(alpha[k])
		}
	}
	return s
}

// Values gives the four values that s holds.
func (a Element[W]) Values() (v [Degree]W) {
	for j := range v {
		v[j] = a.Mul(alpha[W](j)).Phi()
	}
	return v
}

func alpha[W Word](j int) (a Element[W]) {
	for k := range a {
		a[k] = W(basis[j][k])
	}
	return a
}

// Parties is the number of parties.
const Parties = 3

// point is where a party's share is taken: 1, x, 1 + x.
func point[W Word](party int) Element[W] {
	return [Parties]Element[W]{{1}, {0, 1}, {1, 1}}[party]
}

// lambda is a party's weight in the value at zero of a polynomial of degree two:
// the product over the others j of e_j/(e_j - e_i).
func lambda[W Word](party int) Element[W] {
	out := Element[W]{1}
	for j := range Parties {
		if j != party {
			out = out.Mul(point[W](j)).Mul(point[W](j).Sub(point[W](party)).inverse())
		}
	}
	return out
}
