package babyjub

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// Scalar is an integer modulo l in four 64-bit words, lowest first. Its
// arithmetic does not branch on the value: EdDSA's secret passes through it. It is slow (a few microseconds) and needs no table.
type Scalar [4]uint64

var orderWords = sync.OnceValue(func() Scalar {
	var be [32]byte
	params().order.FillBytes(be[:])
	return wordsBE(be)
})

func wordsBE(be [32]byte) (w Scalar) {
	for i := range w {
		w[i] = binary.BigEndian.Uint64(be[24-8*i:])
	}
	return w
}

// ReduceWide reduces 64 little-endian bytes modulo l.
func ReduceWide(le *[64]byte) Scalar {
	var wide [8]uint64
	for i := range wide {
		wide[i] = binary.LittleEndian.Uint64(le[8*i:])
	}
	return reduce(&wide)
}

// MulAdd gives x*y + z modulo l, for any 256-bit x and y and a reduced z.
func MulAdd(x, y, z Scalar) Scalar {
	var wide [8]uint64
	copy(wide[:], z[:])
	for i := range x {
		var carry uint64
		for j := range y {
			hi, lo := bits.Mul64(x[i], y[j])
			var c uint64
			lo, c = bits.Add64(lo, wide[i+j], 0)
			hi += c
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			wide[i+j], carry = lo, hi
		}
		for j := i + len(y); j < len(wide); j++ {
			wide[j], carry = bits.Add64(wide[j], carry, 0)
		}
	}
	return reduce(&wide)
}

// reduce shifts the bits in from the top and subtracts l by mask.
func reduce(wide *[8]uint64) Scalar {
	l := orderWords()
	var r Scalar
	for i := len(wide) - 1; i >= 0; i-- {
		for b := 63; b >= 0; b-- {
			// r < l < 2^251, so twice r and a bit stays below 2^252.
			in := wide[i] >> b & 1
			for j := range r {
				r[j], in = r[j]<<1|in, r[j]>>63
			}
			r.subtractIfNotLess(&l)
		}
	}
	return r
}

func (s *Scalar) subtractIfNotLess(l *Scalar) {
	var d Scalar
	var borrow uint64
	for i := range s {
		d[i], borrow = bits.Sub64(s[i], l[i], borrow)
	}
	keep := -borrow // all ones when s < l
	for i := range s {
		s[i] = s[i]&keep | d[i]&^keep
	}
}

// ScalarLE reads 32 little-endian bytes without reducing them.
func ScalarLE(le []byte) (s Scalar) {
	_ = le[31]
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(le[8*i:])
	}
	return s
}

// ScalarBE reads 32 big-endian bytes without reducing them.
func ScalarBE(be [32]byte) Scalar { return wordsBE(be) }

// Bytes gives 32 big-endian bytes.
func (s Scalar) Bytes() (be [32]byte) {
	for i, w := range s {
		binary.BigEndian.PutUint64(be[24-8*i:], w)
	}
	return be
}

// Eighth gives s >> 3 modulo l, for any 256-bit s.
func (s Scalar) Eighth() Scalar {
	var wide [8]uint64
	for i := range s {
		wide[i] = s[i] >> 3
		if i < len(s)-1 {
			wide[i] |= s[i+1] << 61
		}
	}
	return reduce(&wide)
}

// Reduced reports whether s is below l.
func (s Scalar) Reduced() bool {
	l := orderWords()
	var borrow uint64
	for i := range s {
		_, borrow = bits.Sub64(s[i], l[i], borrow)
	}
	return borrow == 1
}
