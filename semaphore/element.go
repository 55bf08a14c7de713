package semaphore

import (
	"errors"
	"math/big"
)

// Element is an element of the BN254 scalar field Fr, big-endian and always
// less than r. It is the only form of roots, commitments and nullifiers, also
// in database keys.
type Element [32]byte

// Uint256 is an unhashed scope or message as proofs carry it, big-endian.
// Values of r and above are fine: they are hashed before they enter the field.
type Uint256 [32]byte

// Refusals of the parsers in this package.
var (
	// ErrNotCanonical: a number that is not written the one way we accept.
	ErrNotCanonical = errors.New("semaphore: number is not in canonical form")
	// ErrRange: a number outside its field.
	ErrRange = errors.New("semaphore: number is out of range")
)

var modulus, _ = new(big.Int).SetString("21888242871839275222246405745257275088548364400416034343698204186575808495617", 10)

// ParseElement reads canonical decimal: digits only, no sign, no space, no
// leading zero, less than r.
func ParseElement(s string) (Element, error) {
	u, err := ParseUint256(s)
	if err != nil {
		return Element{}, err
	}
	return ElementFromBytes(u[:])
}

// ElementFromBytes reads exactly 32 big-endian bytes and refuses r and above.
func ElementFromBytes(b []byte) (Element, error) {
	var e Element
	if len(b) != 32 {
		return e, ErrNotCanonical
	}
	if new(big.Int).SetBytes(b).Cmp(modulus) >= 0 {
		return e, ErrRange
	}
	copy(e[:], b)
	return e, nil
}

// String gives canonical decimal.
func (e Element) String() string { return new(big.Int).SetBytes(e[:]).String() }

// IsZero reports whether e is 0.
func (e Element) IsZero() bool { return e == Element{} }

// ParseUint256 reads canonical decimal below 2^256.
func ParseUint256(s string) (Uint256, error) {
	var u Uint256
	if s == "" || len(s) > 78 || (len(s) > 1 && s[0] == '0') {
		return u, ErrNotCanonical
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return u, ErrNotCanonical
		}
	}
	n, _ := new(big.Int).SetString(s, 10)
	if n.BitLen() > 256 {
		return u, ErrRange
	}
	n.FillBytes(u[:])
	return u, nil
}

// String gives canonical decimal.
func (u Uint256) String() string { return new(big.Int).SetBytes(u[:]).String() }
