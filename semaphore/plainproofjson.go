package semaphore

import (
	"encoding/json"
	"fmt"
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
	p := &PlainProof{Siblings: []Element{}}
	j := jsonScanner{rest: data}
	err := j.object(
		jsonField{"root", func() (err error) { p.Root, err = j.element(); return }},
		jsonField{"leaf", func() (err error) { p.Leaf, err = j.element(); return }},
		jsonField{"position", func() error {
			n, err := j.whole()
			if err == nil && uint64(n) > math.MaxUint32 {
				err = ErrRange
			}
			p.Position = uint32(n)
			return err
		}},
		jsonField{"siblings", func() error { return j.list(0, MaxDepth, func(i int) error { return p.slot(&j, i) }) }},
	)
	if err == nil {
		err = j.end()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// slot reads one sibling, null for a lone node.
func (p *PlainProof) slot(j *jsonScanner, level int) error {
	var s Element
	if j.null() {
		p.Lone |= 1 << level
	} else {
		var err error
		if s, err = j.element(); err != nil {
			return err
		}
	}
	p.Siblings = append(p.Siblings, s)
	return nil
}
