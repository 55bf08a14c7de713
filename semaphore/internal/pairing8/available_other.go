//go:build !amd64 || purego

package pairing8

import "github.com/consensys/gnark-crypto/ecc/bn254"

// Available reports whether this processor has the instructions.
func Available() bool { return false }

// MillerLoop must not be called where Available is false.
func MillerLoop([]bn254.G1Affine, []bn254.G2Affine) (bn254.E12, bool) {
	panic("pairing8: not available")
}
