//go:build !amd64 || purego

package pairing8

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// Available reports whether this processor has the instructions.
func Available() bool { return false }

// MillerLoop must not be called where Available is false.
func MillerLoop([]bn254.G1Affine, []bn254.G2Affine) (bn254.E12, bool) {
	panic("pairing8: not available")
}

// FinalExponentiation must not be called where Available is false.
func FinalExponentiation(*bn254.E12) bn254.E12 { panic("pairing8: not available") }

// Accumulator must not be used where Available is false.
type Accumulator struct{}

// SetOne must not be called.
func (*Accumulator) SetOne() { panic("pairing8: not available") }

// Square must not be called.
func (*Accumulator) Square() {}

// Line must not be called.
func (*Accumulator) Line(_, _, _ *bn254.E2) {}

// Fixed must not be called.
func (*Accumulator) Fixed(*FixedLine, *Place) {}

// Value must not be called.
func (*Accumulator) Value() (f bn254.E12) { return f }

// FixedLine must not be used.
type FixedLine struct{}

// Set must not be called.
func (*FixedLine) Set(_, _ *bn254.E2) {}

// Place must not be used.
type Place struct{}

// Set must not be called.
func (*Place) Set(_, _ *fp.Element) {}

// Weight is a pair of words.
type Weight struct{ A, B uint64 }

// Scale must not be called where Available is false.
func Scale([]bn254.G1Affine, []Weight, *fp.Element) { panic("pairing8: not available") }
