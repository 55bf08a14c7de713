package semaphore

// This file holds signatures only, so that the rooms above compile while the
// core is written. It goes away with the core's first commit.

import (
	"errors"
)

var errSkeleton = errors.New("semaphore: not written yet")

type (
	// Group is a LeanIMT.
	Group struct{ leaves []Element }
	// MerkleProof is a compressed LeanIMT path.
	MerkleProof struct {
		Root, Leaf Element
		Index      uint64
		Siblings   []Element
	}
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

func NewGroup(members ...Element) (*Group, error)          { return nil, errSkeleton }
func (g *Group) Add(member Element) error                  { return errSkeleton }
func (g *Group) AddMany(members []Element) error           { return errSkeleton }
func (g *Group) Update(position int, member Element) error { return errSkeleton }
func (g *Group) Remove(position int) error                 { return errSkeleton }
func (g *Group) Root() Element                             { return Element{} }
func (g *Group) Depth() int                                { return 0 }
func (g *Group) Size() int                                 { return 0 }
func (g *Group) IndexOf(member Element) int                { return -1 }
func (g *Group) Member(position int) Element               { return Element{} }
func (g *Group) Level(level int) []Element                 { return nil }
func (g *Group) Proof(position int) (MerkleProof, error)   { return MerkleProof{}, errSkeleton }
func (p MerkleProof) Verify() error                        { return errSkeleton }
func (p *Proof) MarshalBinary() ([]byte, error)            { return nil, errSkeleton }
func (p *Proof) UnmarshalBinary(b []byte) error            { return errSkeleton }
func (p *Proof) MarshalJSON() ([]byte, error)              { return nil, errSkeleton }
func (p *Proof) UnmarshalJSON(b []byte) error              { return errSkeleton }
func (p *Proof) Packed() (string, error)                   { return "", errSkeleton }
func ParsePacked(s string) (*Proof, error)                 { return nil, errSkeleton }
func NewVerifier() (*Verifier, error)                      { return nil, errSkeleton }
func (v *Verifier) Verify(p *Proof) error                  { return errSkeleton }
func (v *Verifier) VerifyBatch(ps []*Proof) []error        { return nil }
