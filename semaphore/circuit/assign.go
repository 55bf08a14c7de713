package circuit

import (
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/frontend"

	"github.com/perhuman/perhuman/semaphore"
)

// ErrLeaf: the path starts at somebody else's leaf.
var ErrLeaf = errors.New("circuit: the path belongs to another identity")

// Assign gives every input of the circuit of this depth. Like package prove it
// refuses what must not be proved: a path that does not lead to its root, one
// without siblings (a group of one) or with more than depth, one of another
// identity, root 0.
//
// The result holds the secret, and gnark copies it into memory that nobody
// clears: prove on a machine that belongs to the secret's owner.
func Assign(depth int, id *semaphore.Identity, path semaphore.MerkleProof, message, scope semaphore.Uint256) (*Circuit, error) {
	c, err := New(depth)
	if err != nil {
		return nil, err
	}
	switch n := len(path.Siblings); {
	case path.Root.IsZero():
		return nil, semaphore.ErrZeroRoot
	case n == 0:
		return nil, fmt.Errorf("%w: no siblings, which would prove a group of one", semaphore.ErrPath)
	case n > depth:
		return nil, fmt.Errorf("%w: %d siblings for a circuit of depth %d", semaphore.ErrPath, n, depth)
	case id == nil || path.Leaf != id.Commitment():
		return nil, ErrLeaf
	}
	if err := path.Verify(); err != nil {
		return nil, err
	}
	c.Root, c.Nullifier = element(path.Root), element(id.Nullifier(scope))
	c.Message, c.Scope = element(message.Hash()), element(scope.Hash())
	c.Secret = element(id.SecretScalar())
	c.Length, c.Index = len(path.Siblings), path.Index
	for i := range c.Siblings {
		c.Siblings[i] = 0
		if i < len(path.Siblings) {
			c.Siblings[i] = element(path.Siblings[i])
		}
	}
	return c, nil
}

// Witness is Assign in the form that gnark's provers take.
func Witness(depth int, id *semaphore.Identity, path semaphore.MerkleProof, message, scope semaphore.Uint256) (witness.Witness, error) {
	c, err := Assign(depth, id, path, message, scope)
	if err != nil {
		return nil, err
	}
	return frontend.NewWitness(c, ecc.BN254.ScalarField())
}

// PublicWitness is what gnark's verifiers take: the public inputs of the
// statement, in their order. The caller compares the root with the roots it
// trusts, message and scope with the ones it expects; root 0, which anybody can
// prove, is refused here.
func PublicWitness(root, nullifier semaphore.Element, message, scope semaphore.Uint256) (witness.Witness, error) {
	if root.IsZero() {
		return nil, semaphore.ErrZeroRoot
	}
	c := &Circuit{
		Root: element(root), Nullifier: element(nullifier),
		Message: element(message.Hash()), Scope: element(scope.Hash()),
	}
	return frontend.NewWitness(c, ecc.BN254.ScalarField(), frontend.PublicOnly())
}

// element is below r by the type's promise.
func element(e semaphore.Element) fr.Element {
	var out fr.Element
	out.SetBytes(e[:])
	return out
}
