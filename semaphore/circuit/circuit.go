package circuit

import (
	"errors"
	"fmt"

	"github.com/consensys/gnark/frontend"

	"github.com/perhuman/perhuman/semaphore"
)

// Circuit is the statement: "I know the secret behind a leaf of the tree with
// this root, this is its nullifier in this scope, and I mean this message". As
// a circuit its fields are wires, as an assignment they are their values; see
// Assign.
//
// The public inputs stand in the official order, so that their list equals the
// public signals of an official proof.
type Circuit struct {
	Root      frontend.Variable `gnark:",public"`
	Nullifier frontend.Variable `gnark:",public"`
	Message   frontend.Variable `gnark:",public"` // hashed: Uint256.Hash
	Scope     frontend.Variable `gnark:",public"` // hashed

	Secret   frontend.Variable   // the identity's secret scalar, below l
	Length   frontend.Variable   // number of siblings in use
	Index    frontend.Variable   // bit i: the node at level i is the right child
	Siblings []frontend.Variable // from the leaf up; what lies above Length is free
}

// New gives the circuit for paths of up to depth siblings, 1 to
// semaphore.MaxDepth.
func New(depth int) (*Circuit, error) {
	if depth < 1 || depth > semaphore.MaxDepth {
		return nil, fmt.Errorf("%w: %d", semaphore.ErrDepth, depth)
	}
	return &Circuit{Siblings: make([]frontend.Variable, depth)}, nil
}

// Define states the constraints, which are those of the official circuit (spec
// semaphore-v4.md section 5). gnark calls it.
func (c *Circuit) Define(api frontend.API) error {
	x, y, err := PublicKey(api, c.Secret)
	if err != nil {
		return err
	}
	leaf, err := Poseidon(api, x, y)
	if err != nil {
		return err
	}
	root, err := MerkleRoot(api, leaf, c.Length, c.Index, c.Siblings)
	if err != nil {
		return err
	}
	api.AssertIsEqual(c.Root, root)
	nullifier, err := Poseidon(api, c.Scope, c.Secret)
	if err != nil {
		return err
	}
	api.AssertIsEqual(c.Nullifier, nullifier)
	// The message takes part in nothing else. Groth16 binds a proof to every
	// public input; the square keeps the wire in the system all the same.
	api.Mul(c.Message, c.Message)
	return nil
}

// ErrBuilder: a frontend that lacks what the gadgets need. Those of gnark for
// R1CS and PLONK have it, and so has its test engine.
var ErrBuilder = errors.New("circuit: unsupported frontend")
