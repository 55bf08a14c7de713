package dot

import (
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// Refusals of this package.
var (
	// ErrShape: a shape that is not supported, or not the one expected.
	ErrShape = errors.New("dot: unsupported shape")
	// ErrFormat: not a share in its one encoding.
	ErrFormat = errors.New("dot: malformed share")
	// ErrRange: a threshold form that does not fit 16 bits, or is looser than
	// the person rule allows.
	ErrRange = errors.New("dot: threshold form out of range")
	// ErrParty: not a party, which are 0, 1 and 2.
	ErrParty = errors.New("dot: no such party")
)

// Shape is the shape of iris codes: their columns, and whether masks are shared
// modulo 2^32 (the exact32 form needs it) instead of 2^16.
type Shape struct {
	Columns int
	Exact   bool
}

// Words of a column in one plane. A plane holds its columns one after the other,
// so a rotation is an offset; a column is one 512-bit register.
const (
	columnWords = iris.Rows * iris.Wavelets
	quad        = 4
	// RowPairs is how many pairs of neighbouring rows a code has. A quadruple of
	// the sharing holds the two wavelets of one pair, so a pair of rows is what
	// can be left out of a comparison.
	RowPairs = iris.Rows / 2
)

// The planes: real and imaginary values in {0, 1, -1}, masks in {0, 1}. With
// Exact the mask's words are signed 16-bit digits of 32-bit ones, low and high.
const (
	planeRe = iota
	planeIm
	planeMask
	planeHigh
)

// Check refuses shapes that are not supported: columns are a multiple of 8, from
// 64 to 1024.
func (s Shape) Check() error {
	if !iris.ValidColumns(s.Columns) || s.Columns%wideWindow != 0 {
		return fmt.Errorf("%w: %d columns", ErrShape, s.Columns)
	}
	return nil
}

func (s Shape) planes() int {
	if s.Exact {
		return 4
	}
	return 3
}

// plane gives the number of words of a plane.
func (s Shape) plane() int { return s.Columns * columnWords }

// Words gives the number of 16-bit words of one eye's share: 19,200 for 200
// columns, 25,600 with Exact.
func (s Shape) Words() int { return s.planes() * s.plane() }

// Bits gives the number of code bits of a comparison over all rows.
func (s Shape) Bits() int { return s.Columns * iris.ColumnBits }

// wideWindow is how many columns of an entry the widest kernel holds; columns
// are a multiple of it.
const wideWindow = 8
