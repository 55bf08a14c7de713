//go:build amd64 && !purego

package pairing8

import "github.com/consensys/gnark-crypto/utils/cpu"

//go:generate go run ./gen

// Available reports whether this processor has the instructions.
func Available() bool { return cpu.SupportAVX512IFMA }

// The functions below are in lanes_amd64.s. dst may be one of the operands.

// mul1 to mul4 give the sum of the products a_i*b_i in Fp2.
//
//go:noescape
func mul1(dst, a0, b0 *E2)

//go:noescape
func mul2(dst, a0, b0, a1, b1 *E2)

//go:noescape
func mul3(dst, a0, b0, a1, b1, a2, b2 *E2)

//go:noescape
func mul4(dst, a0, b0, a1, b1, a2, b2, a3, b3 *E2)

// each multiplies the halves, each with its own.
//
//go:noescape
func each(dst, a0, b0 *E2)

// each2 gives a0*b0 + a1*b1 for the halves.
//
//go:noescape
func each2(dst, a0, b0, a1, b1 *E2)

// term is a product whose factors are put together from the lanes of two
// elements: lane i of the first factor is lane ia[i] of a[0], or, if ia[i] is 8
// or more, lane ia[i]-8 of a[1].
type term struct {
	a, b   [2]*E2
	ia, ib *[Lanes]uint64
}

// mixed gives the sum of n products in Fp2.
//
//go:noescape
func mixed(dst *E2, terms *term, n int)

// choose puts the lanes of two elements together.
//
//go:noescape
func choose(dst, a, b *E2, index *[Lanes]uint64)

// scale multiplies both halves by b0.
//
//go:noescape
func scale(dst, a0 *E2, b0 *Fp)

//go:noescape
func add(dst, a, b *E2)

//go:noescape
func sub(dst, a, b *E2)

//go:noescape
func neg(dst, a *E2)

//go:noescape
func double(dst, a *E2)

//go:noescape
func times3(dst, a *E2)

//go:noescape
func times4(dst, a *E2)

//go:noescape
func times8(dst, a *E2)

//go:noescape
func timesMinus8(dst, a *E2)

//go:noescape
func timesMinus12(dst, a *E2)

// add3 gives a + 3b.
//
//go:noescape
func add3(dst, a, b *E2)

// sub2 gives a - 2b.
//
//go:noescape
func sub2(dst, a, b *E2)

// times3Sub2 gives 3a - 2b.
//
//go:noescape
func times3Sub2(dst, a, b *E2)

// twiceSub6 gives 2a - 6b.
//
//go:noescape
func twiceSub6(dst, a, b *E2)

// xi multiplies by 9 + u, the non-residue of the tower.
//
//go:noescape
func xi(dst, a *E2)
