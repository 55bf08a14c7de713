//go:build amd64 && !purego

package pairing8

import (
	"math/big"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// Lanes is how many elements stand side by side.
const Lanes = 8

// Fp is eight elements of the base field, limb by limb.
type Fp [limbs][Lanes]uint64

// E2 is eight elements a0 + a1*u of Fp2, or sixteen of the base field.
type E2 [2]Fp

const (
	limbs = 5
	radix = 52
	mask  = 1<<radix - 1
)

// setRaw puts the words of x, Montgomery form with R = 2^256, into a lane.
func (a *Fp) setRaw(lane int, x *fp.Element) {
	a[0][lane] = x[0] & mask
	a[1][lane] = (x[0]>>52 | x[1]<<12) & mask
	a[2][lane] = (x[1]>>40 | x[2]<<24) & mask
	a[3][lane] = (x[2]>>28 | x[3]<<36) & mask
	a[4][lane] = x[3] >> 16
}

// raw gives the words of a lane, which must be below 2^256, reduced below p.
func (a *Fp) raw(lane int) (x fp.Element) {
	x[0] = a[0][lane] | a[1][lane]<<52
	x[1] = a[1][lane]>>12 | a[2][lane]<<40
	x[2] = a[2][lane]>>24 | a[3][lane]<<28
	x[3] = a[3][lane]>>36 | a[4][lane]<<16
	for {
		var d fp.Element
		var b uint64
		d[0], b = bits.Sub64(x[0], modulus0, 0)
		d[1], b = bits.Sub64(x[1], modulus1, b)
		d[2], b = bits.Sub64(x[2], modulus2, b)
		d[3], b = bits.Sub64(x[3], modulus3, b)
		if b != 0 {
			return x
		}
		x = d
	}
}

// The words of p, lowest first.
const (
	modulus0 = 0x3c208c16d87cfd47
	modulus1 = 0x97816a916871ca8d
	modulus2 = 0xb85045b68181585d
	modulus3 = 0x30644e72e131a029
)

func (a *E2) setRaw(lane int, x *bn254.E2) {
	a[0].setRaw(lane, &x.A0)
	a[1].setRaw(lane, &x.A1)
}

// enter brings lanes set by setRaw into the form with R = 2^260.
func (a *E2) enter(k *constants) { each(a, a, &k.enter) }

// leave is its inverse.
func (a *E2) leave(k *constants) { each(a, a, &k.leave) }

// get gives a lane after leave.
func (a *E2) get(lane int) (x bn254.E2) {
	x.A0 = a[0].raw(lane)
	x.A1 = a[1].raw(lane)
	return x
}

// power puts 2^n modulo p, as it stands, into all lanes of both halves.
func (a *E2) power(n uint) {
	v := new(big.Int).Lsh(big.NewInt(1), n)
	v.Mod(v, fp.Modulus())
	var x fp.Element
	for i, w := 0, v; i < len(x); i++ {
		x[i] = w.Uint64()
		w.Rsh(w, 64)
	}
	for lane := range Lanes {
		a[0].setRaw(lane, &x)
		a[1].setRaw(lane, &x)
	}
}

// set puts x into all lanes.
func (a *E2) set(x *bn254.E2, k *constants) {
	for lane := range Lanes {
		a.setRaw(lane, x)
	}
	a.enter(k)
}

// conjugate changes the sign of the second half.
func conjugate(a *E2) {
	first := a[0]
	neg(a, a)
	a[0] = first
}
