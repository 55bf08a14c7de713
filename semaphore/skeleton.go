package semaphore

// This file holds signatures only, so that the rooms above compile while the
// core is written. It goes away with the core's first commit.

import (
	"errors"
	"io"
)

var errSkeleton = errors.New("semaphore: not written yet")

type (
	// Identity is a person's secret.
	Identity struct{ key []byte }
	// PublicKey is a Baby Jubjub point.
	PublicKey struct{ X, Y Element }
	// Signature is an EdDSA-Poseidon signature.
	Signature struct{ R8X, R8Y, S Element }
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

func ParseElementHex(s string) (Element, error)            { return Element{}, errSkeleton }
func (e Element) Hex() string                              { return "" }
func (u Uint256) Hash() Element                            { return Element{} }
func Hash2(left, right Element) Element                    { return Element{} }
func NewIdentity(rand io.Reader) (*Identity, error)        { return nil, errSkeleton }
func IdentityFromKey(key []byte) *Identity                 { return nil }
func ParseIdentity(exported string) (*Identity, error)     { return nil, errSkeleton }
func (id *Identity) Commitment() Element                   { return Element{} }
func (id *Identity) PublicKey() PublicKey                  { return PublicKey{} }
func (id *Identity) Sign(msg Element) Signature            { return Signature{} }
func (id *Identity) Export() string                        { return "" }
func (id *Identity) Nullifier(scope Uint256) Element       { return Element{} }
func (id *Identity) SecretScalar() Element                 { return Element{} }
func (id *Identity) Key() []byte                           { return nil }
func (k PublicKey) Validate() error                        { return errSkeleton }
func (k PublicKey) Commitment() Element                    { return Element{} }
func (k PublicKey) Verify(msg Element, s Signature) error  { return errSkeleton }
func (s Signature) MarshalBinary() ([]byte, error)         { return nil, errSkeleton }
func ParseSignature(packed []byte) (Signature, error)      { return Signature{}, errSkeleton }
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
