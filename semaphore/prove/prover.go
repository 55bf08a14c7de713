package prove

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/perhuman/perhuman/semaphore/artifacts"
)

// Refusals of Prove beside semaphore.ErrPath and semaphore.ErrZeroRoot: inputs
// for which no proof would verify, or would say what the caller does not mean
// (semaphore-v4.md, section 5, consequences).
var (
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
	coset       coset
	tables      pointTables
	memory      sync.Pool // *secrets, wiped
	options
}

type options struct {
	rand        io.Reader
	progress    func(stage string, done, total int)
	workers     int
	tableMemory int
	helpers     Helpers
	witness     func([]fr.Element) // for tests: sees the witness
	wiped       func(*secrets)     // for tests: looks at wiped memory
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

// WithTableMemory bounds the memory for tables of multiples of the key's
// points: the more, the shorter a proof. The default of 64 MiB is as much as is
// of use: at depth 20 the best tables take 37 MB and save a sixth to a quarter.
// Tables come into being in the course of the first two dozen proofs, or by
// Prepare. 0 is for none. WebAssembly has none.
func WithTableMemory(bytes int) Option { return func(o *options) { o.tableMemory = bytes } }

// WithoutTables keeps a prover at the size of its key: 3.5 MB at depth 20.
func WithoutTables() Option { return WithTableMemory(0) }

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
		options:     options{rand: rand.Reader, workers: runtime.GOMAXPROCS(0), tableMemory: defaultTableMemory},
	}
	for _, o := range opts {
		o(&p.options)
	}
	if p.layout.wires() != k.wires {
		return nil, fmt.Errorf("%w: %d wires at depth %d", ErrKey, k.wires, depth)
	}
	if p.coset, err = newCoset(k.domain); err != nil {
		return nil, err
	}
	sums, err := newSums(k, &p.options)
	if err != nil {
		return nil, err
	}
	p.tables.memory = p.tableMemory
	p.tables.sums.Store(sums)
	return p, nil
}

// pinnedDepth finds the official key with these bytes.
func pinnedDepth(zkey []byte) (int, error) {
	sum := sha256.Sum256(zkey)
	for depth := minDepth; depth <= maxDepth; depth++ {
		if pin, ok := artifacts.Pin("semaphore-" + strconv.Itoa(depth) + ".zkey"); ok && pin == sum {
			return depth, nil
		}
	}
	return 0, fmt.Errorf("%w: SHA-256 is not pinned", ErrKey)
}

// Depth is the Merkle depth of the proofs that the key makes.
func (p *Prover) Depth() int { return p.layout.depth }
