package iris

import (
	"encoding/json"
	"fmt"
	"io"
)

// MaxLabel is the longest name of a person in a Labelled capture, in bytes.
const MaxLabel = 128

// Labelled is a two-eye file that says whose eyes they are: Person's fields and
// "person", any name that is the same for all captures of one person. It is what
// matching is evaluated on (package report).
type Labelled struct {
	Label string
	Person
}

// ParseLabelled reads one, as strictly as ParsePerson.
func ParseLabelled(data []byte) (Labelled, error) {
	f, err := flat(data, "person", "IRIS_version", "left_iris_code", "left_mask_code", "right_iris_code", "right_mask_code")
	if err != nil {
		return Labelled{}, err
	}
	if f[0] == "" || len(f[0]) > MaxLabel {
		return Labelled{}, fmt.Errorf("%w: person", ErrFormat)
	}
	p, err := pairOf(f[1:])
	if err != nil {
		return Labelled{}, err
	}
	return Labelled{f[0], p}, nil
}

// MarshalJSON gives the form that ParseLabelled reads.
func (l Labelled) MarshalJSON() ([]byte, error) {
	label, err := json.Marshal(l.Label)
	if err != nil {
		return nil, fmt.Errorf("iris: person: %w", err)
	}
	rest, err := l.Person.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return append(append(append([]byte(`{"person":`), label...), ','), rest[1:]...), nil
}

// ReadLabelled reads ndjson, one capture a line, like ReadEyes.
func ReadLabelled(r io.Reader, f func(Labelled) error) error { return lines(r, ParseLabelled, f) }
