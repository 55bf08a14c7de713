package semaphore

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Windows of the fixed-base tables: signed digits of windowBits bits. 5 bits
// make 51 additions a scalar from 52 KB a base. 6 bits would save 8 of them, 3 %
// of a single Verify, but then the tables of three depths fall out of the
// second-level cache, and a batch of mixed depths costs 7 % more than one of a
// single depth, where now it is 1 to 4.
const (
	windowBits = 5
	windowSize = 1 << (windowBits - 1) // digits -16..16, the sign apart
	windows    = (fr.Bits + windowBits) / windowBits
)

// fixedBase holds i * 2^(windowBits*j) * base for i = 1..windowSize.
type fixedBase [windows][windowSize]bn254.G1Affine

func newFixedBase(base *bn254.G1Affine) *fixedBase {
	jac := make([]bn254.G1Jac, windows*windowSize)
	var step bn254.G1Jac
	step.FromAffine(base)
	for j := range windows {
		row := jac[j*windowSize : (j+1)*windowSize]
		row[0] = step
		for i := 1; i < windowSize; i++ {
			row[i] = row[i-1]
			row[i].AddAssign(&step)
		}
		step = row[windowSize-1]
		step.DoubleAssign()
	}
	out := new(fixedBase)
	for i, p := range bn254.BatchJacobianToAffineG1(jac) {
		out[i/windowSize][i%windowSize] = p
	}
	return out
}

// addTo adds k * base to acc. Scalars are public: time depends on them.
func (t *fixedBase) addTo(acc *bn254.G1Jac, k *fr.Element) {
	bits := k.Bits()
	carry := uint64(0)
	var neg bn254.G1Affine
	for j := range t {
		at := j * windowBits
		d := bits[at/64] >> (at % 64)
		if at%64 > 64-windowBits && at/64 < len(bits)-1 {
			d |= bits[at/64+1] << (64 - at%64)
		}
		d = d&(1<<windowBits-1) + carry
		carry = 0
		switch {
		case d == 0:
		case d <= windowSize:
			acc.AddMixed(&t[j][d-1])
		default:
			carry = 1
			if d = 1<<windowBits - d; d > 0 {
				neg.Neg(&t[j][d-1])
				acc.AddMixed(&neg)
			}
		}
	}
}
