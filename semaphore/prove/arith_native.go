//go:build !wasm

package prove

import "github.com/consensys/gnark-crypto/ecc/bn254"

// The arithmetic of this machine: gnark-crypto's, with its vectors.
type (
	sumG1 = multiexp[bn254.G1Affine, bn254.G1Jac]
	sumG2 = multiexp[bn254.G2Affine, bn254.G2Jac]
)
