package semaphore

import (
	"fmt"
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

func decodeProof(data []byte) (*Proof, error) {
	if len(data) > maxProofJSON {
		return nil, errLong
	}
	p := new(Proof)
	j := jsonScanner{rest: data}
	err := j.object(
		jsonField{"merkleTreeDepth", func() (err error) { p.MerkleTreeDepth, err = j.whole(); return }},
		jsonField{"merkleTreeRoot", func() (err error) { p.MerkleTreeRoot, err = j.element(); return }},
		jsonField{"nullifier", func() (err error) { p.Nullifier, err = j.element(); return }},
		jsonField{"message", func() (err error) { p.Message, err = j.number(); return }},
		jsonField{"scope", func() (err error) { p.Scope, err = j.number(); return }},
		jsonField{"points", func() error {
			return j.list(len(p.Points), len(p.Points), func(i int) (err error) { p.Points[i], err = j.number(); return })
		}},
	)
	if err != nil {
		return nil, err
	}
	if err := j.end(); err != nil {
		return nil, err
	}
	return p, nil
}
