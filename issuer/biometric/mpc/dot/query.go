package dot

import (
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
)

// RowSet says which pairs of rows take part in a comparison: bit k stands for
// rows 2k and 2k+1, counted from the pupil.
type RowSet uint8

// AllRows compares everything. InnerRows leaves out the outermost pair, which
// the lids hide first: 14 of 16 rows.
const (
	AllRows   RowSet = 1<<RowPairs - 1
	InnerRows RowSet = AllRows >> 1
)

// rows gives the number of rows.
func (r RowSet) rows() (n int) {
	for k := range RowPairs {
		n += 2 * int(r>>k&1)
	}
	return n
}

// Query is a share made ready to be compared with many entries of the same party
// in all rotations. It is read-only and safe for concurrent use. It takes 45 KB
// for 200 columns, and 200 KB more where Karatsuba's method is used.
type Query struct {
	shape Shape
	party int
	tier  tier
	words []uint16 // weights by plane; columns go on past the seam
	pairs []uint64 // pure Go: two rotations in a word
	turns []uint16 // laid out for Karatsuba's method
}

// extended is how many columns a plane of a query has: the kernels read up to 31
// past an entry's.
func (s Shape) extended() int { return s.Columns + turnCount }

// turnCount is how many rotations the kernels compute: one more than there are.
const turnCount = iris.Rotations + 1

// NewQuery prepares s for comparisons over rows.
func NewQuery(s Share, rows RowSet) (*Query, error) { return newQuery(s, rows, bestTier()) }

func newQuery(s Share, rows RowSet, with tier) (*Query, error) {
	if err := s.shape.Check(); err != nil {
		return nil, err
	}
	if rows == 0 {
		return nil, fmt.Errorf("%w: no rows", ErrShape)
	}
	weights := Share{s.shape, s.party, make([]uint16, len(s.words))}
	defer weights.Wipe()
	n := s.shape.plane()
	if err := galois.Weights(s.party, weights.words[:2*n], s.words[:2*n]); err != nil {
		return nil, fmt.Errorf("dot: %w", err)
	}
	var err error
	if s.shape.Exact {
		err = weighMasks[uint32](weights, s)
	} else {
		err = weighMasks[uint16](weights, s)
	}
	if err != nil {
		return nil, err
	}
	q := &Query{shape: s.shape, party: s.party, tier: with}
	q.words = aligned(s.shape.planes() * s.shape.extended() * columnWords)
	for p := range s.shape.planes() {
		plane := q.plane(p)
		for j := range s.shape.extended() {
			c := (j - iris.MaxRotation + s.shape.Columns) % s.shape.Columns
			for k, w := range weights.words[p*n+c*columnWords:][:columnWords] {
				if rows>>(k/quad)&1 == 1 {
					plane[j*columnWords+k] = w
				}
			}
		}
	}
	switch {
	case with == pureGo:
		q.pairs = q.pack()
	case karatsuba(s.shape, with):
		q.turns = q.unfold()
	}
	return q, nil
}

func weighMasks[W galois.Word](weights, s Share) error {
	m := masks[W](s)
	if err := galois.Weights(s.party, m, m); err != nil {
		return fmt.Errorf("dot: %w", err)
	}
	setMasks(weights, m)
	return nil
}

func (q *Query) plane(p int) []uint16 {
	n := q.shape.extended() * columnWords
	return q.words[p*n:][:n]
}

// Sums are one party's additive shares of the dot products of one query and one
// entry, by rotation: at [i] the query is rotated by 15-i columns. Code is the
// sum of products of code values modulo 2^16; Mask the number of common mask
// values, half the number of common code bits, modulo 2^16, or 2^32 with Exact.
// One place more than there are rotations is filled.
type Sums struct {
	Code [turnCount]uint16
	Mask [turnCount]uint32
}

// reference is the definition: for every rotation the plain dot product of each
// plane. All kernels are compared with it, and it is the baseline that they are
// measured against.
func (q *Query) reference(entry []uint16, out *Sums) {
	n := q.shape.plane()
	for i := range iris.Rotations {
		turned := func(p int) []uint16 { return q.plane(p)[i*columnWords:] }
		re, im, mask := entry[:n], entry[n:2*n], entry[2*n:3*n]
		out.Code[i] = product16(re, turned(planeRe)) + product16(im, turned(planeIm))
		out.Mask[i] = uint32(product16(mask, turned(planeMask)))
	}
	if q.shape.Exact {
		q.referenceMasks(entry, out)
	}
}

// product16 is a dot product as it is written in Go. Inlined, its sum would be
// kept in memory, which makes a slower baseline than it deserves.
//
//go:noinline
func product16(a, b []uint16) uint16 {
	sum := uint16(0)
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// referenceMasks is the definition of the masks' sums modulo 2^32.
func (q *Query) referenceMasks(entry []uint16, out *Sums) {
	n := q.shape.plane()
	low, high := q.plane(planeMask), q.plane(planeHigh)
	for i := range iris.Rotations {
		at, sum := i*columnWords, uint32(0)
		for j := range n {
			sum += wide(entry[planeMask*n+j], entry[planeHigh*n+j]) * wide(low[at+j], high[at+j])
		}
		out.Mask[i] = sum
	}
}

// wide puts two digits together.
func wide(low, high uint16) uint32 { return uint32(int32(int16(low))) + uint32(high)<<16 } // #nosec G115 -- signed digits
