package prove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/perhuman/perhuman/semaphore"
)

// Prove makes a proof that the identity is the leaf of the path, with its
// nullifier for scope, bound to message. It blocks for the whole computation
// and gives up between steps of a few milliseconds when ctx ends. The proof is
// fresh on every call: two proofs of the same statement share no point.
func (p *Prover) Prove(ctx context.Context, id *semaphore.Identity, path semaphore.MerkleProof, message, scope semaphore.Uint256) (*semaphore.Proof, error) {
	s, ok := p.memory.Get().(*secrets)
	if !ok {
		s = new(secrets)
	}
	defer func() {
		s.wipe()
		if p.wiped != nil {
			p.wiped(s)
		}
		p.memory.Put(s)
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in, err := s.inputs(p.layout.depth, id, path, message, scope)
	if err != nil {
		return nil, err
	}
	sums := p.tables.current()
	progress := newProgress(p, sums)
	progress.step("witness", 0)
	w := s.elements(p.layout.wires())
	if err := p.layout.fill(w, in); err != nil {
		// The path has been checked: what is left is the secret.
		return nil, ErrSecret
	}
	if p.witness != nil {
		p.witness(w)
	}
	if path.Root != w[p.layout.first[bRoot]].Bytes() {
		return nil, fmt.Errorf("%w: does not lead to its root", semaphore.ErrPath)
	}
	points, err := p.groth16(ctx, s, sums, w, progress)
	if err != nil {
		return nil, err
	}
	p.tables.proved(p.workers)
	return &semaphore.Proof{
		MerkleTreeDepth: p.layout.depth,
		MerkleTreeRoot:  path.Root,
		Nullifier:       w[p.layout.first[bNullifier]].Bytes(),
		Message:         message,
		Scope:           scope,
		Points:          *points,
	}, nil
}

// inputs checks what Prove was given and turns it into field elements.
func (s *secrets) inputs(depth int, id *semaphore.Identity, path semaphore.MerkleProof, message, scope semaphore.Uint256) (*inputs, error) {
	switch n := len(path.Siblings); {
	case path.Root.IsZero():
		return nil, semaphore.ErrZeroRoot
	case n == 0:
		return nil, fmt.Errorf("%w: no siblings, which would prove a group of one", semaphore.ErrPath)
	case n > depth:
		return nil, fmt.Errorf("%w: %d siblings for a key of depth %d", semaphore.ErrPath, n, depth)
	case path.Index>>n != 0:
		return nil, fmt.Errorf("%w: index has bits above the siblings", semaphore.ErrPath)
	case id == nil || path.Leaf != id.Commitment():
		return nil, ErrLeaf
	}
	in := &s.in
	in.length, in.index = len(path.Siblings), path.Index
	in.siblings = s.elements(len(path.Siblings))
	for i, sibling := range path.Siblings {
		if in.siblings[i].SetBytesCanonical(sibling[:]) != nil {
			return nil, fmt.Errorf("%w: sibling %d is not a field element", semaphore.ErrPath, i)
		}
	}
	secret := id.SecretScalar()
	defer clear(secret[:])
	if err := in.setSecret(secret[:]); err != nil {
		return nil, err
	}
	in.message, in.scope = element(message.Hash()), element(scope.Hash())
	return in, nil
}

// setSecret takes a secret scalar below l.
func (in *inputs) setSecret(scalar []byte) error {
	if in.secret.SetBytesCanonical(scalar) != nil || !below(in.secret.Bits(), order) {
		in.secret.SetZero()
		return ErrSecret
	}
	return nil
}

// groth16 turns a witness into the eight numbers of a proof.
func (p *Prover) groth16(ctx context.Context, s *secrets, sums *sums, w []fr.Element, progress *progress) (*[8]semaphore.Uint256, error) {
	blind := s.elements(2)
	for i := range blind {
		if err := randomScalar(&blind[i], p.rand); err != nil {
			return nil, fmt.Errorf("prove: blinding: %w", err)
		}
	}
	r, t := &blind[0], &blind[1]

	progress.step("B", unitsWitness)
	scalars := s.elements(sums.b.n)
	for i, wire := range sums.bWires {
		scalars[i] = w[wire]
	}
	scalars[len(scalars)-1] = *t
	runB := sums.b.run(p, "B", progress, scalars)
	runB.begin(sums.b.n)

	scalars = s.elements(sums.a.n)
	for i, wire := range sums.aWires {
		scalars[i] = w[wire]
	}
	scalars[len(scalars)-1] = *r
	runA := sums.a.run(p, "A", progress, scalars)
	runA.begin(sums.a.n)

	scalars = s.elements(sums.c.n)
	copy(scalars, w[publics+1:])
	for i, wire := range sums.bWires {
		scalars[sums.bFirst+i].Mul(r, &w[wire])
	}
	scalars[sums.hFirst-1] = *r
	runC := sums.c.run(p, "C", progress, scalars)
	runC.begin(sums.hFirst)

	if err := runB.own(ctx); err != nil {
		return nil, err
	}
	progress.step("A", 0)
	if err := runA.own(ctx); err != nil {
		return nil, err
	}
	progress.step("quotient", 0)
	quotient(scalars[sums.hFirst:], p.constraints, p.coset, w, p.workers)
	runC.begin(sums.c.n)
	progress.step("C", unitsQuotient)
	if err := runC.own(ctx); err != nil {
		return nil, err
	}

	sumB, err := runB.join(ctx)
	if err != nil {
		return nil, err
	}
	var b bn254.G2Affine
	sumB.AddMixed(&sums.beta2)
	b.FromJacobian(&sumB)
	sumA, err := runA.join(ctx)
	if err != nil {
		return nil, err
	}
	var a bn254.G1Affine
	sumA.AddMixed(&sums.alpha1)
	a.FromJacobian(&sumA)
	sumC, err := runC.join(ctx)
	if err != nil {
		return nil, err
	}
	var c bn254.G1Affine
	var sa bn254.G1Jac
	sa.FromAffine(&a)
	scalarMul(&sa, t)
	sumC.AddAssign(&sa)
	c.FromJacobian(&sumC)
	progress.step("done", 0)
	return &[8]semaphore.Uint256{
		a.X.Bytes(), a.Y.Bytes(),
		b.X.A1.Bytes(), b.X.A0.Bytes(), b.Y.A1.Bytes(), b.Y.A0.Bytes(),
		c.X.Bytes(), c.Y.Bytes(),
	}, nil
}

// scalarMul multiplies in place by double and add.
func scalarMul(p *bn254.G1Jac, k *fr.Element) {
	base, bits := *p, k.Bits()
	*p = bn254.G1Jac{}
	for i := fr.Bits - 1; i >= 0; i-- {
		p.DoubleAssign()
		if bits[i/64]>>(i%64)&1 == 1 {
			p.AddAssign(&base)
		}
	}
}

// element converts a value that is below r by its type.
func element(e semaphore.Element) (out fr.Element) {
	out.SetBytes(e[:])
	return out
}

// randomScalar draws uniformly by rejection.
func randomScalar(e *fr.Element, rand io.Reader) error {
	var b [fr.Bytes]byte
	defer clear(b[:])
	for range 128 { // fails with probability 2^-128: a reader that gives ones
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return err
		}
		b[0] &= 1<<(fr.Bits%8) - 1
		if e.SetBytesCanonical(b[:]) == nil {
			return nil
		}
	}
	return errors.New("random source gives no field element")
}

// secrets is the memory of one proof that its secret can be read from. It is
// used again, and always zero in between.
type secrets struct {
	in     inputs
	slices [][]fr.Element
	used   int // of slices
}

// elements gives zeros that wipe clears.
func (s *secrets) elements(n int) []fr.Element {
	if s.used == len(s.slices) {
		s.slices = append(s.slices, nil)
	}
	v := &s.slices[s.used]
	s.used++
	if cap(*v) < n {
		*v = make([]fr.Element, n)
	}
	*v = (*v)[:n]
	return *v
}

func (s *secrets) wipe() {
	for _, v := range s.slices {
		clear(v)
	}
	s.used = 0
	s.in = inputs{}
}

// Units of progress, about a hundred microseconds each on one fast core.
const (
	unitsWitness  = 5
	unitsQuotient = 60
)

// progress counts the units of one proof.
type progress struct {
	mu          sync.Mutex
	f           func(stage string, done, total int)
	done, total int
}

func newProgress(p *Prover, s *sums) *progress {
	total := unitsWitness + unitsQuotient + s.a.units(p.workers) + s.b.units(p.workers) + s.c.units(p.workers)
	return &progress{f: p.options.progress, total: total}
}

// step adds finished units and says what runs next.
func (p *progress) step(stage string, finished int) {
	if p.f == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += finished
	p.f(stage, p.done, p.total)
}
