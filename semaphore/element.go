package semaphore

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"golang.org/x/crypto/sha3"

	"github.com/perhuman/perhuman/semaphore/internal/poseidon"
)

// Element is an element of the BN254 scalar field Fr, big-endian and always
// less than r. It is the only form of roots, commitments and nullifiers, also
// in database keys. The parsers of this package never make one of r or above;
// code that fills the array by hand must not either.
type Element [32]byte

// Uint256 is an unhashed scope or message as proofs carry it, big-endian.
// Values of r and above are fine: they are hashed before they enter the field.
type Uint256 [32]byte

// Refusals of the parsers in this package.
var (
	// ErrNotCanonical: a value that is not written the one way we accept.
	ErrNotCanonical = errors.New("semaphore: not in canonical form")
	// ErrRange: a number outside its field.
	ErrRange = errors.New("semaphore: number is out of range")
)

// ParseElement reads canonical decimal: digits only, no sign, no space, no
// leading zero, less than r.
func ParseElement(s string) (Element, error) {
	return parseElement(s)
}

func parseElement[T string | []byte](s T) (Element, error) {
	u, err := parseDecimal(s)
	if err != nil {
		return Element{}, err
	}
	return ElementFromBytes(u[:])
}

// ParseElementHex reads "0x" and exactly 64 lower-case hexadecimal digits, the
// form that Hex writes, less than r.
func ParseElementHex(s string) (Element, error) {
	if len(s) != 66 || s[:2] != "0x" {
		return Element{}, ErrNotCanonical
	}
	b, err := hex.DecodeString(s[2:])
	if err != nil || hex.EncodeToString(b) != s[2:] {
		return Element{}, ErrNotCanonical
	}
	return ElementFromBytes(b)
}

// ElementFromBytes reads exactly 32 big-endian bytes and refuses r and above.
func ElementFromBytes(b []byte) (Element, error) {
	if len(b) != 32 {
		return Element{}, fmt.Errorf("%w: %d bytes, want 32", ErrNotCanonical, len(b))
	}
	e := Element(b)
	if !e.valid() {
		return Element{}, ErrRange
	}
	return e, nil
}

// valid reports whether e is below r.
func (e Element) valid() bool { return string(e[:]) < modulus }

// modulus is r, big-endian.
const modulus = "\x30\x64\x4e\x72\xe1\x31\xa0\x29\xb8\x50\x45\xb6\x81\x81\x58\x5d\x28\x33\xe8\x48\x79\xb9\x70\x91\x43\xe1\xf5\x93\xf0\x00\x00\x01"

// fr gives the value for arithmetic.
func (e Element) fr() (x fr.Element) {
	x.SetBytes(e[:])
	return x
}

func fromFr(x *fr.Element) Element { return x.Bytes() }

// String gives canonical decimal.
func (e Element) String() string { return string(appendDecimal(nil, e)) }

// Hex gives "0x" and 64 lower-case digits.
func (e Element) Hex() string { return "0x" + hex.EncodeToString(e[:]) }

// IsZero reports whether e is 0.
func (e Element) IsZero() bool { return e == Element{} }

// MarshalText writes canonical decimal, so that JSON holds a decimal string.
func (e Element) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText is ParseElement.
func (e *Element) UnmarshalText(text []byte) (err error) {
	*e, err = parseElement(text)
	return err
}

// UnmarshalJSON reads a JSON string of canonical decimal, written without
// escapes. null, which encoding/json would skip, is refused.
func (e *Element) UnmarshalJSON(b []byte) error {
	text, err := plainString(b)
	if err != nil {
		return err
	}
	return e.UnmarshalText(text)
}

func plainString(b []byte) ([]byte, error) {
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return nil, fmt.Errorf("%w: want a decimal string", ErrNotCanonical)
	}
	return b[1 : len(b)-1], nil
}

// ParseUint256 reads canonical decimal below 2^256.
func ParseUint256(s string) (Uint256, error) { return parseDecimal(s) }

// String gives canonical decimal.
func (u Uint256) String() string { return string(appendDecimal(nil, u)) }

// MarshalText writes canonical decimal, so that JSON holds a decimal string.
func (u Uint256) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText is ParseUint256.
func (u *Uint256) UnmarshalText(text []byte) (err error) {
	*u, err = parseDecimal(text)
	return err
}

// UnmarshalJSON reads a JSON string of canonical decimal, like Element's.
func (u *Uint256) UnmarshalJSON(b []byte) error {
	text, err := plainString(b)
	if err != nil {
		return err
	}
	return u.UnmarshalText(text)
}

// Hash maps a message or scope into the field as the protocol does: keccak256
// of the 32 bytes, shifted right by 8 bits.
func (u Uint256) Hash() Element {
	var e Element
	h := sha3.NewLegacyKeccak256()
	h.Write(u[:]) // a hash never returns an error
	var sum [32]byte
	h.Sum(sum[:0])
	copy(e[1:], sum[:31])
	return e
}

// Hash2 is Poseidon of two elements: a tree node, a commitment, a nullifier.
func Hash2(left, right Element) Element {
	l, r := left.fr(), right.fr()
	h := poseidon.Hash2(&l, &r)
	return fromFr(&h)
}
