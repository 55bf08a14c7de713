package babyjub

import (
	"errors"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// ErrEncoding: 32 bytes that are not the one encoding of a curve point.
var ErrEncoding = errors.New("babyjub: not a canonical point encoding")

// Compress gives y as 32 little-endian bytes, with the top bit of the last one
// set when x is above (r-1)/2.
func (p Point) Compress() [32]byte {
	be := p.Y.Bytes()
	var out [32]byte
	for i, b := range be {
		out[31-i] = b
	}
	if p.X.LexicographicallyLargest() {
		out[31] |= 0x80
	}
	return out
}

// Decompress reads what Compress writes and nothing else: y below r, x on the
// curve, and no sign bit on x = 0. It does not check the subgroup.
func Decompress(in [32]byte) (Point, error) {
	negative := in[31]&0x80 != 0
	var be [32]byte
	for i, b := range in {
		be[31-i] = b
	}
	be[0] &= 0x7f
	var p Point
	if err := p.Y.SetBytesCanonical(be[:]); err != nil {
		return Point{}, ErrEncoding
	}
	// x^2 = (1 - y^2) / (a - d*y^2); the denominator is never 0, since a is a
	// square and d is not.
	c := params()
	var y2, num, den fr.Element
	y2.Square(&p.Y)
	num.SetOne()
	num.Sub(&num, &y2)
	den.Mul(&c.d, &y2)
	den.Sub(&c.a, &den)
	num.Div(&num, &den)
	if p.X.Sqrt(&num) == nil {
		return Point{}, ErrEncoding
	}
	if p.X.LexicographicallyLargest() != negative {
		p.X.Neg(&p.X)
	}
	if p.X.LexicographicallyLargest() != negative {
		return Point{}, ErrEncoding
	}
	return p, nil
}
