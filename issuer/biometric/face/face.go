// Package face holds face vectors and their distance, for demonstrations and
// small groups.
//
// A vector is the 128-dimensional descriptor of a face network, times 256 and
// rounded to int8. Two vectors are taken for one person when their Euclidean
// distance is below .55 in the network's units.
//
// # What a face vector is worth
//
// Little, and the product says so where people read it (biometrics.md section
// 3). On 75 pictures of 34 people the distance separated well, at a threshold
// chosen on the same pictures; among 2,313 different pairs one already lay at
// .53. A set of n people has n(n-1)/2 pairs, so strangers collide in groups of
// some hundreds, twins and siblings earlier: it cannot carry uniqueness for
// thousands.
//
// A browser camera adds nothing to it. The page belongs to the user, who can
// hold up a photograph, change the page, or post any 128 numbers: every vector
// here is well-formed, none is evidence. Liveness scores computed in the page
// passed a still picture. Evidence is a capture envelope from an attested
// device, or an attended enrolment (package capture).
//
// Vectors are biometric data: never logged, stored sealed.
package face

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Dimensions of a vector, and the factor from the network's units.
const (
	Dimensions = 128
	Scale      = 256
)

// Threshold is the distance below which two vectors are taken for one person,
// in the network's units; limit is its square in int8 units, rounded down, so
// that squared <= limit is distance < .55.
const (
	Threshold = .55
	limit     = 19824 // floor(.55^2 * 256^2) = floor(19824.64)
)

// A descriptor's length is near 1 (package synth) to 1.5 (the browser's
// network). Far outside, a vector is not a face: a zero vector is near to
// everything short, a huge one far from everybody.
const (
	minNorm = .5
	maxNorm = 3
)

// Refusals of this package.
var (
	// ErrFormat: not 128 numbers in the one accepted form.
	ErrFormat = errors.New("face: malformed vector")
	// ErrNorm: a vector that no face gives.
	ErrNorm = errors.New("face: vector is too short or too long to be a face")
	// ErrFrames: no frames, too many, or frames of different faces.
	ErrFrames = errors.New("face: frames do not show one face")
)

// Vector is one face.
type Vector [Dimensions]int8

// Squared gives the squared Euclidean distance in int8 units: 65,536 times the
// squared distance in the network's units. It is at most 128*255^2.
func (v Vector) Squared(o Vector) int {
	sum := 0
	for i, x := range v {
		d := int(x) - int(o[i])
		sum += d * d
	}
	return sum
}

// Distance gives the Euclidean distance in the network's units.
func (v Vector) Distance(o Vector) float64 { return math.Sqrt(float64(v.Squared(o))) / Scale }

// Same reports a distance below Threshold, in integers. It stops where a part
// of the dimensions has gone beyond it: with strangers, after a quarter of them
// in most cases.
func (v Vector) Same(o Vector) bool {
	sum := int32(0)
	for at := 0; at < Dimensions; at += 16 {
		a, b := v[at:at+16:at+16], o[at:at+16:at+16]
		for i, x := range a {
			d := int32(x) - int32(b[i])
			sum += d * d
		}
		if sum > limit {
			return false
		}
	}
	return true
}

// Norm gives the length in the network's units.
func (v Vector) Norm() float64 { return v.Distance(Vector{}) }

// Check refuses vectors that no face gives.
func (v Vector) Check() error {
	if n := v.Norm(); n < minNorm || n > maxNorm {
		return ErrNorm
	}
	return nil
}

// FromFloats quantises a descriptor: times 256, rounded to nearest, saturated at
// -128 and 127.
func FromFloats(x []float64) (Vector, error) {
	var v Vector
	if len(x) != Dimensions {
		return v, fmt.Errorf("%w: %d numbers", ErrFormat, len(x))
	}
	for i, f := range x {
		if math.IsNaN(f) {
			return Vector{}, fmt.Errorf("%w: not a number", ErrFormat)
		}
		v[i] = int8(math.Round(min(max(f*Scale, -128), 127)))
	}
	return v, v.Check()
}

// MaxFrames is how many frames Average takes.
const MaxFrames = 64

// Average gives the mean of several frames of one face, rounded to nearest.
// Frames further from the mean than Threshold are refused: somebody else walked
// into the picture.
func Average(frames ...Vector) (Vector, error) {
	if len(frames) == 0 || len(frames) > MaxFrames {
		return Vector{}, ErrFrames
	}
	var mean Vector
	for i := range mean {
		sum := 0
		for _, f := range frames {
			sum += int(f[i])
		}
		mean[i] = int8(math.Round(float64(sum) / float64(len(frames))))
	}
	for _, f := range frames {
		if err := f.Check(); err != nil {
			return Vector{}, err
		}
		if !f.Same(mean) {
			return Vector{}, ErrFrames
		}
	}
	return mean, mean.Check()
}

// Bytes gives the 128 numbers as two's complement bytes.
func (v Vector) Bytes() []byte {
	b := make([]byte, Dimensions)
	for i, x := range v {
		b[i] = byte(x)
	}
	return b
}

// Parse reads what Bytes wrote.
func Parse(b []byte) (Vector, error) {
	var v Vector
	if len(b) != Dimensions {
		return v, fmt.Errorf("%w: %d bytes", ErrFormat, len(b))
	}
	for i, x := range b {
		v[i] = int8(x)
	}
	return v, nil
}

// MarshalText gives Bytes in base64url without padding: 171 characters.
func (v Vector) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, v.Bytes()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (v *Vector) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(b)) != len(text) {
		return fmt.Errorf("%w: base64", ErrFormat)
	}
	got, err := Parse(b)
	if err == nil {
		*v = got
	}
	return err
}

// UnmarshalJSON reads a base64url string or an array of exactly 128 integers
// from -128 to 127: what a page has at hand.
func (v *Vector) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return fmt.Errorf("%w: JSON", ErrFormat)
		}
		return v.UnmarshalText([]byte(s))
	}
	var numbers []json.RawMessage
	if len(data) > 4096 || json.Unmarshal(data, &numbers) != nil || len(numbers) != Dimensions {
		return fmt.Errorf("%w: JSON", ErrFormat)
	}
	var got Vector
	for i, n := range numbers {
		x, err := strconv.ParseInt(string(n), 10, 8)
		if err != nil || strconv.FormatInt(x, 10) != string(n) {
			return fmt.Errorf("%w: number %d", ErrFormat, i)
		}
		got[i] = int8(x)
	}
	*v = got
	return nil
}
