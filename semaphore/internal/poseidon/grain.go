package poseidon

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// grain is the 80-bit LFSR of eprint 2019/458, appendix F, in self-shrinking
// mode. Bit 0 of lo is the oldest. The highest tap is 62, so 16 steps never
// read a bit that they make: the register moves 16 bits at a time.
type grain struct {
	lo   uint64 // bits 0..63
	hi   uint64 // bits 64..79
	word uint64 // output not consumed yet, oldest bit lowest
	left int    // bits in word, always even
}

// newGrain seeds the register with the public parameters of one instance:
// prime field, x^alpha S-box, 254-bit modulus, width, rounds, and ones.
func newGrain(t, full, partial int) *grain {
	g := &grain{}
	at := 0
	put := func(v uint64, bits int) { // most significant bit first
		for i := bits - 1; i >= 0; i-- {
			b := v >> i & 1
			if at < 64 {
				g.lo |= b << at
			} else {
				g.hi |= b << (at - 64)
			}
			at++
		}
	}
	put(1, 2)          // prime field
	put(0, 4)          // S-box x^alpha
	put(fr.Bits, 12)   // bits of the modulus
	put(uint64(t), 12) // width
	put(uint64(full), 10)
	put(uint64(partial), 10)
	put(1<<30-1, 30)
	for range 160 / 16 {
		g.step()
	}
	return g
}

// step makes the next 16 bits of the register.
func (g *grain) step() uint64 {
	at := func(tap int) uint64 {
		return g.lo>>tap | g.hi<<(64-tap)
	}
	bits := (at(62) ^ at(51) ^ at(38) ^ at(23) ^ at(13) ^ g.lo) & 0xffff
	g.lo = g.lo>>16 | g.hi<<48
	g.hi = bits
	return bits
}

// bit reads pairs until one starts with 1 and gives its second bit.
func (g *grain) bit() uint64 {
	for {
		if g.left == 0 {
			g.word, g.left = g.step(), 16
		}
		pair := g.word & 3
		g.word >>= 2
		g.left -= 2
		if pair&1 == 1 {
			return pair >> 1
		}
	}
}

// bytes reads one number of fr.Bits bits, most significant first.
func (g *grain) bytes() [fr.Bytes]byte {
	var out [fr.Bytes]byte
	for i := 8*fr.Bytes - fr.Bits; i < 8*fr.Bytes; i++ {
		out[i/8] |= byte(g.bit() << (7 - i%8))
	}
	return out
}

// element reads numbers until one is below the modulus.
func (g *grain) element() fr.Element {
	var e fr.Element
	for {
		b := g.bytes()
		if e.SetBytesCanonical(b[:]) == nil {
			return e
		}
	}
}

// reduced reads one number and reduces it: the matrix is drawn so.
func (g *grain) reduced() fr.Element {
	var e fr.Element
	b := g.bytes()
	e.SetBytes(b[:])
	return e
}
