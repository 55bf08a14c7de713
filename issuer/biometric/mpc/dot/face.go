package dot

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
)

// Faces run through the same sharing: the squared distance of two vectors is
// |a|^2 + |b|^2 - 2*a*b, and a share's dot product with itself is a share of the
// first two. There are no rotations, and nothing to prepare but weights.
//
// With 32-bit words (FaceShare[uint32]) vectors are whole and the decision is
// that of face.Vector.Same. With 16-bit words vectors are rounded to CoarseScale
// steps per unit, 5 bits a number: then every distance of vectors that pass
// CheckCoarse fits, and the decision is nearly the same.
const (
	// CoarseScale is how many steps a unit of the network has in 16-bit words.
	CoarseScale = 28
	// maxCoarse bounds |v|^2: distances are at most 4 times that.
	maxCoarse = 1<<13 - 1
)

// The largest squared distance that matches. Rounding adds 1/12 of a squared
// step per number and vector to distances on the average; the coarse limit
// allows for it.
func faceLimit[W galois.Word]() W {
	scale, rounding := float64(face.Scale), 0.
	if coarse[W]() {
		scale, rounding = CoarseScale, 2*face.Dimensions/12.
	}
	return W(math.Floor(face.Threshold*face.Threshold*scale*scale + rounding))
}

func coarse[W galois.Word]() bool { return uint64(^W(0)) == 1<<16-1 }

// Coarse rounds a vector for 16-bit words and gives its squared length, which
// must be at most 8,191: all vectors that face.Vector.Check accepts are shorter.
func Coarse(v face.Vector) (out [face.Dimensions]int8, squared int, err error) {
	for i, x := range v {
		c := int(math.Round(float64(x) * CoarseScale / face.Scale))
		out[i] = int8(c) // #nosec G115 -- at most 14
		squared += c * c
	}
	if squared > maxCoarse {
		return out, squared, fmt.Errorf("%w: a vector too long for 16 bits", ErrRange)
	}
	return out, squared, nil
}

// FaceShare is what one party holds of one face: 128 words, 256 or 512 bytes.
type FaceShare[W galois.Word] struct {
	party int
	words [face.Dimensions]W
}

// Party gives the party whose share this is.
func (s FaceShare[W]) Party() int { return s.party }

// Words gives the share itself; it is not a copy.
func (s *FaceShare[W]) Words() []W { return s.words[:] }

// FaceShareOf gives words as a party's share of a face.
func FaceShareOf[W galois.Word](party int, words []W) (s FaceShare[W], err error) {
	if party < 0 || party >= galois.Parties {
		return s, ErrParty
	}
	if len(words) != face.Dimensions {
		return s, fmt.Errorf("%w: %d words of a face", ErrShape, len(words))
	}
	return FaceShare[W]{party, [face.Dimensions]W(words)}, nil
}

// Additive gives additive shares of the vector's numbers and of its squared
// length. Input checks start from it.
func (s *FaceShare[W]) Additive() (numbers []W, squared W, err error) {
	numbers = make([]W, face.Dimensions)
	if err := galois.Additive(s.party, numbers, s.words[:]); err != nil {
		return nil, 0, fmt.Errorf("dot: %w", err)
	}
	_, squared, err = s.prepare()
	return numbers, squared, err
}

// SplitFace gives the three parties' shares of a vector that passes its Check.
func SplitFace[W galois.Word](rand io.Reader, v face.Vector) (out [galois.Parties]FaceShare[W], err error) {
	if err := v.Check(); err != nil {
		return out, fmt.Errorf("dot: %w", err)
	}
	numbers := [face.Dimensions]int8(v)
	if coarse[W]() {
		if numbers, _, err = Coarse(v); err != nil {
			return out, err
		}
	}
	values := make([]W, face.Dimensions)
	defer clear(values)
	for i, x := range numbers {
		values[i] = W(x) // #nosec G115 -- negative numbers wrap
	}
	shares, err := galois.Split(rand, values)
	if err != nil {
		return out, fmt.Errorf("dot: %w", err)
	}
	for p, s := range shares {
		out[p] = FaceShare[W]{p, [face.Dimensions]W(s)}
		clear(s)
	}
	return out, nil
}

// Refresh adds a sharing of zero, in place: see Share.Refresh.
func (s *FaceShare[W]) Refresh(zero io.Reader) error {
	if err := galois.Refresh(zero, s.party, s.words[:]); err != nil {
		return fmt.Errorf("dot: %w", err)
	}
	return nil
}

// weights and the share's dot product with itself.
func (s *FaceShare[W]) prepare() (w [face.Dimensions]W, self W, err error) {
	if err := galois.Weights(s.party, w[:], s.words[:]); err != nil {
		return w, 0, fmt.Errorf("dot: %w", err)
	}
	return w, product(&w, &s.words), nil
}

func product[W galois.Word](a, b *[face.Dimensions]W) (sum W) {
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

// FaceGallery is one party's shares of many faces, each with its dot product
// with itself. It may be read by many goroutines, and written by one while
// nobody reads.
type FaceGallery[W galois.Word] struct {
	party int
	words [][face.Dimensions]W
	self  []W
}

// NewFaceGallery gives an empty gallery.
func NewFaceGallery[W galois.Word](party int) (*FaceGallery[W], error) {
	if party < 0 || party >= galois.Parties {
		return nil, ErrParty
	}
	return &FaceGallery[W]{party: party}, nil
}

// Len gives the number of faces, removed ones included.
func (g *FaceGallery[W]) Len() int { return len(g.words) }

// Append enrols a face at the end and gives the place.
func (g *FaceGallery[W]) Append(s FaceShare[W]) (int, error) {
	if s.party != g.party {
		return 0, ErrParty
	}
	_, self, err := s.prepare()
	if err != nil {
		return 0, err
	}
	g.words, g.self = append(g.words, s.words), append(g.self, self)
	return len(g.words) - 1, nil
}

// Share gives face i; it is a copy.
func (g *FaceGallery[W]) Share(i int) FaceShare[W] { return FaceShare[W]{g.party, g.words[i]} }

// Snapshot gives the gallery as it is now: faces that come later are not in it. It
// may be read while faces are added, not while one is removed.
func (g *FaceGallery[W]) Snapshot() *FaceGallery[W] {
	return &FaceGallery[W]{g.party, g.words[:len(g.words):len(g.words)], g.self[:len(g.self):len(g.self)]}
}

// Compare writes, for each face from first to last-1, this party's additive share
// of a number whose highest bit says that it is the same face as s: the squared
// distance less the largest that matches, less one.
func (g *FaceGallery[W]) Compare(s FaceShare[W], first, last int, dst []W) error {
	if s.party != g.party {
		return ErrParty
	}
	if first < 0 || last > len(g.words) || first > last || len(dst) != last-first {
		return fmt.Errorf("%w: no faces %d to %d", ErrShape, first, last)
	}
	w, self, err := s.prepare()
	if err != nil {
		return err
	}
	if g.party == 0 {
		self -= faceLimit[W]() + 1
	}
	for i := range dst {
		dst[i] = self + g.self[first+i] - 2*product(&w, &g.words[first+i])
	}
	return nil
}

// Remove overwrites a face. All three parties do: then the place holds a vector
// of zeros that passes for a long one, and is near to nobody.
func (g *FaceGallery[W]) Remove(i int) {
	clear(g.words[i][:])
	g.self[i] = 0
	if g.party == 0 {
		g.self[i] = 3 * maxCoarse // above the limit in either kind of words
	}
}

// Bits of the second half of a face share's header.
const faceFlag = 1 << 14

// MarshalBinary gives u8 1 || u8 party || u16 2^14 + bits of a word || the words,
// all little-endian: 260 or 516 bytes.
func (s FaceShare[W]) MarshalBinary() ([]byte, error) {
	b := []byte{version, byte(s.party)} // #nosec G115 -- 0, 1 or 2
	if coarse[W]() {
		b = binary.LittleEndian.AppendUint16(b, faceFlag+16)
	} else {
		b = binary.LittleEndian.AppendUint16(b, faceFlag+32)
	}
	for _, w := range s.words {
		b = binary.LittleEndian.AppendUint16(b, uint16(w)) // #nosec G115 -- the low half
		if !coarse[W]() {
			b = binary.LittleEndian.AppendUint16(b, uint16(uint64(w)>>16)) // #nosec G115 -- the high half
		}
	}
	return b, nil
}

// ParseFaceShare reads what MarshalBinary wrote for the same words, and nothing
// else.
func ParseFaceShare[W galois.Word](b []byte) (s FaceShare[W], err error) {
	bits := 32
	if coarse[W]() {
		bits = 16
	}
	if len(b) != headerSize+face.Dimensions*bits/8 || b[0] != version || int(binary.LittleEndian.Uint16(b[2:])) != faceFlag+bits {
		return s, fmt.Errorf("%w: not a face in words of %d bits", ErrFormat, bits)
	}
	if s.party = int(b[1]); s.party >= galois.Parties {
		return FaceShare[W]{}, fmt.Errorf("%w: %w", ErrFormat, ErrParty)
	}
	b = b[headerSize:]
	for i := range s.words {
		for k := range bits / 8 {
			s.words[i] |= W(b[0]) << (8 * k)
			b = b[1:]
		}
	}
	return s, nil
}
