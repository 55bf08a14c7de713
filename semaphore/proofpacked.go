package semaphore

import (
	"bytes"
	"encoding/base64"
	"fmt"
)

// Sizes of the packed form: bytes, and characters of base64url.
const (
	ProofSize     = 257
	ProofTextSize = 343
)

// MarshalBinary gives the packed form of 257 bytes: depth, root, nullifier,
// message, scope, then A, B and C compressed as gnark-crypto does (spec
// semaphore-v4 section 6). It refuses a proof that no verifier would take.
func (p *Proof) MarshalBinary() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	g, err := p.points()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, ProofSize)
	out = append(out, byte(p.MerkleTreeDepth))
	out = append(out, p.MerkleTreeRoot[:]...)
	out = append(out, p.Nullifier[:]...)
	out = append(out, p.Message[:]...)
	out = append(out, p.Scope[:]...)
	a, b, c := g.a.Bytes(), g.b.Bytes(), g.c.Bytes()
	out = append(out, a[:]...)
	out = append(out, b[:]...)
	return append(out, c[:]...), nil
}

// compressed reports one of the two flags of a compressed finite point, the
// top bits 10 and 11; 00 is uncompressed and 01 infinity.
func compressed(first byte) bool { return first&0x80 != 0 }

// UnmarshalBinary reads what MarshalBinary writes and nothing else; a proof
// has one packed form. On error p is unchanged. It checks that the points are
// on their curves and in their subgroups, not that the proof holds.
func (p *Proof) UnmarshalBinary(data []byte) error {
	if len(data) != ProofSize {
		return fmt.Errorf("%w: %d bytes, want %d", ErrProofSyntax, len(data), ProofSize)
	}
	q := Proof{
		MerkleTreeDepth: int(data[0]),
		MerkleTreeRoot:  Element(data[1:33]),
		Nullifier:       Element(data[33:65]),
		Message:         Uint256(data[65:97]),
		Scope:           Uint256(data[97:129]),
	}
	if err := q.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrProofSyntax, err)
	}
	a, b, c := data[129:161], data[161:225], data[225:257]
	if !compressed(a[0]) || !compressed(b[0]) || !compressed(c[0]) {
		return fmt.Errorf("%w: %w: infinity or not compressed", ErrProofSyntax, ErrPoint)
	}
	var g groth16
	for _, part := range []struct {
		set interface{ SetBytes([]byte) (int, error) }
		in  []byte
	}{{&g.a, a}, {&g.b, b}, {&g.c, c}} {
		if n, err := part.set.SetBytes(part.in); err != nil || n != len(part.in) {
			return fmt.Errorf("%w: %w", ErrProofSyntax, ErrPoint)
		}
	}
	q.Points = g.coordinates()
	// The library reduces some values; one form only.
	if again, err := q.MarshalBinary(); err != nil || !bytes.Equal(again, data) {
		return fmt.Errorf("%w: %w", ErrProofSyntax, ErrNotCanonical)
	}
	*p = q
	return nil
}

// Packed gives the packed form as 343 characters of base64url, no padding.
func (p *Proof) Packed() (string, error) {
	b, err := p.MarshalBinary()
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// ParsePacked reads what Packed writes and nothing else.
func ParsePacked(s string) (*Proof, error) {
	if len(s) != ProofTextSize {
		return nil, fmt.Errorf("%w: %d characters, want %d", ErrProofSyntax, len(s), ProofTextSize)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%w: base64url: %w", ErrProofSyntax, ErrNotCanonical)
	}
	p := new(Proof)
	if err := p.UnmarshalBinary(b); err != nil {
		return nil, err
	}
	return p, nil
}
