package poseidon

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// BulkSize is the number of pairs that HashPairs works on at a time; callers
// that fill buffers of this size keep everything in the fastest cache.
const BulkSize = 64

// laneCount is how many pairs are hashed side by side, and laneMin the least
// number for which that is worth it.
const (
	laneCount = 16
	laneMin   = 4
)

// HashPairs puts Hash2(left[i], right[i]) into dst[i]. All three must have the
// same length; dst may be one of the others. It does not allocate.
//
// Where the processor has AVX-512 IFMA it hashes 16 pairs side by side, at a
// fraction of the time; elsewhere it calls Hash2.
func HashPairs(dst, left, right []fr.Element) {
	if len(left) != len(dst) || len(right) != len(dst) {
		panic("poseidon: HashPairs of unequal lengths")
	}
	if vectors() {
		for len(dst) >= laneMin {
			n := min(len(dst), laneCount)
			hashLanes(dst[:n], left[:n], right[:n])
			dst, left, right = dst[n:], left[n:], right[n:]
		}
	}
	for i := range dst {
		dst[i] = Hash2(&left[i], &right[i])
	}
}
