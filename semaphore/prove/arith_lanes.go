//go:build amd64 && !purego

package prove

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/perhuman/perhuman/semaphore/prove/internal/ifma"
)

func newSumG1(points []bn254.G1Affine) *sumG1 {
	if ifma.Available() {
		return multiexpLanesG1(points)
	}
	return multiexpG1(points)
}

func newSumG2(points []bn254.G2Affine) *sumG2 {
	if ifma.Available() {
		return multiexpLanesG2(points)
	}
	return multiexpG2(points)
}

func newCoset(domain int) (coset, error) {
	if ifma.Available() && domain >= ifma.MinCoset {
		return newLanesCoset(domain)
	}
	return newVectorCoset(domain)
}
