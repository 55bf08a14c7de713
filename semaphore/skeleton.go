package semaphore

// This file holds signatures only, so that the rooms above compile while the
// core is written. It goes away with the core's first commit.

import (
	"errors"
)

var errSkeleton = errors.New("semaphore: not written yet")

type (
	// Proof is an official SemaphoreProof.
	Proof struct {
		MerkleTreeDepth           int
		MerkleTreeRoot, Nullifier Element
		Message, Scope            Uint256
		Points                    [8]Uint256
	}
	// Verifier checks proofs of all 32 depths.
	Verifier struct{}
)

func (p *Proof) MarshalBinary() ([]byte, error)     { return nil, errSkeleton }
func (p *Proof) UnmarshalBinary(b []byte) error     { return errSkeleton }
func (p *Proof) MarshalJSON() ([]byte, error)       { return nil, errSkeleton }
func (p *Proof) UnmarshalJSON(b []byte) error       { return errSkeleton }
func (p *Proof) Packed() (string, error)            { return "", errSkeleton }
func ParsePacked(s string) (*Proof, error)          { return nil, errSkeleton }
func NewVerifier() (*Verifier, error)               { return nil, errSkeleton }
func (v *Verifier) Verify(p *Proof) error           { return errSkeleton }
func (v *Verifier) VerifyBatch(ps []*Proof) []error { return nil }
