package iris

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Shape of a code. The number of columns is a parameter; the rest is fixed.
const (
	Rows     = 16
	Wavelets = 2
	// ColumnBits is how many bits one column of a code has.
	ColumnBits = Rows * Wavelets * 2
	// MaxRotation is the largest rotation, in columns, in either direction.
	MaxRotation = 15
	// Rotations is how many rotations a score is the minimum of.
	Rotations = 2*MaxRotation + 1
)

// Refusals of this package.
var (
	// ErrFormat: not a template in the one form that is accepted.
	ErrFormat = errors.New("iris: malformed template")
	// ErrColumns: a column count that is not supported.
	ErrColumns = errors.New("iris: unsupported number of columns")
	// ErrQuality: fewer mask bits than MinMask.
	ErrQuality = errors.New("iris: too little of the iris is visible")
)

// Template is the code and the mask of one eye.
//
// Bits are kept by column, because a rotation moves columns: a column is 32 bits
// (bit 2*row + wavelet) of each of three planes, the real bits, the imaginary
// bits and the mask that the two share. Two columns make a word, the even one
// low. The planes follow one another, each of span(cols) words, a whole number
// of vector registers: what lies past the columns is zero in all three, and so
// is never compared. The zero value has no columns and is refused everywhere.
type Template struct {
	cols  int
	words []uint64 // re, im, mask
}

// span gives the length of a plane in words, a multiple of 8.
func span(cols int) int { return (cols + 15) / 16 * 8 }

// plane gives the words of one plane that hold columns.
func (t Template) plane(p int) []uint64 {
	return t.words[p*span(t.cols):][:t.cols/2]
}

// The planes.
const (
	re = iota
	im
	mask
	planes
)

// ValidColumns reports whether codes of this many columns are supported: the
// two halves of the mirror and the word layout want a multiple of 4.
func ValidColumns(cols int) bool { return cols >= 64 && cols <= 1024 && cols%4 == 0 }

func newTemplate(cols int) Template {
	return Template{cols: cols, words: make([]uint64, planes*span(cols))}
}

// Columns gives the number of columns, 0 for the zero value.
func (t Template) Columns() int { return t.cols }

// Bits gives the number of bits of the code.
func (t Template) Bits() int { return t.cols * ColumnBits }

// MaskBits gives the number of usable code bits.
func (t Template) MaskBits() int {
	n := 0
	for _, w := range t.plane(mask) {
		n += bits.OnesCount64(w)
	}
	return 2 * n
}

// MinMask is the quality gate: 8,200 mask bits of 12,800, and the same share of
// other shapes. Two masks that both pass overlap in at least 28 % of the bits,
// so complementary masks, which are never compared anywhere, cannot both enrol.
func MinMask(cols int) int { return 8200 * cols / 200 }

// CheckQuality refuses templates below the quality gate.
func (t Template) CheckQuality() error {
	if !ValidColumns(t.cols) {
		return ErrColumns
	}
	if t.MaskBits() < MinMask(t.cols) {
		return ErrQuality
	}
	return nil
}

// Equal reports whether code and mask are the same, masked code bits included.
func (t Template) Equal(o Template) bool {
	if t.cols != o.cols {
		return false
	}
	diff := uint64(0)
	for i, w := range t.words {
		diff |= w ^ o.words[i]
	}
	return diff == 0
}

// Wipe overwrites the template.
func (t Template) Wipe() { clear(t.words) }

// position gives the index of the word in its plane and the bit of wavelet 0 in it.
func position(row, col int) (word int, bit uint) {
	return col / 2, uint(col&1*32 + row*2)
}

// FromFlat reads code and mask in the flat order of iris-mpc and open-iris:
// index row*(cols*4) + col*4 + wavelet*2 + b, packed as numpy.packbits does,
// the first bit in the highest bit of the first byte. The two mask bits of a
// response must agree.
func FromFlat(cols int, codes, masks []byte) (Template, error) {
	if !ValidColumns(cols) {
		return Template{}, ErrColumns
	}
	if n := cols * ColumnBits / 8; len(codes) != n || len(masks) != n {
		return Template{}, fmt.Errorf("%w: length", ErrFormat)
	}
	t := newTemplate(cols)
	tre, tim, tmask := t.plane(re), t.plane(im), t.plane(mask)
	for row := range Rows {
		for col := range cols {
			// The four bits of (row, col) are one nibble: w0 re, w0 im, w1 re, w1 im.
			at := row*cols + col
			shift := uint(4 - at&1*4)
			c, m := uint64(codes[at/2]>>shift), uint64(masks[at/2]>>shift)
			if m>>1&5 != m&5 {
				return Template{}, fmt.Errorf("%w: mask differs between real and imaginary bit", ErrFormat)
			}
			at, bit := position(row, col)
			tre[at] |= (c>>3&1 | c>>1&1<<1) << bit
			tim[at] |= (c>>2&1 | c&1<<1) << bit
			tmask[at] |= (m>>3&1 | m>>1&1<<1) << bit
		}
	}
	return t, nil
}

// Flat gives code and mask in the order of FromFlat.
func (t Template) Flat() (codes, masks []byte) {
	n := t.cols * ColumnBits / 8
	codes, masks = make([]byte, n), make([]byte, n)
	tre, tim, tmask := t.plane(re), t.plane(im), t.plane(mask)
	for row := range Rows {
		for col := range t.cols {
			from, bit := position(row, col)
			r, i, m := byte(tre[from]>>bit&3), byte(tim[from]>>bit&3), byte(tmask[from]>>bit&3)
			at := row*t.cols + col
			shift := uint(4 - at&1*4)
			codes[at/2] |= (r&1<<3 | i&1<<2 | r>>1<<1 | i>>1) << shift
			masks[at/2] |= (m&1<<3 | m&1<<2 | m>>1<<1 | m>>1) << shift
		}
	}
	return codes, masks
}

// MarshalBinary gives u16 cols and then, for each pair of columns, the u64
// words of its real bits, imaginary bits and mask: 2 + 12*cols bytes,
// big-endian, bits as in Template. It is the form inside sealed templates.
func (t Template) MarshalBinary() ([]byte, error) {
	if !ValidColumns(t.cols) {
		return nil, ErrColumns
	}
	b := make([]byte, 0, 2+12*t.cols)
	b = binary.BigEndian.AppendUint16(b, uint16(t.cols))
	for i := range t.cols / 2 {
		for p := range planes {
			b = binary.BigEndian.AppendUint64(b, t.plane(p)[i])
		}
	}
	return b, nil
}

// ParseBinary reads what MarshalBinary wrote, and nothing else.
func ParseBinary(b []byte) (Template, error) {
	if len(b) < 2 {
		return Template{}, fmt.Errorf("%w: length", ErrFormat)
	}
	cols := int(binary.BigEndian.Uint16(b))
	if !ValidColumns(cols) {
		return Template{}, ErrColumns
	}
	if len(b) != 2+12*cols {
		return Template{}, fmt.Errorf("%w: length", ErrFormat)
	}
	t := newTemplate(cols)
	return t, t.ReadBinary(b)
}

// ReadBinary is ParseBinary into t, whose number of columns b must have: for a
// place that In gave. After an error nothing has been written.
func (t Template) ReadBinary(b []byte) error {
	if t.cols == 0 {
		return ErrColumns
	}
	if len(b) != 2+12*t.cols || int(binary.BigEndian.Uint16(b)) != t.cols {
		return fmt.Errorf("%w: length", ErrFormat)
	}
	b = b[2:]
	tre, tim, tmask := t.plane(re), t.plane(im), t.plane(mask)
	tim, tmask = tim[:len(tre)], tmask[:len(tre)]
	for i := range tre {
		three := (*[8 * planes]byte)(b)
		tre[i] = binary.BigEndian.Uint64(three[0:])
		tim[i] = binary.BigEndian.Uint64(three[8:])
		tmask[i] = binary.BigEndian.Uint64(three[16:])
		b = b[8*planes:]
	}
	return nil
}

// Words gives how many words In needs for codes of this many columns.
func Words(cols int) int { return planes * span(cols) }

// In gives the template that stands in words, which are Words(cols) long: zero
// at first, or what another such template put there. It lets many stand side by
// side in one piece of memory.
func In(cols int, words []uint64) Template {
	return Template{cols: cols, words: words[:Words(cols):Words(cols)]}
}

// CopyFrom overwrites t with o, which must have its number of columns.
func (t Template) CopyFrom(o Template) error {
	if t.cols != o.cols || t.cols == 0 {
		return ErrColumns
	}
	copy(t.words, o.words)
	return nil
}
