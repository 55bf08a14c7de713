//go:build !purego

package ifma

import (
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Coset carries values of polynomials over the scalar field from a domain of
// roots of unity to a coset of it: an inverse transform that decimates in
// frequency, a multiplication, a transform that decimates in time. Bounds are
// in multiples of r here, the order of the scalar field.
//
// A vector of n values is n/8 blocks. Block c of the first half holds the
// elements 16c, 16c+2, .. 16c+14, and block c of the second half those after
// each: rows of two elements, as Gather takes them. A stage pairs elements that
// differ in one bit of their index: bits 4 and up are bits of c, bit 0 is the
// half, and for bits 1 to 3 the lanes are exchanged with the lowest three bits
// of c.
type Coset struct {
	n                int
	forward, inverse [][]Block // for each bit but the lowest: powers of the root, of both halves
	scale            []Block   // shift^i/n, in bit-reversed order, lanes exchanged
	one, sixteen     Block
	rows, refs       []uint32 // 0, 1, 2, .. as destinations and as references
}

// MinCoset is the least size.
const MinCoset = 128

// NewCoset makes the tables for n values, a power of two from MinCoset up, on
// the powers of root, an n-th root of unity, and for shift times those.
func NewCoset(n int, root, shift *fr.Element) *Coset {
	c := &Coset{n: n, scale: make([]Block, n/Lanes), rows: make([]uint32, n/2), refs: make([]uint32, n/2)}
	for i := range c.rows {
		c.rows[i], c.refs[i] = uint32(i), uint32(i)<<1
	}
	one := fr.One()
	var inv, power, sixteen fr.Element
	sixteen.SetUint64(16)
	for j := range Lanes {
		setScalar(&c.one, j, &one)
		setScalar(&c.sixteen, j, &sixteen)
	}
	inv.Inverse(root)
	c.forward, c.inverse = stages(n, root), stages(n, &inv)

	power.SetUint64(uint64(n))
	power.Inverse(&power)
	width := bits.Len(uint(n)) - 1
	for i := range n {
		at := int(bits.Reverse32(uint32(i)) >> (32 - width))
		// Lanes exchanged: index bits 4 to 6 are the lane, 1 to 3 are block bits.
		block := at&1*(n/16) + at>>7<<3 + at>>1&7
		setScalar(&c.scale[block], at>>4&7, &power)
		power.Mul(&power, shift)
	}
	return c
}

// stages gives, for index bit k and an element with index e, the power
// e mod 2^k of the root of unity of order 2^(k+1).
func stages(n int, root *fr.Element) [][]Block {
	width := bits.Len(uint(n)) - 1
	out := make([][]Block, width)
	powers := make([]fr.Element, n/2)
	powers[0].SetOne()
	for i := range powers[1:] {
		powers[i+1].Mul(&powers[i], root)
	}
	for k := 1; k < width; k++ {
		apart := distance(k)
		out[k] = make([]Block, 2*apart)
		for b := range out[k] {
			for lane := range Lanes {
				e := 2*(b%apart) + b/apart // lanes exchanged: all the same
				if k > 3 {
					e = 16*(b%apart) + 2*lane + b/apart
				}
				setScalar(&out[k][b], lane, &powers[e<<(width-1-k)])
			}
		}
	}
	return out
}

// distance is how many blocks apart the stage of index bit k pairs.
func distance(k int) int {
	if k > 3 {
		return 1 << (k - 4)
	}
	return 1 << (k - 1)
}

// setScalar makes e number j of b.
func setScalar(b *Block, j int, e *fr.Element) {
	x := *e
	for range 4 {
		x.Double(&x)
	}
	words := fp.Element(x)
	b.Set(j, &words)
}

// Blocks is the length of a vector.
func (c *Coset) Blocks() int { return c.n / Lanes }

// Bytes is the memory of the tables.
func (c *Coset) Bytes() int {
	n := len(c.scale)
	for k := range c.forward {
		n += len(c.forward[k]) + len(c.inverse[k])
	}
	return n*blockSize + 8*len(c.rows)
}

// Load reads values on the domain, gnark-crypto's elements, into v.
func (c *Coset) Load(v []Block, x []fr.Element) {
	half := size(c.Blocks(), len(v), len(x)/Lanes) / 2
	gather(&v[0], &v[half], (*fp.Element)(&x[0]), 6, &c.refs[0], half, 0, &scalar)
}

// Extend turns values on the domain, below 2, into values on the coset: below
// 4 plus twice the logarithm of n, which the multiplication after it bears for
// any n that has roots of unity.
func (c *Coset) Extend(v []Block) {
	half := size(c.Blocks(), len(v)) / 2
	top := len(c.inverse) - 1
	for k := top; k > 3; k-- {
		c.stage(v, k, c.inverse[k], dif)
	}
	transpose(&v[0], len(v)/Lanes)
	for k := 3; k > 0; k-- {
		c.stage(v, k, c.inverse[k], dif)
	}
	// The last stage has no power to multiply with: half of the scaling is one.
	dif(&v[0], &v[half], &c.scale[half], half, &scalar)
	mul(&v[0], &v[0], &c.scale[0], half, &scalar)
	for i := range half {
		dit(&v[i], &v[half+i], &c.one, 1, &scalar)
	}
	for k := 1; k <= 3; k++ {
		c.stage(v, k, c.forward[k], dit)
	}
	transpose(&v[0], len(v)/Lanes)
	for k := 4; k <= top; k++ {
		c.stage(v, k, c.forward[k], dit)
	}
}

func (c *Coset) stage(v []Block, k int, powers []Block, butterfly func(lo, hi, w *Block, n int, f *field)) {
	apart, half := distance(k), len(v)/2
	for h := range 2 {
		for b := h * half; b < (h+1)*half; b += 2 * apart {
			butterfly(&v[b], &v[b+apart], &powers[h*apart], apart, &scalar)
		}
	}
}

// Combine writes a*b - p to out, as gnark-crypto's elements, for vectors that
// Load and Extend made. They are used up.
func (c *Coset) Combine(out []fr.Element, a, b, p []Block) {
	half := size(c.Blocks(), len(a), len(b), len(p), len(out)/Lanes) / 2
	// gnark-crypto's scaling of 2^256, twice, over 2^260 leaves 2^4 to make up.
	mul(&a[0], &a[0], &b[0], len(a), &scalar)
	for i := range a {
		mul(&a[i], &a[i], &c.sixteen, 1, &scalar) // below 2
		mul(&p[i], &p[i], &c.one, 1, &scalar)     // below 2
	}
	sub(&a[0], &a[0], &p[0], len(a), &twiceScalar)
	scatter((*fp.Element)(&out[0]), 6, &c.rows[0], &a[0], &a[half], half, &scalar)
}

// twiceScalar is 2r in limbs.
var twiceScalar = [5]uint64{0x3eb27e0000002, 0x90f372e12287c, 0x302b0ba5067d0, 0x405370a08b6d0, 0x60c89ce5c263}

// dif sets lo, hi = lo+hi, (lo-hi)*w: from below 2 to below 2, for w below 1.
//
//go:noescape
func dif(lo, hi, w *Block, n int, f *field)

// dit sets lo, hi = lo+hi*w, lo-hi*w, which adds 2 to the bound of lo, for hi
// below 84 and w below 1.
//
//go:noescape
func dit(lo, hi, w *Block, n int, f *field)

// transpose exchanges lanes and blocks in n groups of eight blocks.
//
//go:noescape
func transpose(v *Block, n int)
