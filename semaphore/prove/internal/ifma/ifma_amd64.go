//go:build !purego

// Package ifma computes in the fields of BN254 eight numbers at a time, with
// the 52-bit multiply-and-add instructions of AVX-512 IFMA. It serves the affine
// additions of package prove, where hundreds of equal operations stand side by
// side, and its Fourier transforms (Coset). Unlike package pairing8, which keeps
// single elements of the tower close together, it streams long vectors.
//
// A Block holds eight numbers as columns of 52-bit limbs, in Montgomery form
// with radix 2^260: the number a is kept as a*2^260 mod q. Numbers in blocks
// need not be below q; every function says what it takes and gives, in
// multiples of q. Products stay small by themselves: 2^260 is 84*q, so that
// factors below u*q and v*q give a product below (1 + u*v/84)*q, without any
// comparison. Only Scatter reduces.
//
// In memory that other code sees, an element is an fp.Element whose words hold
// a*2^260 mod q: Scale and Unscale convert.
//
// Functions work on whole blocks and need Available. Slices of one call have
// the same length; a result may be one of the sources. Nothing here branches
// on values.
package ifma

import (
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/utils/cpu"
)

// Lanes is how many numbers a Block holds.
const Lanes = 8

// Block is eight numbers: limb i of number j is at [i][j].
type Block [5][Lanes]uint64

const blockSize = 5 * Lanes * 8 // bytes

// Available reports whether the processor has the instructions.
func Available() bool { return cpu.SupportAVX512IFMA }

// field is a modulus in limbs, and -1/modulus mod 2^52.
type field [6]uint64

var (
	base   = field{0x8c16d87cfd47, 0x916871ca8d3c2, 0x181585d97816a, 0xa029b85045b68, 0x30644e72e131, 0x20782e4866389}
	scalar = field{0x1f593f0000001, 0x4879b9709143e, 0x181585d2833e8, 0xa029b85045b68, 0x30644e72e131, 0x1f593efffffff}
)

// Multiple is a multiple of q to add, so that a difference is not negative.
type Multiple int

// The multiples that there are.
const (
	Q2 Multiple = iota
	Q4
	Q8
	Q16
)

// multiples are 2q, 4q, 8q and 16q in limbs.
var multiples = [...][5]uint64{
	{0x1182db0f9fa8e, 0x22d0e3951a784, 0x302b0bb2f02d5, 0x405370a08b6d0, 0x60c89ce5c263},
	{0x2305b61f3f51c, 0x45a1c72a34f08, 0x60561765e05aa, 0x80a6e14116da0, 0xc19139cb84c6},
	{0x460b6c3e7ea38, 0x8b438e5469e10, 0xc0ac2ecbc0b54, 0x14dc2822db40, 0x183227397098d},
	{0x8c16d87cfd470, 0x16871ca8d3c20, 0x81585d97816a9, 0x29b85045b681, 0x30644e72e131a},
}

// Mul sets z = x*y.
func Mul(z, x, y []Block) {
	if n := size(len(z), len(x), len(y)); n > 0 {
		mul(&z[0], &x[0], &y[0], n, &base)
	}
}

// Add sets z = x+y.
func Add(z, x, y []Block) {
	if n := size(len(z), len(x), len(y)); n > 0 {
		add(&z[0], &x[0], &y[0], n)
	}
}

// Sub sets z = x-y+k, for y at most k.
func Sub(z, x, y []Block, k Multiple) {
	if n := size(len(z), len(x), len(y)); n > 0 {
		sub(&z[0], &x[0], &y[0], n, &multiples[k])
	}
}

// Sub2 sets z = x-y-w+k, for y+w at most k.
func Sub2(z, x, y, w []Block, k Multiple) {
	if n := size(len(z), len(x), len(y), len(w)); n > 0 {
		sub2(&z[0], &x[0], &y[0], &w[0], n, &multiples[k])
	}
}

// Gather reads rows of two elements. Row i starts refs[i]/2 times 2^shift bytes
// after at; its elements go to number i of lo and hi. Where refs[i] is odd,
// those that negate names (bit 0 for lo, bit 1 for hi) are taken from q, which
// is q for zero. Elements are below q, and there are eight references to a
// block. The caller answers for the rows being there.
func Gather(lo, hi []Block, at *fp.Element, shift int, refs []uint32, negate int) {
	if n := size(len(lo), len(hi), len(refs)/Lanes); n > 0 {
		gather(&lo[0], &hi[0], at, shift, &refs[0], n, uint64(negate), &base)
	}
}

// Scatter writes rows of two elements, reduced to below q, from numbers below
// 32q: row i to dst[i] times 2^shift bytes after at.
func Scatter(at *fp.Element, shift int, dst []uint32, lo, hi []Block) {
	if n := size(len(lo), len(hi), len(dst)/Lanes); n > 0 {
		scatter(at, shift, &dst[0], &lo[0], &hi[0], n, &base)
	}
}

// Suspects sets bit j of out[i] when, of numbers below q, x[i] and y[i] are
// equal at j or one of them is zero there.
func Suspects(out []uint8, x, y []Block) {
	if n := size(len(out), len(x), len(y)); n > 0 {
		suspects(&out[0], &x[0], &y[0], n)
	}
}

// size checks that all slices of a call are as long as the first.
func size(n int, others ...int) int {
	for _, m := range others {
		if m != n {
			panic("ifma: slices of different lengths")
		}
	}
	return n
}

// Scale turns an element into one whose words hold a*2^260.
func Scale(e *fp.Element) {
	for range 4 {
		e.Double(e)
	}
}

// Unscale undoes Scale.
func Unscale(e *fp.Element) {
	for range 4 {
		e.Halve()
	}
}

// modulus is q, little-endian words.
var modulus = [4]uint64{0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d, 0x30644e72e131a029}

// Get gives number j of b, scaled and reduced, for numbers below 4q.
func (b *Block) Get(j int) (e fp.Element) {
	e[0] = b[0][j] | b[1][j]<<52
	e[1] = b[1][j]>>12 | b[2][j]<<40
	e[2] = b[2][j]>>24 | b[3][j]<<28
	e[3] = b[3][j]>>36 | b[4][j]<<16
	for range 3 {
		var t fp.Element
		var borrow uint64
		for i, w := range modulus {
			t[i], borrow = bits.Sub64(e[i], w, borrow)
		}
		if borrow == 0 {
			e = t
		}
	}
	return e
}

// Set makes e, scaled, number j of b.
func (b *Block) Set(j int, e *fp.Element) {
	const mask = 1<<52 - 1
	b[0][j] = e[0] & mask
	b[1][j] = (e[0]>>52 | e[1]<<12) & mask
	b[2][j] = (e[1]>>40 | e[2]<<24) & mask
	b[3][j] = (e[2]>>28 | e[3]<<36) & mask
	b[4][j] = e[3] >> 16
}

//go:noescape
func mul(z, x, y *Block, n int, f *field)

//go:noescape
func add(z, x, y *Block, n int)

//go:noescape
func sub(z, x, y *Block, n int, k *[5]uint64)

//go:noescape
func sub2(z, x, y, w *Block, n int, k *[5]uint64)

//go:noescape
func gather(lo, hi *Block, at *fp.Element, shift int, refs *uint32, n int, negate uint64, f *field)

//go:noescape
func scatter(at *fp.Element, shift int, dst *uint32, lo, hi *Block, n int, f *field)

//go:noescape
func suspects(out *uint8, x, y *Block, n int)
