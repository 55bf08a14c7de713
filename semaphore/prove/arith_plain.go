//go:build !wasm && (!amd64 || purego)

package prove

import "github.com/consensys/gnark-crypto/ecc/bn254"

func newSumG1(points []bn254.G1Affine) *sumG1 {
	return multiexpG1(points)
}

func newSumG2(points []bn254.G2Affine) *sumG2 {
	return multiexpG2(points)
}

func newCoset(domain int) (coset, error) { return newVectorCoset(domain) }
