package semaphore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxProofJSON bounds what the parser looks at; the official form is at most
// about 1.1 KB, and spaces are allowed.
const maxProofJSON = 16 << 10

// MarshalJSON writes the official SemaphoreProof: these fields in this order,
// the depth a number, everything else decimal strings.
func (p *Proof) MarshalJSON() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, 1200), `{"merkleTreeDepth":`...)
	out = strconv.AppendInt(out, int64(p.MerkleTreeDepth), 10)
	field := func(name, value string) {
		out = append(out, `,"`+name+`":"`+value+`"`...)
	}
	field("merkleTreeRoot", p.MerkleTreeRoot.String())
	field("nullifier", p.Nullifier.String())
	field("message", p.Message.String())
	field("scope", p.Scope.String())
	out = append(out, `,"points":[`...)
	for i, x := range p.Points {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `"`+x.String()+`"`...)
	}
	return append(out, "]}"...), nil
}

// ParseProof reads the official JSON, strictly: every field once and no other,
// names in their exact case, canonical numbers in their ranges, exactly eight
// points with coordinates below q on their curves, root not 0, nothing after
// the object. The fields may come in any order.
func ParseProof(data []byte) (*Proof, error) {
	p := new(Proof)
	if err := p.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	return p, nil
}

// UnmarshalJSON is ParseProof. On error p is unchanged.
func (p *Proof) UnmarshalJSON(data []byte) error {
	q, err := decodeProof(data)
	if err == nil {
		err = q.check()
	}
	if err == nil {
		_, err = q.points()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProofSyntax, err)
	}
	*p = *q
	return nil
}

var (
	errLong    = errors.New("too long")
	errField   = errors.New("unknown, repeated or missing field")
	errValue   = errors.New("wrong type of value")
	errTrailer = errors.New("data after the object")
)

// decodeProof walks the tokens: the reflecting decoder would match names in
// any case, take the last of two equal names and skip null.
func decodeProof(data []byte) (*Proof, error) {
	if len(data) > maxProofJSON {
		return nil, errLong
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := delim(d, '{'); err != nil {
		return nil, err
	}
	p := new(Proof)
	seen := map[string]bool{}
	for d.More() {
		name, err := text(d)
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, errField
		}
		seen[name] = true
		switch name {
		case "merkleTreeDepth":
			p.MerkleTreeDepth, err = depth(d)
		case "merkleTreeRoot":
			err = d.Decode(&p.MerkleTreeRoot)
		case "nullifier":
			err = d.Decode(&p.Nullifier)
		case "message":
			err = d.Decode(&p.Message)
		case "scope":
			err = d.Decode(&p.Scope)
		case "points":
			err = eight(d, &p.Points)
		default:
			err = errField
		}
		if err != nil {
			return nil, err
		}
	}
	if err := delim(d, '}'); err != nil {
		return nil, err
	}
	if len(seen) != 6 {
		return nil, errField
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errTrailer
	}
	return p, nil
}

func delim(d *json.Decoder, want json.Delim) error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	if tok != want {
		return errValue
	}
	return nil
}

func text(d *json.Decoder) (string, error) {
	tok, err := d.Token()
	if err != nil {
		return "", err
	}
	s, ok := tok.(string)
	if !ok {
		return "", errValue
	}
	return s, nil
}

func depth(d *json.Decoder) (int, error) {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil || strconv.Itoa(n) != string(raw) {
		return 0, ErrDepth
	}
	return n, nil
}

func eight(d *json.Decoder, points *[8]Uint256) error {
	if err := delim(d, '['); err != nil {
		return err
	}
	for i := range points {
		if !d.More() {
			return errValue
		}
		if err := d.Decode(&points[i]); err != nil {
			return err
		}
	}
	return delim(d, ']')
}
