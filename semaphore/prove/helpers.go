package prove

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Helpers take a share of every proof's multi-scalar multiplications to where
// this Prover cannot compute. In a browser those are other workers: Go has one
// thread in WebAssembly, and each worker runs an instance of its own that
// holds its Section of the key. (On other machines goroutines do this; see
// WithWorkers.)
//
// What goes to Start is as secret as the witness, and must stay within the
// person's own browser.
type Helpers interface {
	// Number says how many helpers there are.
	Number() int
	// Load gives a helper its points, once for each section that it is to
	// hold, while New runs. An error makes New fail.
	Load(helper, section int, points Points) error
	// Start hands scalars to the helper of a section and returns at once; the
	// caller overwrites the scalars afterwards. wait blocks until the helper has
	// answered with what Section.Sum gave, or the caller's ctx ends. After any
	// other error, or an answer that is not a point, the Prover computes the
	// section itself.
	Start(section int, scalars []byte) (wait func(context.Context) ([]byte, error))
}

// WithHelpers shares every proof out. The Prover keeps all points as well, so
// that a helper may fail.
func WithHelpers(h Helpers) Option { return func(o *options) { o.helpers = h } }

// Points are affine points of one group, each coordinate 32 bytes in the
// little-endian Montgomery form that proving keys have.
type Points struct {
	G2   bool
	Data []byte
}

// Section is a helper's side: some points of a key and the multiplication with
// them. It is safe for concurrent use.
type Section struct {
	g1 *sumG1
	g2 *sumG2
	n  int
}

// NewSection takes the points that Load was given. They are not checked: they
// come from a Prover, which has held the key against its pin.
func NewSection(p Points) (*Section, error) {
	size := g1Size
	if p.G2 {
		size = g2Size
	}
	if len(p.Data) == 0 || len(p.Data)%size != 0 || len(p.Data) > maxKey {
		return nil, fmt.Errorf("%w: a section of %d bytes", ErrKey, len(p.Data))
	}
	s := &Section{n: len(p.Data) / size}
	if !p.G2 {
		s.g1 = newSumG1(g1Points(p.Data))
		return s, nil
	}
	points := make([]bn254.G2Affine, s.n)
	r := &reader{b: p.Data}
	for i := range points {
		points[i] = r.g2()
	}
	s.g2 = newSumG2(points)
	return s, nil
}

// Sum multiplies each point with its scalar and adds. It overwrites its copies
// of the scalars; the caller does the same with scalars.
func (s *Section) Sum(ctx context.Context, scalars []byte) ([]byte, error) {
	if len(scalars) != s.n*fr.Bytes {
		return nil, fmt.Errorf("%w: %d bytes of scalars for %d points", ErrKey, len(scalars), s.n)
	}
	k := make([]fr.Element, s.n)
	defer clear(k)
	r := &reader{b: scalars}
	for i := range k {
		k[i] = fr.Element(r.limbs())
	}
	if s.g1 != nil {
		sum, err := s.g1.sum(ctx, k, 1, func() {})
		return appendLimbs(nil, sum.X, sum.Y, sum.Z), err
	}
	sum, err := s.g2.sum(ctx, k, 1, func() {})
	return appendLimbs(nil, sum.X.A0, sum.X.A1, sum.Y.A0, sum.Y.A1, sum.Z.A0, sum.Z.A1), err
}

// appendLimbs writes elements as reader.limbs reads them.
func appendLimbs[E ~[4]uint64](b []byte, elements ...E) []byte {
	for _, e := range elements {
		for _, limb := range [4]uint64(e) {
			b = binary.LittleEndian.AppendUint64(b, limb)
		}
	}
	return b
}

// readG1 and readG2 read what Section.Sum gives. A helper is ours, but memory
// may be short where it runs: only points of the curve are taken.
func readG1(b []byte) (p bn254.G1Jac, ok bool) {
	r := &reader{b: b}
	p.X, p.Y, p.Z = r.fp(), r.fp(), r.fp()
	return p, r.done() && (p.Z.IsZero() || p.IsOnCurve())
}

func readG2(b []byte) (p bn254.G2Jac, ok bool) {
	r := &reader{b: b}
	for _, e := range []*bn254.E2{&p.X, &p.Y, &p.Z} {
		e.A0, e.A1 = r.fp(), r.fp()
	}
	return p, r.done() && (p.Z.IsZero() || p.IsOnCurve())
}

func pointsG1(points []bn254.G1Affine) Points {
	out := make([]byte, 0, len(points)*g1Size)
	for i := range points {
		out = appendLimbs(out, points[i].X, points[i].Y)
	}
	return Points{Data: out}
}

func pointsG2(points []bn254.G2Affine) Points {
	out := make([]byte, 0, len(points)*g2Size)
	for i := range points {
		p := &points[i]
		out = appendLimbs(out, p.X.A0, p.X.A1, p.Y.A0, p.Y.A1)
	}
	return Points{G2: true, Data: out}
}
