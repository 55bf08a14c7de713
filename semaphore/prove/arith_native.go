//go:build !wasm

package prove

import "github.com/consensys/gnark-crypto/ecc/bn254"

// The arithmetic of this machine: gnark-crypto's, with its vectors.
type (
	sumG1 = multiexp[bn254.G1Affine, bn254.G1Jac]
	sumG2 = multiexp[bn254.G2Affine, bn254.G2Jac]
	coset = vectorCoset
)

func newSumG1(points []bn254.G1Affine, levels, workers int) *sumG1 {
	return multiexpG1(points, levels, workers)
}
func newSumG2(points []bn254.G2Affine, levels, workers int) *sumG2 {
	return multiexpG2(points, levels, workers)
}
func newCoset(domain int) (*coset, error) { return newVectorCoset(domain) }
