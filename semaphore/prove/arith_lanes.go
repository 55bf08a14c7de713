//go:build amd64 && !purego

package prove

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/perhuman/perhuman/semaphore/prove/internal/ifma"
)

func newSumG1(points []bn254.G1Affine, levels, workers int) *sumG1 {
	if ifma.Available() {
		return multiexpLanesG1(points, levels, workers)
	}
	return multiexpG1(points, levels, workers)
}

func newSumG2(points []bn254.G2Affine, levels, workers int) *sumG2 {
	if ifma.Available() {
		return multiexpLanesG2(points, levels, workers)
	}
	return multiexpG2(points, levels, workers)
}
