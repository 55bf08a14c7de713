package prove

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
	"github.com/perhuman/perhuman/semaphore"
)

// Refusals of Prove: inputs for which no proof would verify, or would say what
// the caller does not mean (semaphore-v4.md, section 5, consequences).
var (
	// ErrPath: a path without siblings, which proves a group of one and hides
	// nobody, a path longer than the key's depth, or index bits above it.
	ErrPath = errors.New("prove: path length does not fit the depth of the key")
	// ErrRoot: root 0, which anyone can prove, or a root that the path does
	// not lead to.
	ErrRoot = errors.New("prove: root is zero or not the path's")
	// ErrLeaf: the path starts at a commitment other than the identity's.
	ErrLeaf = errors.New("prove: path is not the identity's")
	// ErrSecret: a secret scalar outside the circuit's range.
	ErrSecret = errors.New("prove: secret scalar out of range")
)

// maxKey bounds what New reads: the largest official key has under 6 MB.
const maxKey = 16 << 20

// Prover makes proofs with one official key. It is safe for concurrent use.
type Prover struct {
	layout      *layout
	constraints *constraints
	domain      *fft.Domain
	a, b1       msmG1 // see newMSMs
	b2          msmG2
	alpha1      bn254.G1Affine
	beta2       bn254.G2Affine
	options
}

type options struct {
	rand     io.Reader
	progress func(stage string, done, total int)
	workers  int
}

// Option changes how a Prover works.
type Option func(*options)

// WithRand takes the blinding of proofs from r instead of crypto/rand. Proofs
// with predictable or repeated blinding give the secret away: this is for
// tests. r must be safe for the concurrent use that is made of the Prover.
func WithRand(r io.Reader) Option { return func(o *options) { o.rand = r } }

// WithProgress calls f as a proof advances: stage names what runs now, and
// done of total are units of about equal time. Calls come one at a time but
// from any goroutine; f must not call the Prover.
func WithProgress(f func(stage string, done, total int)) Option {
	return func(o *options) { o.progress = f }
}

// WithWorkers bounds the goroutines of one proof; the default is GOMAXPROCS.
// A server that makes many proofs at once is best served by 1.
func WithWorkers(n int) Option { return func(o *options) { o.workers = max(n, 1) } }

// New reads an official proving key, compares it with its pinned SHA-256 and
// learns the depth from it.
func New(zkey io.Reader, opts ...Option) (*Prover, error) {
	var buf bytes.Buffer
	if n, err := buf.ReadFrom(io.LimitReader(zkey, maxKey+1)); err != nil {
		return nil, fmt.Errorf("prove: reading the key: %w", err)
	} else if n > maxKey {
		return nil, fmt.Errorf("%w: too long", ErrKey)
	}
	depth, err := pinnedDepth(buf.Bytes())
	if err != nil {
		return nil, err
	}
	k, err := parseZKey(buf.Bytes())
	if err != nil {
		return nil, err
	}
	p := &Prover{
		layout:      newLayout(depth),
		constraints: newConstraints(k.coefs, k.domain),
		alpha1:      k.alpha1,
		beta2:       k.beta2,
		options:     options{rand: rand.Reader, workers: runtime.GOMAXPROCS(0)},
	}
	if p.layout.wires() != k.wires {
		return nil, fmt.Errorf("%w: %d wires at depth %d", ErrKey, k.wires, depth)
	}
	if p.domain, err = newDomain(k.domain); err != nil {
		return nil, err
	}
	p.points(k)
	for _, o := range opts {
		o(&p.options)
	}
	return p, nil
}

// Depth is the Merkle depth of the proofs that the key makes.
func (p *Prover) Depth() int { return p.layout.depth }
