package semaphore

import (
	"bytes"
	"errors"
	"strconv"
)

var (
	errLong    = errors.New("too long")
	errSyntax  = errors.New("not JSON as it must be here")
	errField   = errors.New("unknown, repeated or missing field")
	errValue   = errors.New("wrong type of value")
	errTrailer = errors.New("data after the object")
)

// jsonScanner reads the few forms that our JSON is made of: an object whose
// fields are all there once, in any order; lists; strings without escapes; whole
// numbers. encoding/json would match names in any case, take the last of two
// equal names and skip null, and its reader of tokens costs many times as
// much: more than a proof's share of a batch.
type jsonScanner struct{ rest []byte }

// jsonField is a field and what reads its value.
type jsonField struct {
	name string
	read func() error
}

// object reads an object that has exactly these fields.
func (j *jsonScanner) object(fields ...jsonField) error {
	if !j.take('{') {
		return errValue
	}
	seen := uint(0)
	for n := range fields {
		if n > 0 && !j.take(',') {
			return errField
		}
		name, err := j.text()
		if err != nil {
			return err
		}
		i := 0
		for i < len(fields) && fields[i].name != string(name) {
			i++
		}
		if i == len(fields) || seen>>i&1 == 1 {
			return errField
		}
		seen |= 1 << i
		if !j.take(':') {
			return errSyntax
		}
		if err := fields[i].read(); err != nil {
			return err
		}
	}
	if !j.take('}') {
		return errField
	}
	return nil
}

// list reads a list of at least and at most so many elements.
func (j *jsonScanner) list(least, most int, read func(i int) error) error {
	if !j.take('[') {
		return errValue
	}
	for i := 0; ; i++ {
		if j.take(']') {
			if i < least {
				return errValue
			}
			return nil
		}
		if i == most {
			return errLong
		}
		if i > 0 && !j.take(',') {
			return errSyntax
		}
		if err := read(i); err != nil {
			return err
		}
	}
}

// end demands that nothing is left.
func (j *jsonScanner) end() error {
	if j.space(); len(j.rest) > 0 {
		return errTrailer
	}
	return nil
}

func (j *jsonScanner) space() {
	for len(j.rest) > 0 && (j.rest[0] == ' ' || j.rest[0] == '\n' || j.rest[0] == '\t' || j.rest[0] == '\r') {
		j.rest = j.rest[1:]
	}
}

// take skips white space and one byte, if it is the next.
func (j *jsonScanner) take(b byte) bool {
	if j.space(); len(j.rest) == 0 || j.rest[0] != b {
		return false
	}
	j.rest = j.rest[1:]
	return true
}

// null skips a null, if it is the next.
func (j *jsonScanner) null() bool {
	j.space()
	rest, ok := bytes.CutPrefix(j.rest, []byte("null"))
	if ok {
		j.rest = rest
	}
	return ok
}

// text reads a string without escapes: none of ours needs one.
func (j *jsonScanner) text() ([]byte, error) {
	if !j.take('"') {
		return nil, errValue
	}
	for i, b := range j.rest {
		switch {
		case b == '"':
			text := j.rest[:i]
			j.rest = j.rest[i+1:]
			return text, nil
		case b < ' ', b > '~', b == '\\':
			return nil, ErrNotCanonical
		}
	}
	return nil, errSyntax
}

// number reads a string of canonical decimal below 2^256.
func (j *jsonScanner) number() (Uint256, error) {
	text, err := j.text()
	if err != nil {
		return Uint256{}, err
	}
	return parseDecimal(text)
}

// element reads a string of canonical decimal below r.
func (j *jsonScanner) element() (Element, error) {
	text, err := j.text()
	if err != nil {
		return Element{}, err
	}
	return parseElement(text)
}

// whole reads a whole number in its one form, at most ten digits. What follows
// must end it.
func (j *jsonScanner) whole() (int, error) {
	j.space()
	n := 0
	for n < len(j.rest) && n < 10 && j.rest[n]-'0' <= 9 {
		n++
	}
	d, err := strconv.Atoi(string(j.rest[:n]))
	if err != nil || strconv.Itoa(d) != string(j.rest[:n]) {
		return 0, ErrDepth
	}
	j.rest = j.rest[n:]
	return d, nil
}
