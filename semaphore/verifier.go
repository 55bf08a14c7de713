package semaphore

import (
	"fmt"
	"math/big"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Verifier checks proofs of all depths, 1 to 32, against the embedded official
// keys. It is safe for concurrent use; build one and keep it.
type Verifier struct {
	keys []*verifyingKey
	e    bn254.GT
}

// NewVerifier unpacks the official keys, checks their pins and asserts that
// they are keys of one ceremony.
func NewVerifier() (*Verifier, error) {
	keys, err := officialKeys()
	if err != nil {
		return nil, err
	}
	e, err := bn254.Pair([]bn254.G1Affine{keys[0].alpha}, []bn254.G2Affine{keys[0].beta})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return &Verifier{keys: keys, e: e}, nil
}

// Verify is nil only when p is a valid proof for the root, nullifier, message
// and scope that it carries, at its depth. It says nothing about whether these
// are the ones the caller expects.
func (v *Verifier) Verify(p *Proof) error {
	if err := p.check(); err != nil {
		return err
	}
	g, err := p.points()
	if err != nil {
		return err
	}
	if err := g.subgroup(); err != nil {
		return err
	}
	key := v.keys[p.MerkleTreeDepth-1]
	in := [publicInputs]fr.Element{p.MerkleTreeRoot.fr(), p.Nullifier.fr(), p.Message.Hash().fr(), p.Scope.Hash().fr()}
	var acc bn254.G1Jac
	acc.FromAffine(&key.ic[0])
	for i := range in {
		var t bn254.G1Affine
		t.ScalarMultiplication(&key.ic[i+1], in[i].BigInt(new(big.Int)))
		acc.AddMixed(&t)
	}
	var ic, c bn254.G1Affine
	ic.FromJacobian(&acc)
	ic.Neg(&ic)
	c.Neg(&g.c)
	got, err := bn254.Pair([]bn254.G1Affine{g.a, ic, c}, []bn254.G2Affine{g.b, key.gamma, key.delta})
	if err != nil || got != v.e {
		return ErrInvalidProof
	}
	return nil
}

// VerifyBatch gives one verdict a proof, in order; depths may be mixed.
func (v *Verifier) VerifyBatch(ps []*Proof) []error {
	out := make([]error, len(ps))
	for i, p := range ps {
		out[i] = v.Verify(p)
	}
	return out
}
