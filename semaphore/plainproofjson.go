package semaphore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// maxPlainJSON is more than any plain proof needs: 34 numbers of 77 digits.
const maxPlainJSON = 4096

// MarshalJSON gives the JSON form. It refuses a proof that has none.
func (p PlainProof) MarshalJSON() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	slots := make([]*Element, len(p.Siblings))
	for i := range p.Siblings {
		if p.Lone>>i&1 == 0 {
			slots[i] = &p.Siblings[i]
		}
	}
	return json.Marshal(struct {
		Root     Element    `json:"root"`
		Leaf     Element    `json:"leaf"`
		Position uint32     `json:"position"`
		Siblings []*Element `json:"siblings"`
	}{p.Root, p.Leaf, p.Position, slots})
}

// UnmarshalJSON reads the JSON form as strictly as ParseProof reads a proof. On
// error p is unchanged. It does not hash: call Verify or VerifyAt.
func (p *PlainProof) UnmarshalJSON(data []byte) error {
	q, err := decodePlain(data)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPathSyntax, err)
	}
	*p = *q
	return nil
}

func decodePlain(data []byte) (*PlainProof, error) {
	if len(data) > maxPlainJSON {
		return nil, errLong
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := delim(d, '{'); err != nil {
		return nil, err
	}
	p := &PlainProof{Siblings: []Element{}}
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
		case "root":
			err = d.Decode(&p.Root)
		case "leaf":
			err = d.Decode(&p.Leaf)
		case "position":
			var n int
			if n, err = depth(d); err == nil && (n < 0 || uint64(n) > math.MaxUint32) {
				err = ErrRange
			}
			p.Position = uint32(n)
		case "siblings":
			err = p.slots(d)
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
	if len(seen) != 4 {
		return nil, errField
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errTrailer
	}
	return p, nil
}

// slots reads the siblings, null for a lone node.
func (p *PlainProof) slots(d *json.Decoder) error {
	if err := delim(d, '['); err != nil {
		return err
	}
	for d.More() {
		level := len(p.Siblings)
		if level == MaxDepth {
			return errLong
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		var s Element
		if string(raw) == "null" {
			p.Lone |= 1 << level
		} else if err := s.UnmarshalJSON(raw); err != nil {
			return err
		}
		p.Siblings = append(p.Siblings, s)
	}
	return delim(d, ']')
}
