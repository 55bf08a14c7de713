// Package poseidon is the Poseidon permutation over the BN254 scalar field
// with the parameters of circomlib and iden3, the hash of every Semaphore
// tree, commitment and nullifier.
//
// Hash2 is the one to call for tree nodes: it works on values, does not
// allocate, and may be called from many goroutines at once. HashPairs does the
// same for many nodes, side by side in vector registers where there are any.
// Hash takes one to sixteen inputs.
//
// No constant is copied from anywhere. The round constants and the matrix come
// from the Grain LFSR of the Poseidon paper (eprint 2019/458, appendix F), and
// the sparse form that makes partial rounds cheap is factored from them here
// (the same paper, appendix B). Each width is derived once, on first use, in
// well under a millisecond natively for the width of a tree hash; that is
// smaller to ship to a browser than a table and starts as fast as parsing one.
//
// Trees are hashed by a third form of width 3, in which S-box inputs are held as
// known multiples of themselves; type width3 says why that saves 15 % of the
// multiplications. Its intermediate states are not those of the circuit.
//
// On amd64 with AVX-512 IFMA sixteen hashes run side by side in radix 2^52, from
// the first addition to the last without a conversion or a conditional
// subtraction; type lanes proves the bounds. lanes_amd64.s is written by the
// program in gen, and its test compares. The build tag purego leaves it out.
//
// Constants and Plain expose both forms, since circuits and witness generators
// need the intermediate states, not only the digest.
package poseidon

// FullRounds is the number of full rounds of every width.
const FullRounds = 8

// MinWidth and MaxWidth bound the state width t, one more than the number of
// inputs.
const (
	MinWidth = 2
	MaxWidth = 17
)

// PartialRounds gives the number of partial rounds of width t, 0 for a width
// that is not supported.
func PartialRounds(t int) int {
	if t < MinWidth || t > MaxWidth {
		return 0
	}
	return [...]int{56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68}[t-MinWidth]
}
