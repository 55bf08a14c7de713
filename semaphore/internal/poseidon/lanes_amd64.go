//go:build amd64 && !purego

package poseidon

import (
	"math/bits"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/utils/cpu"
)

//go:generate go run ./gen

// vectors reports whether this processor hashes side by side.
func vectors() bool { return cpu.SupportAVX512IFMA }

// lanes are sixteen field elements in two groups of eight, limb by limb: five
// limbs of 52 bits in Montgomery form with R = 2^260 = 84.6r.
//
// The multiply-and-add instructions read the low 52 bits of an operand and
// ignore the rest, so whatever lies in memory has limbs below 2^52: a value
// below R. Nothing is ever subtracted. A sum S of products is reduced to less
// than S/R + r, and what is added behind the reduction is added to that. In
// units of r, with constants below 1, that is
//
//	enter     at most 1 + 1/84.6 + 1 < 2.02;
//	S-box     of x <= 4.52: x^2 < 1.25, x^4 < 1.02, x^5 < 1.06;
//	rows      in full rounds: 1.06 + 1 + 2*1.06/84.6 + 1 < 3.09;
//	partial   rounds leave elements 1 and 2 to grow, each time by less than
//	          1.06/84.6 + 1 < 1.013, from 3.09 to less than 61 after 57, and
//	          element 0 at 1.06 + 1 + 2*61/84.6 + 1 < 4.51;
//	then      an S-box of 61: x^2 < 45, x^4 < 25, x^5 < 19.1, and rows of
//	          1.06 + 1 + 2*19.1/84.6 + 1 < 3.52;
//	last      3*1.06/84.6 + 1 < 2, so that one subtraction of r is enough.
//
// A column takes at most 50 numbers below 2^52, or twice a square's: it stays
// below 2^58.
type lanes [2][5][8]uint64

// The functions below are in lanes_amd64.s. dst may be one of the operands.
// Constants are five limbs each, the added one first.

// pow5Lanes gives x^5.
//
//go:noescape
func pow5Lanes(dst, x *lanes)

// enterLanes gives k0 + x0*k1.
//
//go:noescape
func enterLanes(dst, x0 *lanes, k *[10]uint64)

// addTimesLanes gives e + x0*k0.
//
//go:noescape
func addTimesLanes(dst, e, x0 *lanes, k *[5]uint64)

// addTimesConstantLanes gives e + k0 + x0*k1.
//
//go:noescape
func addTimesConstantLanes(dst, e, x0 *lanes, k *[10]uint64)

// rowLanes gives e + k0 + x0*k1 + x1*k2.
//
//go:noescape
func rowLanes(dst, e, x0, x1 *lanes, k *[15]uint64)

// lastLanes gives x0*k0 + x1*k1 + x2*k2.
//
//go:noescape
func lastLanes(dst, x0, x1, x2 *lanes, k *[15]uint64)

// constants3 is width3 in limbs.
type constants3 struct {
	left, right   [10]uint64
	first         [3][10]uint64
	before, after [3][3][15]uint64
	partial       [57]struct {
		row    [15]uint64
		p1, p2 [5]uint64
	}
	last [15]uint64
}

var lanes3 = sync.OnceValue(func() *constants3 {
	w, k := table3(), new(constants3)
	// 2^264, which turns the form with R = 2^256 into ours. The words of an
	// element are 2^256 times the element.
	var enter fr.Element
	enter.SetUint64(1 << 8)
	inLimbs(k.left[:], form(w.left), enter)
	inLimbs(k.right[:], form(w.right), enter)
	for i := range w.first {
		inLimbs(k.first[i][:], form(w.first[i].k), form(w.first[i].n2))
	}
	row := func(to *[15]uint64, r *row3) { inLimbs(to[:], form(r.k), form(r.n1), form(r.n2)) }
	for i := range w.before {
		for j := range w.before[i] {
			row(&k.before[i][j], &w.before[i][j])
			row(&k.after[i][j], &w.after[i][j])
		}
	}
	for i := range w.partial {
		p := &k.partial[i]
		row(&p.row, &w.partial[i].row3)
		inLimbs(p.p1[:], form(w.partial[i].p1))
		inLimbs(p.p2[:], form(w.partial[i].p2))
	}
	inLimbs(k.last[:], w.last[:]...) // as it is: back to R = 2^256
	return k
})

// form gives the element whose words are 2^260 times x.
func form(x fr.Element) fr.Element {
	var sixteen fr.Element
	sixteen.SetUint64(16)
	return *x.Mul(&x, &sixteen)
}

const limbMask = 1<<52 - 1

func inLimbs(to []uint64, elements ...fr.Element) {
	for i := range elements {
		a, b, c, d, e := toLimbs(&elements[i])
		copy(to[5*i:], []uint64{a, b, c, d, e})
	}
}

func toLimbs(w *fr.Element) (a, b, c, d, e uint64) {
	return w[0] & limbMask, (w[0]>>52 | w[1]<<12) & limbMask, (w[1]>>40 | w[2]<<24) & limbMask, (w[2]>>28 | w[3]<<36) & limbMask, w[3] >> 16
}

// set puts up to sixteen elements into the lanes, as they are.
func (l *lanes) set(x []fr.Element) {
	for i := range x {
		g, n := &l[i/8], i%8
		g[0][n], g[1][n], g[2][n], g[3][n], g[4][n] = toLimbs(&x[i])
	}
}

// get takes them out: values below 2r.
func (l *lanes) get(x []fr.Element) {
	r := [4]uint64{4891460686036598785, 2896914383306846353, 13281191951274694749, 3486998266802970665}
	for i := range x {
		g, n := &l[i/8], i%8
		a, b, c, d, e := g[0][n], g[1][n], g[2][n], g[3][n], g[4][n]
		v := fr.Element{a | b<<52, b>>12 | c<<40, c>>24 | d<<28, d>>36 | e<<16}
		var less fr.Element
		var borrow uint64
		for j, m := range r {
			less[j], borrow = bits.Sub64(v[j], m, borrow)
		}
		if borrow == 0 {
			v = less
		}
		x[i] = v
	}
}

// hashLanes is Hash2 on at most 16 pairs.
func hashLanes(dst, left, right []fr.Element) {
	k := lanes3()
	var s, x [3]lanes
	x[0].set(left)
	x[1].set(right)
	enterLanes(&s[1], &x[0], &k.left)
	enterLanes(&s[2], &x[1], &k.right)
	pow5Lanes(&s[1], &s[1])
	pow5Lanes(&s[2], &s[2])
	for i := range x {
		addTimesConstantLanes(&x[i], &s[1], &s[2], &k.first[i])
	}
	for i := range k.before {
		fullLanes(&s, &x, &k.before[i])
	}
	a, next, b, c := &x[0], &s[0], &x[1], &x[2]
	for i := range k.partial {
		p := &k.partial[i]
		pow5Lanes(a, a)
		rowLanes(next, a, b, c, &p.row)
		addTimesLanes(b, b, a, &p.p1)
		addTimesLanes(c, c, a, &p.p2)
		a, next = next, a
	}
	if a != &x[0] {
		x[0] = *a
	}
	for i := range k.after {
		fullLanes(&s, &x, &k.after[i])
	}
	for i := range x {
		pow5Lanes(&x[i], &x[i])
	}
	lastLanes(&s[0], &x[0], &x[1], &x[2], &k.last)
	s[0].get(dst)
}

// fullLanes is S-box and matrix on x; s is room.
func fullLanes(s, x *[3]lanes, rows *[3][15]uint64) {
	for i := range x {
		pow5Lanes(&s[i], &x[i])
	}
	for i := range x {
		rowLanes(&x[i], &s[0], &s[1], &s[2], &rows[i])
	}
}
