package semaphore

import (
	"errors"
)

// Refusals of the proof parsers and of Verifier.
var (
	// ErrProofSyntax: not the JSON or packed form of a proof.
	ErrProofSyntax = errors.New("semaphore: malformed proof")
	// ErrDepth: a tree depth outside 1..32.
	ErrDepth = errors.New("semaphore: tree depth out of range")
	// ErrPoint: a proof point off its curve, outside its subgroup or at
	// infinity.
	ErrPoint = errors.New("semaphore: bad proof point")
	// ErrInvalidProof: everything is well formed and the proof is false.
	ErrInvalidProof = errors.New("semaphore: invalid proof")
)

// Proof is an official SemaphoreProof. Message and Scope are the unhashed
// values. Points are A.x, A.y, B.x (imaginary, real), B.y (imaginary, real),
// C.x, C.y: the order of the Solidity verifier.
//
// Proofs are malleable: anybody can make another valid one for the same
// statement from a given one. Recognise repetition by Nullifier, never by the
// bytes of a proof.
type Proof struct {
	MerkleTreeDepth           int
	MerkleTreeRoot, Nullifier Element
	Message, Scope            Uint256
	Points                    [8]Uint256
}

// check refuses what no verification is needed for.
func (p *Proof) check() error {
	switch {
	case p == nil:
		return ErrProofSyntax
	case p.MerkleTreeDepth < 1 || p.MerkleTreeDepth > MaxDepth:
		return ErrDepth
	case !p.MerkleTreeRoot.valid() || !p.Nullifier.valid():
		return ErrRange
	case p.MerkleTreeRoot.IsZero():
		return ErrZeroRoot
	}
	return nil
}
