package iris

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// MaxJSON is the longest JSON template in bytes that is read: two eyes of 1,024
// columns with room.
const MaxJSON = 64 << 10

// Eye is one template of the JSON form
// {"iris_codes", "mask_codes", "iris_code_version"}: base64 of numpy-packbits
// bytes.
type Eye struct {
	Version  string
	Template Template
}

// Person is the two-eye file {"IRIS_version", "left_iris_code",
// "left_mask_code", "right_iris_code", "right_mask_code"}.
type Person struct {
	Version string
	Pair    Pair
}

// ParseEye reads one template. Unknown, repeated and missing fields, trailing
// data and base64 with spaces or stray bits are refused.
func ParseEye(data []byte) (Eye, error) {
	f, err := flat(data, "iris_codes", "mask_codes", "iris_code_version")
	if err != nil {
		return Eye{}, err
	}
	t, err := fromBase64(f[0], f[1])
	if err != nil {
		return Eye{}, err
	}
	return Eye{f[2], t}, nil
}

// ParsePerson reads a two-eye file, as strictly as ParseEye.
func ParsePerson(data []byte) (Person, error) {
	f, err := flat(data, "IRIS_version", "left_iris_code", "left_mask_code", "right_iris_code", "right_mask_code")
	if err != nil {
		return Person{}, err
	}
	return pairOf(f)
}

// pairOf reads the values of a two-eye file.
func pairOf(f []string) (Person, error) {
	left, err := fromBase64(f[1], f[2])
	if err != nil {
		return Person{}, err
	}
	right, err := fromBase64(f[3], f[4])
	if err != nil {
		return Person{}, err
	}
	if left.cols != right.cols {
		return Person{}, ErrColumns
	}
	return Person{f[0], Pair{left, right}}, nil
}

// MarshalJSON gives the form that ParseEye reads.
func (e Eye) MarshalJSON() ([]byte, error) {
	if !ValidColumns(e.Template.cols) {
		return nil, ErrColumns
	}
	code, mask := toBase64(e.Template)
	return json.Marshal(struct {
		Code    string `json:"iris_codes"`
		Mask    string `json:"mask_codes"`
		Version string `json:"iris_code_version"`
	}{code, mask, e.Version})
}

// MarshalJSON gives the form that ParsePerson reads.
func (p Person) MarshalJSON() ([]byte, error) {
	if !ValidColumns(p.Pair.Left.cols) || p.Pair.Left.cols != p.Pair.Right.cols {
		return nil, ErrColumns
	}
	lc, lm := toBase64(p.Pair.Left)
	rc, rm := toBase64(p.Pair.Right)
	return json.Marshal(struct {
		Version   string `json:"IRIS_version"`
		LeftCode  string `json:"left_iris_code"`
		LeftMask  string `json:"left_mask_code"`
		RightCode string `json:"right_iris_code"`
		RightMask string `json:"right_mask_code"`
	}{p.Version, lc, lm, rc, rm})
}

// ReadEyes reads ndjson, one template a line, and calls f with each until f or
// the input gives an error. An error names the line.
func ReadEyes(r io.Reader, f func(Eye) error) error { return lines(r, ParseEye, f) }

func lines[T any](r io.Reader, parse func([]byte) (T, error), f func(T) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 8<<10), MaxJSON)
	line := 0
	for s.Scan() {
		line++
		v, err := parse(s.Bytes())
		if err == nil {
			err = f(v)
		}
		if err != nil {
			return fmt.Errorf("iris: line %d: %w", line, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("iris: line %d: %w", line+1, err)
	}
	return nil
}

// WriteEyes writes ndjson.
func WriteEyes(w io.Writer, eyes ...Eye) error {
	for _, e := range eyes {
		b, err := e.MarshalJSON()
		if err != nil {
			return err
		}
		if _, err := w.Write(append(b, '\n')); err != nil {
			return fmt.Errorf("iris: write: %w", err)
		}
	}
	return nil
}

func toBase64(t Template) (code, mask string) {
	c, m := t.Flat()
	return base64.StdEncoding.EncodeToString(c), base64.StdEncoding.EncodeToString(m)
}

// fromBase64 learns the columns from the length.
func fromBase64(code, mask string) (Template, error) {
	c, err := strictBase64(code)
	if err != nil {
		return Template{}, err
	}
	m, err := strictBase64(mask)
	if err != nil {
		return Template{}, err
	}
	if len(c)%(ColumnBits/8) != 0 {
		return Template{}, ErrColumns
	}
	return FromFlat(len(c)/(ColumnBits/8), c, m)
}

func strictBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	// The decoder skips line breaks; there is one encoding, without them.
	if err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(s) {
		return nil, fmt.Errorf("%w: base64", ErrFormat)
	}
	return b, nil
}

// flat reads a JSON object that has exactly these fields, all strings, and
// gives their values in the order of names.
func flat(data []byte, names ...string) ([]string, error) {
	bad := func(what string) ([]string, error) { return nil, fmt.Errorf("%w: %s", ErrFormat, what) }
	if len(data) > MaxJSON || !utf8.Valid(data) {
		return bad("JSON")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return bad("JSON")
	}
	values, seen := make([]string, len(names)), 0
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return bad("JSON")
		}
		value, err := d.Token()
		text, ok := value.(string)
		if err != nil || !ok {
			return bad("JSON")
		}
		at := -1
		for i, n := range names {
			if key == n {
				at = i
			}
		}
		if at < 0 || seen>>at&1 == 1 {
			return bad("unknown or repeated field")
		}
		seen |= 1 << at
		values[at] = text
	}
	if _, err := d.Token(); err != nil {
		return bad("JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return bad("trailing data")
	}
	if seen != 1<<len(names)-1 {
		return bad("missing field")
	}
	return values, nil
}
