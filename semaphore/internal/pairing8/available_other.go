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

// Weight is a pair of words.
type Weight struct{ A, B uint64 }

// Scale must not be called where Available is false.
func Scale([]bn254.G1Affine, []Weight, *fp.Element) { panic("pairing8: not available") }
