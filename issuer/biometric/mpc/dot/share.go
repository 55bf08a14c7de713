package dot

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
)

// Share is what one party holds of one eye. It is uniform noise to that party.
// The zero value is refused everywhere.
type Share struct {
	shape Shape
	party int
	words []uint16
}

// Shape gives the shape.
func (s Share) Shape() Shape { return s.shape }

// Party gives the party whose share this is: 0, 1 or 2.
func (s Share) Party() int { return s.party }

// Words gives the share itself, by planes and columns; it is not a copy.
func (s Share) Words() []uint16 { return s.words }

// Wipe overwrites the share.
func (s Share) Wipe() { clear(s.words) }

// Split gives the three parties' shares of an eye, at the device that captured
// it. It reads Words()*2 bytes of randomness from a cryptographic source. It does
// not check quality.
func Split(rand io.Reader, shape Shape, t iris.Template) (out [galois.Parties]Share, err error) {
	if err := shape.Check(); err != nil {
		return out, err
	}
	values, err := values(shape, t)
	defer clear(values)
	if err != nil {
		return out, err
	}
	codes, err := galois.Split(rand, values[:2*shape.plane()])
	if err != nil {
		return out, fmt.Errorf("dot: %w", err)
	}
	for p := range out {
		out[p] = Share{shape, p, make([]uint16, shape.Words())}
		copy(out[p].words, codes[p])
		clear(codes[p])
	}
	if masks := values[2*shape.plane():]; shape.Exact {
		err = splitMasks[uint32](rand, masks, &out)
	} else {
		err = splitMasks[uint16](rand, masks, &out)
	}
	if err != nil {
		return [galois.Parties]Share{}, fmt.Errorf("dot: %w", err)
	}
	return out, nil
}

func splitMasks[W galois.Word](rand io.Reader, masks []uint16, out *[galois.Parties]Share) error {
	wide := make([]W, len(masks))
	defer clear(wide)
	for i, m := range masks {
		wide[i] = W(m)
	}
	shares, err := galois.Split(rand, wide)
	if err != nil {
		return err
	}
	for p, s := range shares {
		setMasks(out[p], s)
		clear(s)
	}
	return nil
}

// masks reads the mask's words, setMasks writes them: as they are, or as two
// signed digits, low + 2^16*high.
func masks[W galois.Word](s Share) []W {
	n := s.shape.plane()
	out := make([]W, n)
	for i, low := range s.words[planeMask*n:][:n] {
		out[i] = W(low)
		if s.shape.Exact {
			out[i] = W(int32(int16(low))) + W(uint32(s.words[planeHigh*n+i])<<16) // #nosec G115 -- a digit
		}
	}
	return out
}

func setMasks[W galois.Word](s Share, from []W) {
	n := s.shape.plane()
	for i, m := range from {
		s.words[planeMask*n+i] = uint16(m) // #nosec G115 -- the low digit
		if s.shape.Exact {
			s.words[planeHigh*n+i] = high(uint32(m))
		}
	}
}

// high gives the high digit of a word whose low digit is signed.
func high(w uint32) uint16 { return uint16((w + 1<<15) >> 16) } // #nosec G115 -- 16 bits are left

// values gives the planes of a template: v = mask - 2*(code AND mask), and the
// mask. Within a column the order is that of iris.Template, 2*row + wavelet.
func values(shape Shape, t iris.Template) ([]uint16, error) {
	if t.Columns() != shape.Columns {
		return nil, fmt.Errorf("%w: a template of %d columns", ErrShape, t.Columns())
	}
	b, err := t.MarshalBinary()
	defer clear(b)
	if err != nil {
		return nil, fmt.Errorf("dot: %w", err)
	}
	b = b[2:]
	n := shape.plane()
	out := make([]uint16, 3*n)
	for pair := range shape.Columns / 2 {
		word := func(plane int) uint64 { return binary.BigEndian.Uint64(b[8*(3*pair+plane):]) }
		re, im, mask := word(planeRe), word(planeIm), word(planeMask)
		for k := range 2 * columnWords { // the even column is in the low half
			i, m := 2*pair*columnWords+k, uint16(mask>>k&1)
			out[planeRe*n+i] = m - 2*(m&uint16(re>>k&1))
			out[planeIm*n+i] = m - 2*(m&uint16(im>>k&1))
			out[planeMask*n+i] = m
		}
	}
	return out, nil
}

// Mirror gives the share of the mirrored eye (iris.Template.Mirror), to be
// compared with the other eye: columns reversed within each half, imaginary
// values negated. Both are linear over quadruples, so a party does it alone.
func (s Share) Mirror() Share {
	out := Share{s.shape, s.party, make([]uint16, len(s.words))}
	n, half := s.shape.plane(), s.shape.Columns/2
	for p := range s.shape.planes() {
		for c := range s.shape.Columns {
			to := c/half*half + half - 1 - c%half
			copy(out.words[p*n+to*columnWords:], s.words[p*n+c*columnWords:][:columnWords])
		}
	}
	im := out.words[planeIm*n:][:n]
	for i, w := range im {
		im[i] = -w
	}
	return out
}

// Refresh adds a sharing of zero, in place. All three parties read the same
// secret stream, which is used once and forgotten (galois.Refresh). On an error
// the share is lost and has to be read again.
func (s Share) Refresh(zero io.Reader) error {
	if err := galois.Refresh(zero, s.party, s.words[:2*s.shape.plane()]); err != nil {
		return fmt.Errorf("dot: %w", err)
	}
	if s.shape.Exact {
		return refreshMasks[uint32](zero, s)
	}
	return refreshMasks[uint16](zero, s)
}

func refreshMasks[W galois.Word](zero io.Reader, s Share) error {
	m := masks[W](s)
	if err := galois.Refresh(zero, s.party, m); err != nil {
		return fmt.Errorf("dot: %w", err)
	}
	setMasks(s, m)
	return nil
}

// Additive gives additive shares of every value: over the parties, code[i] adds
// up to v in {0, 1, -1} (re, then im) modulo 2^16, mask[i] to a mask bit modulo
// 2^16. Input checks start from it.
func (s Share) Additive() (code, mask []uint16, err error) {
	n := s.shape.plane()
	code, mask = make([]uint16, 2*n), make([]uint16, n)
	if err = galois.Additive(s.party, code, s.words[:2*n]); err == nil {
		// A sharing modulo 2^32 is one modulo 2^16 in its low words.
		err = galois.Additive(s.party, mask, s.words[planeMask*n:][:n])
	}
	if err != nil {
		return nil, nil, fmt.Errorf("dot: %w", err)
	}
	return code, mask, nil
}

// WideMasks gives, for shapes with Exact, the share of the mask as 32-bit words.
func (s Share) WideMasks() []uint32 { return masks[uint32](s) }

// Codes gives the words of the code planes; they are not a copy.
func (s Share) Codes() []uint16 { return s.words[:2*s.shape.plane()] }

// AdditiveMasks gives, for shapes with Exact, additive shares modulo 2^32 of the
// mask bits.
func (s Share) AdditiveMasks() ([]uint32, error) {
	m := masks[uint32](s)
	if err := galois.Additive(s.party, m, m); err != nil {
		return nil, fmt.Errorf("dot: %w", err)
	}
	return m, nil
}

// The encoding of a share.
const (
	version    = 1
	exactFlag  = 1 << 15
	headerSize = 4
)

// Size gives the length of MarshalBinary in bytes: 38,404 for 200 columns.
func (s Shape) Size() int { return headerSize + 2*s.Words() }

// MarshalBinary gives u8 1 || u8 party || u16 columns, the highest bit set with
// Exact || the words, all little-endian. It is what is sealed to a party.
func (s Share) MarshalBinary() ([]byte, error) {
	if len(s.words) == 0 {
		return nil, ErrShape
	}
	head := uint16(s.shape.Columns) // #nosec G115 -- at most 1024
	if s.shape.Exact {
		head |= exactFlag
	}
	b := make([]byte, 0, s.shape.Size())
	b = append(b, version, byte(s.party)) // #nosec G115 -- 0, 1 or 2
	b = binary.LittleEndian.AppendUint16(b, head)
	for _, w := range s.words {
		b = binary.LittleEndian.AppendUint16(b, w)
	}
	return b, nil
}

// ParseShare reads what MarshalBinary wrote, and nothing else. Every sequence of
// words is a share of something: that it is one of an eye is for the parties to
// check together.
func ParseShare(b []byte) (Share, error) {
	if len(b) < headerSize || b[0] != version {
		return Share{}, fmt.Errorf("%w: version", ErrFormat)
	}
	party, head := int(b[1]), binary.LittleEndian.Uint16(b[2:])
	if party >= galois.Parties {
		return Share{}, fmt.Errorf("%w: %w", ErrFormat, ErrParty)
	}
	shape := Shape{int(head &^ exactFlag), head&exactFlag != 0}
	if err := shape.Check(); err != nil {
		return Share{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(b) != shape.Size() {
		return Share{}, fmt.Errorf("%w: length", ErrFormat)
	}
	s := Share{shape, party, make([]uint16, shape.Words())}
	for i := range s.words {
		s.words[i] = binary.LittleEndian.Uint16(b[headerSize+2*i:])
	}
	return s, nil
}
