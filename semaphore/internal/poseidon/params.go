package poseidon

import (
	"errors"
	"fmt"
	"sync"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// ErrWidth: a number of inputs or a width outside 1..16 and 2..17.
var ErrWidth = errors.New("poseidon: unsupported width")

// PlainParams are the constants as the paper writes them: per round an added
// vector, an S-box layer (all of it in full rounds, element 0 in partial
// ones), then the matrix.
type PlainParams struct {
	T, Full, Partial int
	// RoundConstants holds T values a round, Full+Partial rounds.
	RoundConstants []fr.Element
	// MDS is row-major: next[i] = sum over j of MDS[i][j] * state[j].
	MDS [][]fr.Element
}

// Params are the same permutation in the layout of circomlib's optimized
// constants, so that intermediate states equal those of the official circuit.
//
// A hash is: add C[0:T]; three times (S-box, add the next T of C, M); S-box,
// add the next T of C, P; Partial times (S-box on element 0, add the next one
// of C to it, sparse step); three times (S-box, add the next T of C, M);
// S-box, M.
type Params struct {
	T, Full, Partial int
	// C has T*Full + Partial entries, in the order of use.
	C []fr.Element
	// S has 2T-1 entries a partial round: T for the new element 0, then T-1
	// multiples of the old element 0 added to the others.
	S []fr.Element
	// M and P are stored by columns as circomlib does:
	// next[i] = sum over j of M[j][i] * state[j].
	M, P [][]fr.Element
}

// plainOnce and sparseOnce derive each width at most once.
var (
	plainOnce  = onceTable(derivePlain)
	sparseOnce = onceTable(func(t int) *Params { return factor(plainOnce[t-MinWidth]()) })
)

func onceTable[T any](derive func(int) *T) (table [MaxWidth - MinWidth + 1]func() *T) {
	for i := range table {
		table[i] = sync.OnceValue(func() *T { return derive(i + MinWidth) })
	}
	return table
}

// Plain gives the constants of width t as the paper writes them. The result
// is shared: do not write to it.
func Plain(t int) (*PlainParams, error) {
	if t < MinWidth || t > MaxWidth {
		return nil, fmt.Errorf("%w: %d", ErrWidth, t)
	}
	return plainOnce[t-MinWidth](), nil
}

// Constants gives the constants of width t in circomlib's optimized layout.
// The result is shared: do not write to it.
func Constants(t int) (*Params, error) {
	if t < MinWidth || t > MaxWidth {
		return nil, fmt.Errorf("%w: %d", ErrWidth, t)
	}
	return sparseOnce[t-MinWidth](), nil
}

// derivePlain runs the LFSR: first all round constants, then the 2t values of
// a Cauchy matrix.
func derivePlain(t int) *PlainParams {
	p := &PlainParams{T: t, Full: FullRounds, Partial: PartialRounds(t)}
	g := newGrain(t, p.Full, p.Partial)
	p.RoundConstants = make([]fr.Element, t*(p.Full+p.Partial))
	for i := range p.RoundConstants {
		p.RoundConstants[i] = g.element()
	}
	sums := make([]fr.Element, 0, t*t)
	xy := make([]fr.Element, 2*t)
	for i := range xy {
		xy[i] = g.reduced()
	}
	for i := range t {
		for j := range t {
			var s fr.Element
			sums = append(sums, *s.Add(&xy[i], &xy[t+j]))
		}
	}
	inv := fr.BatchInvert(sums)
	p.MDS = make([][]fr.Element, t)
	for i := range p.MDS {
		p.MDS[i] = inv[i*t : (i+1)*t]
	}
	return p
}
