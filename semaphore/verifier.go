package semaphore

import (
	"fmt"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/perhuman/perhuman/semaphore/internal/pairing8"
)

// Verifier checks proofs of all depths, 1 to 32, against the embedded official
// keys. It is safe for concurrent use; build one and keep it. The tables of a
// depth, about 400 KB, are computed by its first proof.
type Verifier struct {
	keys  []*verifyingKey
	gamma *fixedLines
	// alphaBeta is e(alpha, beta), the same for every depth.
	alphaBeta bn254.GT
	prepared  [MaxDepth]func() *preparedKey
	// beta and minus alpha are for batches only.
	beta       func() *fixedLines
	minusAlpha func() *fixedBase
	// batcher is for them too.
	batcher batcher
	// plain is set where vector registers are not used.
	plain bool
}

// vectors is false at compile time where there are none.
func (v *Verifier) vectors() bool { return pairing8.Available() && !v.plain }

// preparedKey is a key made ready for many proofs.
type preparedKey struct {
	delta *fixedLines
	ic0   bn254.G1Jac // minus IC[0]
	ic    [publicInputs]*fixedBase
	// ic0Multiples is for batches only.
	ic0Multiples func() *fixedBase
}

func (k *verifyingKey) prepare(vectors bool) *preparedKey {
	p := &preparedKey{delta: newFixedLines(&k.delta, vectors)}
	for i := range k.ic {
		var minus bn254.G1Affine
		minus.Neg(&k.ic[i])
		if i == 0 {
			p.ic0.FromAffine(&minus)
			p.ic0Multiples = sync.OnceValue(func() *fixedBase { return newFixedBase(&minus) })
			continue
		}
		p.ic[i-1] = newFixedBase(&minus)
	}
	return p
}

// NewVerifier unpacks the official keys, checks their pins and asserts that
// they are keys of one ceremony.
func NewVerifier() (*Verifier, error) { return newVerifier(!pairing8.Available()) }

func newVerifier(plain bool) (*Verifier, error) {
	keys, err := officialKeys()
	if err != nil {
		return nil, err
	}
	v := &Verifier{keys: keys, plain: plain, batcher: newBatcher(plain)}
	v.gamma = newFixedLines(&keys[0].gamma, v.vectors())
	v.alphaBeta, err = bn254.Pair([]bn254.G1Affine{keys[0].alpha}, []bn254.G2Affine{keys[0].beta})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	v.beta = sync.OnceValue(func() *fixedLines { return newFixedLines(&keys[0].beta, v.vectors()) })
	v.minusAlpha = sync.OnceValue(func() *fixedBase {
		var minus bn254.G1Affine
		return newFixedBase(minus.Neg(&keys[0].alpha))
	})
	for i, k := range keys {
		v.prepared[i] = sync.OnceValue(func() *preparedKey { return k.prepare(v.vectors()) })
	}
	return v, nil
}

// statement is a proof whose form is right: everything that Verify and
// VerifyBatch look at.
type statement struct {
	groth16
	depth  int
	inputs [publicInputs]fr.Element
}

func newStatement(p *Proof) (s statement, err error) {
	if err := p.check(); err != nil {
		return s, err
	}
	if s.groth16, err = p.points(); err != nil {
		return s, err
	}
	s.depth = p.MerkleTreeDepth
	s.inputs = [publicInputs]fr.Element{
		p.MerkleTreeRoot.fr(), p.Nullifier.fr(), p.Message.Hash().fr(), p.Scope.Hash().fr(),
	}
	return s, nil
}

// Verify is nil only when p is a valid proof for the root, nullifier, message
// and scope that it carries, at its depth. It says nothing about whether these
// are the ones the caller expects.
func (v *Verifier) Verify(p *Proof) error {
	s, err := newStatement(p)
	if err != nil {
		return err
	}
	return v.verify(&s)
}

// verify checks e(A, B) * e(-IC, gamma) * e(-C, delta) = e(alpha, beta), and
// that B is in the subgroup, without which the equation means nothing.
func (v *Verifier) verify(s *statement) error {
	key := v.prepared[s.depth-1]()
	ic := key.ic0
	for i := range s.inputs {
		key.ic[i].addTo(&ic, &s.inputs[i])
	}
	var c bn254.G1Jac
	c.FromAffine(&s.c)
	c.Neg(&c)
	var pairs [2]fixedPair // on the stack, as all of this
	moving := [1]movingPair{newMovingPair(&s.a, &s.b)}
	f, inG2 := v.miller(moving[:], fixedPairs(pairs[:0], fixedArgument{v.gamma, ic}, fixedArgument{key.delta, c}))
	if !inG2 {
		return fmt.Errorf("%w: B is outside the subgroup", ErrPoint)
	}
	if v.final(&f) != v.alphaBeta {
		return ErrInvalidProof
	}
	return nil
}

// miller is millerLoop for at most one moving pair.
func (v *Verifier) miller(moving []movingPair, fixed []fixedPair) (bn254.E12, bool) {
	if !v.vectors() {
		return millerLoop(moving, fixed)
	}
	if len(moving) == 0 {
		return millerLanes(nil, fixed)
	}
	return millerLanes(&moving[0], fixed)
}

func (v *Verifier) final(f *bn254.E12) bn254.GT {
	if !v.vectors() {
		return bn254.FinalExponentiation(f)
	}
	return pairing8.FinalExponentiation(f)
}
