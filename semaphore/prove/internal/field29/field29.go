// Package field29 is arithmetic in the two BN254 prime fields for machines
// without a 64-bit product of full width, which for us means WebAssembly: Go
// emulates that product there with a dozen instructions, while a product of
// two 29-bit limbs fits an i64. A multiplication takes a quarter of the time
// of the usual four-limb code in a browser, and twice as long on amd64.
//
// An element is nine limbs in Montgomery form with radix 2^261, which leaves
// seven bits above the modulus. So values need not be below the modulus:
//
//   - settled: limbs 0..7 in [0, 2^29), the value between -0.1 and 1.1 times
//     the modulus. Mul and its relatives, Sub, Sub2, Neg, Add of Fr and From
//     give settled elements.
//   - loose: the sum or difference of two settled elements by Loose
//     functions, limb by limb with no carry. Good as a factor, with this bound:
//     Mul takes two loose elements, one of them a difference; MulAdd and MulSub
//     take differences and settled elements only. Then no intermediate sum
//     leaves 64 bits (9 * 2^30 * 2^29 + 9 * 2^58 and 27 * 2^58 are below 2^63).
//
// Zero has several representations: IsZero knows them.
package field29

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Limbs of Bits bits make an element.
const (
	Limbs = 9
	Bits  = 29
	mask  = 1<<Bits - 1
)

// Fp is an element of the base field, the field of G1's coordinates.
type Fp [Limbs]int32

// Fr is an element of the scalar field.
type Fr [Limbs]int32

// From converts from gnark-crypto's form.
func (z *Fp) From(x *fp.Element) {
	*z = Fp(split(*x))
	z.Mul(z, &pEnter)
}

// From converts from gnark-crypto's form.
func (z *Fr) From(x *fr.Element) {
	*z = Fr(split(*x))
	z.Mul(z, &rEnter)
}

// Element converts to gnark-crypto's form. x is settled or a difference of
// settled elements.
func (x *Fp) Element() fp.Element {
	var z Fp
	z.Mul(x, &pLeave)
	return fp.Element(canonical([Limbs]int32(z), [Limbs]int64{p0, p1, p2, p3, p4, p5, p6, p7, p8}))
}

// Element converts to gnark-crypto's form.
func (x *Fr) Element() fr.Element {
	var z Fr
	z.Mul(x, &rLeave)
	return fr.Element(canonical([Limbs]int32(z), [Limbs]int64{r0, r1, r2, r3, r4, r5, r6, r7, r8}))
}

// LooseAdd sets z to x+y without carries.
func (z *Fp) LooseAdd(x, y *Fp) {
	for i := range z {
		z[i] = x[i] + y[i]
	}
}

// LooseSub sets z to x-y without carries.
func (z *Fp) LooseSub(x, y *Fp) {
	for i := range z {
		z[i] = x[i] - y[i]
	}
}

// LooseSub sets z to x-y without carries.
func (z *Fr) LooseSub(x, y *Fr) {
	for i := range z {
		z[i] = x[i] - y[i]
	}
}

// IsZero reports whether x, settled or a difference, is a multiple of the
// modulus. The lowest limb decides all but one case in 2^27.
func (x *Fp) IsZero() bool {
	low := x[0] & mask
	if low != 0 && low != p0 && low != -p0&mask {
		return false
	}
	e := x.Element()
	return e.IsZero()
}

// IsNull reports whether all limbs of x are 0, which marks infinity in points
// and says nothing else about a value.
func (x *Fp) IsNull() bool { return x[0] == 0 && *x == Fp{} }

// Inverse sets z to 1/x, or 0 for 0.
func (z *Fp) Inverse(x *Fp) {
	e := x.Element()
	e.Inverse(&e)
	z.From(&e)
}

// split cuts 256 bits into limbs.
func split(x [4]uint64) (z [Limbs]int32) {
	for i := range z {
		bit := Bits * i
		v := x[bit/64] >> (bit % 64)
		if bit%64 > 64-Bits && bit/64 < 3 {
			v |= x[bit/64+1] << (64 - bit%64)
		}
		z[i] = int32(v & mask)
	}
	return z
}

// canonical brings a settled value between 0 and q and joins its limbs.
func canonical(x [Limbs]int32, q [Limbs]int64) (z [4]uint64) {
	var v [Limbs]int64
	for i := range x {
		v[i] = int64(x[i])
	}
	if v[Limbs-1] < 0 {
		v = carry(v, q, 1)
	}
	if w := carry(v, q, -1); w[Limbs-1] >= 0 {
		v = w
	}
	for i, limb := range v {
		bit := Bits * i
		z[bit/64] |= uint64(limb) << (bit % 64)
		if bit%64 > 64-Bits && bit/64 < 3 {
			z[bit/64+1] |= uint64(limb) >> (64 - bit%64)
		}
	}
	return z
}

// carry gives x + k*q with all limbs but the last in [0, 2^29).
func carry(x, q [Limbs]int64, k int64) [Limbs]int64 {
	var c int64
	for i := range Limbs - 1 {
		c += x[i] + k*q[i]
		x[i] = c & mask
		c >>= Bits
	}
	x[Limbs-1] += c + k*q[Limbs-1]
	return x
}
