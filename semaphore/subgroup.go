package semaphore

import (
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254"
)

// The batched check that points of the twist lie in G2: random combinations of
// them must. It is an early and cheap look at a batch, whose Miller loop ends in
// an exact check. The smallest prime factor of the cofactor is 10069, above
// 2^13, so of 2^13 multiples of a bad component at most one hides another, and
// each combination lets a bad batch through with at most 2^-13. Five make 2^-65,
// with fresh scalars for every batch.
const (
	subgroupSums   = 5
	subgroupBits   = 13
	subgroupWindow = 4 // bits of a bucket index; the fourth window has one bit
	// subgroupMin is where the batched check overtakes the exact one.
	subgroupMin = 12
)

// inSubgroup checks the points b(0) to b(n-1), which must be on the twist.
func inSubgroup(n int, b func(i int) *bn254.G2Affine, random func([]byte)) bool {
	if n < subgroupMin {
		for i := range n {
			if !b(i).IsInSubGroup() {
				return false
			}
		}
		return true
	}
	scalars := make([]byte, 2*n)
	for range subgroupSums {
		random(scalars)
		sum := bucketSum(n, b, func(i int) uint16 {
			return binary.LittleEndian.Uint16(scalars[2*i:]) & (1<<subgroupBits - 1)
		})
		if !sum.IsInSubGroup() {
			return false
		}
	}
	return true
}

// bucketSum is Pippenger's method for short scalars.
func bucketSum(n int, b func(i int) *bn254.G2Affine, scalar func(i int) uint16) (total bn254.G2Jac) {
	setInfinity(&total)
	const rows = (subgroupBits + subgroupWindow - 1) / subgroupWindow
	for row := rows - 1; row >= 0; row-- {
		for range subgroupWindow {
			total.DoubleAssign()
		}
		var buckets [1<<subgroupWindow - 1]bn254.G2Jac
		for i := range buckets {
			setInfinity(&buckets[i])
		}
		for i := range n {
			if d := scalar(i) >> (row * subgroupWindow) & (1<<subgroupWindow - 1); d != 0 {
				buckets[d-1].AddMixed(b(i))
			}
		}
		var running bn254.G2Jac
		setInfinity(&running)
		for i := len(buckets) - 1; i >= 0; i-- {
			running.AddAssign(&buckets[i])
			total.AddAssign(&running)
		}
	}
	return total
}

func setInfinity(p *bn254.G2Jac) {
	p.X.SetOne()
	p.Y.SetOne()
	p.Z.SetZero()
}
