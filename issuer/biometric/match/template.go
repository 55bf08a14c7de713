package match

import (
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/share"
)

// Refusals of this package. ErrQuality wraps what iris and face say.
var (
	// ErrFormat: not a template in its one encoding.
	ErrFormat = errors.New("match: malformed template")
	// ErrQuality: a template that must not be enrolled or compared, because it
	// would look unique to everybody: an iris with too little visible, or a
	// vector that no face gives.
	ErrQuality = errors.New("match: template refused for its quality")
	// ErrSerial: the serial is already in use.
	ErrSerial = errors.New("match: serial is already in use")
)

// Template is one person's biometric template: both irises, or one face. The
// zero value holds nothing and is refused everywhere.
type Template struct {
	modality capture.Modality
	pair     iris.Pair
	vector   face.Vector
}

// FromIris makes a template of both eyes.
func FromIris(p iris.Pair) Template { return Template{modality: capture.Iris, pair: p} }

// FromFace makes a template of a face vector.
func FromFace(v face.Vector) Template { return Template{modality: capture.Face, vector: v} }

// Modality gives the kind of evidence, "" for the zero value.
func (t Template) Modality() capture.Modality { return t.modality }

// Iris gives both eyes, and false for other modalities.
func (t Template) Iris() (iris.Pair, bool) { return t.pair, t.modality == capture.Iris }

// Face gives the vector, and false for other modalities.
func (t Template) Face() (face.Vector, bool) { return t.vector, t.modality == capture.Face }

// Check refuses templates that must not be enrolled or compared.
func (t Template) Check() error {
	var err error
	switch t.modality {
	case capture.Iris:
		err = t.pair.CheckQuality()
	case capture.Face:
		err = t.vector.Check()
	default:
		return fmt.Errorf("%w: modality", ErrFormat)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrQuality, err)
	}
	return nil
}

// Wipe overwrites an iris template; t must not be used afterwards.
func (t *Template) Wipe() {
	t.pair.Wipe()
	*t = Template{}
}

// Algorithm names the template in capture envelopes.
func (t Template) Algorithm() capture.Template {
	switch {
	case t.modality == capture.Face:
		return capture.Template{Algorithm: capture.AlgFace128, Version: 1}
	case t.modality == capture.Iris && t.pair.Left.Columns() == 200:
		return capture.Template{Algorithm: capture.AlgIris200, Version: 1}
	case t.modality == capture.Iris && t.pair.Left.Columns() == 256:
		return capture.Template{Algorithm: capture.AlgIris256, Version: 1}
	}
	return capture.Template{}
}

// Parts gives the pieces that are sealed one by one: each eye
// (iris.Template.MarshalBinary), left first, or the vector.
func (t Template) Parts() ([][]byte, error) {
	switch t.modality {
	case capture.Iris:
		left, err := t.pair.Left.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		right, err := t.pair.Right.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		return [][]byte{left, right}, nil
	case capture.Face:
		return [][]byte{t.vector.Bytes()}, nil
	}
	return nil, fmt.Errorf("%w: modality", ErrFormat)
}

// FromParts reads what Parts wrote, and demands that it is what algorithm says.
func FromParts(algorithm capture.Template, parts [][]byte) (Template, error) {
	var t Template
	switch {
	case len(parts) == 2:
		left, err := iris.ParseBinary(parts[0])
		if err != nil {
			return Template{}, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		right, err := iris.ParseBinary(parts[1])
		if err != nil {
			return Template{}, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		if left.Columns() != right.Columns() {
			return Template{}, fmt.Errorf("%w: eyes of different shape", ErrFormat)
		}
		t = FromIris(iris.Pair{Left: left, Right: right})
	case len(parts) == 1:
		v, err := face.Parse(parts[0])
		if err != nil {
			return Template{}, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		t = FromFace(v)
	}
	if t.modality == "" || t.Algorithm() != algorithm {
		return Template{}, fmt.Errorf("%w: not what the algorithm says", ErrFormat)
	}
	return t, nil
}

// Bytes of MarshalBinary that say what follows.
const (
	version  = 1
	kindIris = 1
	kindFace = 2
)

// MarshalBinary gives u8 1 || u8 kind || parts, kind 1 being both irises and 2
// a face: 4,806 bytes for irises of 200 columns, 130 for a face. It is what the
// issuer seals at rest.
func (t Template) MarshalBinary() ([]byte, error) {
	parts, err := t.Parts()
	if err != nil {
		return nil, err
	}
	kind := byte(kindIris)
	if t.modality == capture.Face {
		kind = kindFace
	}
	out := []byte{version, kind}
	for _, p := range parts {
		out = append(out, p...)
		clear(p)
	}
	return out, nil
}

// Kept gives the modality of what MarshalBinary wrote, "" for anything else. It
// looks at the kind alone.
func Kept(b []byte) capture.Modality {
	switch {
	case len(b) < 2 || b[0] != version:
	case b[1] == kindIris:
		return capture.Iris
	case b[1] == kindFace:
		return capture.Face
	}
	return ""
}

// Parse reads what MarshalBinary wrote, and nothing else. It checks form; Check
// and the Matcher check quality.
func Parse(b []byte) (Template, error) {
	if len(b) < 2 || b[0] != version {
		return Template{}, fmt.Errorf("%w: version", ErrFormat)
	}
	rest := b[2:]
	switch {
	case b[1] == kindFace:
		return FromParts(capture.Template{Algorithm: capture.AlgFace128, Version: 1}, [][]byte{rest})
	case b[1] == kindIris && len(rest)%2 == 0:
		algorithm := capture.Template{Algorithm: capture.AlgIris200, Version: 1}
		if len(rest) == 2*(2+12*256) {
			algorithm.Algorithm = capture.AlgIris256
		}
		return FromParts(algorithm, [][]byte{rest[:len(rest)/2], rest[len(rest)/2:]})
	}
	return Template{}, fmt.Errorf("%w: kind", ErrFormat)
}

// Fill writes the template's modality, algorithm, mask counts and its payload
// for the one party of the plain matcher into a capture request.
func (t Template) Fill(q *capture.CaptureRequest) error {
	parts, err := t.Parts()
	if err != nil {
		return err
	}
	q.Modality, q.Template, q.Payloads = t.modality, t.Algorithm(), [][][]byte{parts}
	q.Quality.MaskLeft, q.Quality.MaskRight = uint32(t.pair.Left.MaskBits()), uint32(t.pair.Right.MaskBits())
	return nil
}

// Open opens the template that an envelope carries for the plain matcher: one
// party, the operator. The envelope must have been verified. The template is
// checked for form, for the modality and algorithm that the envelope states,
// and for quality.
func Open(operator *share.PrivateKey, e *capture.Envelope) (Template, error) {
	if len(e.Shares) != 1 || len(e.Shares[0]) != e.Modality.Eyes() {
		return Template{}, fmt.Errorf("%w: not sealed to one party", ErrFormat)
	}
	parts := make([][]byte, 0, 2)
	defer func() {
		for _, p := range parts {
			clear(p)
		}
	}()
	for eye, s := range e.Shares[0] {
		p, err := share.Open(operator, share.Context{
			Audience: e.Audience, Nonce: e.Nonce, Device: e.DeviceID, Party: 0, Eye: uint8(eye),
			IdentityCommitment: e.IdentityCommitment,
		}, s.Sealed, s.Commitment)
		if err != nil {
			return Template{}, fmt.Errorf("match: %w", err)
		}
		parts = append(parts, p)
	}
	t, err := FromParts(e.Template, parts)
	if err != nil {
		return Template{}, err
	}
	if t.modality != e.Modality {
		return Template{}, fmt.Errorf("%w: not the modality of the envelope", ErrFormat)
	}
	if err := t.Check(); err != nil {
		return Template{}, err
	}
	return t, nil
}
