package prove

import "github.com/consensys/gnark-crypto/ecc/bn254"

// The arithmetic of WebAssembly: 29-bit limbs (package field29).
type (
	sumG1 = multiexp[limbG1, bn254.G1Jac]
	sumG2 = multiexp[limbG2, bn254.G2Jac]
)

func newSumG1(points []bn254.G1Affine) *sumG1 { return multiexpLimbsG1(points) }
func newSumG2(points []bn254.G2Affine) *sumG2 { return multiexpLimbsG2(points) }
func newCoset(domain int) (coset, error)      { return newLimbCoset(domain) }
