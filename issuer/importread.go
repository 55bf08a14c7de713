package issuer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/perhuman/perhuman/semaphore"
)

// ErrImportFile: a file that is neither a list nor an export.
var ErrImportFile = errors.New("issuer: not a list of commitments nor an exported group")

// Refusal is a commitment that an import does not take, and why.
type Refusal struct {
	Unit   string // "line" of a list, "member" of an export
	Number int    // from 1
	Err    error  // ErrZero and the others
	Other  int    // of ErrDuplicate: where it stands first
}

// Error gives for instance "line 7: stands there twice (first in 3)".
func (r Refusal) Error() string {
	s := fmt.Sprintf("%s %d: %v", r.Unit, r.Number, r.Err)
	if r.Other != 0 {
		s += fmt.Sprintf(" (first in %d)", r.Other)
	}
	return s
}

// Unwrap gives the reason.
func (r Refusal) Unwrap() error { return r.Err }

// roll is what was read of a file.
type roll struct {
	unit     string
	members  []semaphore.Element
	at       []int // where each stands
	refused  []Refusal
	removed  int // zeros of an export: members that its owner has removed
	first    map[semaphore.Element]int
	exported bool
}

func (r *roll) take(text string, number int) {
	c, err := parseCommitment(text)
	switch {
	case r.exported && errors.Is(err, ErrZero):
		r.removed++
	case err != nil:
		r.refused = append(r.refused, Refusal{Unit: r.unit, Number: number, Err: err})
	case r.first[c] != 0:
		r.refused = append(r.refused, Refusal{Unit: r.unit, Number: number, Err: ErrDuplicate, Other: r.first[c]})
	default:
		r.first[c] = number
		r.members, r.at = append(r.members, c), append(r.at, number)
	}
}

// readRoll reads, as it comes, one of: the export of an official Group (an array
// of levels, of which only the leaves count: the others follow from them), an
// array of commitments, or a list with a commitment in every line, where empty
// lines and those that begin with # say nothing.
func readRoll(in io.Reader) (*roll, error) {
	r := &roll{unit: "line", first: map[semaphore.Element]int{}}
	b := bufio.NewReaderSize(in, 1<<16)
	for {
		c, err := b.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%w: it is empty", ErrImportFile)
		}
		if err != nil {
			return nil, fmt.Errorf("issuer: import: %w", err)
		}
		if bytes.IndexByte([]byte(" \t\r\n"), c) >= 0 && c != '\n' {
			continue
		}
		if err := b.UnreadByte(); err != nil {
			return nil, fmt.Errorf("issuer: import: %w", err)
		}
		if c == '[' {
			r.unit = "member"
			return r, r.readJSON(b)
		}
		return r, r.readList(b)
	}
}

func (r *roll) readList(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<12)
	for n := 1; lines.Scan(); n++ {
		if text := strings.TrimSpace(lines.Text()); text != "" && text[0] != '#' {
			r.take(text, n)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrImportFile, err)
	}
	return nil
}

func (r *roll) readJSON(in io.Reader) error {
	d := json.NewDecoder(in)
	d.UseNumber()
	depth, levels, n := 0, 0, 0
	for {
		token, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrImportFile, err)
		}
		switch x := token.(type) {
		case json.Delim:
			switch {
			case x == '[' && depth < 2 && (depth == 0 || n == 0 || r.exported):
				if depth++; depth == 2 {
					r.exported = true
					levels++
				}
			case x == ']':
				if depth--; depth == 0 {
					return r.end(d)
				}
			default:
				return fmt.Errorf("%w: arrays of numbers are expected", ErrImportFile)
			}
		case string, json.Number:
			if r.exported && depth == 1 {
				return fmt.Errorf("%w: a number between the levels", ErrImportFile)
			}
			if levels <= 1 {
				n++
				r.take(fmt.Sprint(x), n)
			}
		default:
			return fmt.Errorf("%w: arrays of numbers are expected", ErrImportFile)
		}
	}
}

func (r *roll) end(d *json.Decoder) error {
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the array", ErrImportFile)
	}
	return nil
}
