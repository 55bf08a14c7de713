package setup

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/blake2b"
)

var (
	// ErrPin: the bytes are not those that the pin names.
	ErrPin = errors.New("setup: the file is not the pinned one")
	// ErrPinSyntax: a text that is no pin, or none at all.
	ErrPinSyntax = errors.New("setup: a pin has 64 (SHA-256) or 128 (BLAKE2b-512) hexadecimal digits")
)

// Pin names a file by its digest: SHA-256 or BLAKE2b-512. The zero Pin matches
// nothing.
type Pin struct{ digest string }

// ParsePin reads 64 hexadecimal digits of SHA-256 or 128 of BLAKE2b-512.
func ParsePin(text string) (Pin, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != sha256.Size && len(b) != blake2b.Size {
		return Pin{}, ErrPinSyntax
	}
	return Pin{string(b)}, nil
}

// String gives the digits.
func (p Pin) String() string { return hex.EncodeToString([]byte(p.digest)) }

// hasher gives the function whose sum the pin holds.
func (p Pin) hasher() (hash.Hash, error) {
	switch len(p.digest) {
	case sha256.Size:
		return sha256.New(), nil
	case blake2b.Size:
		return blake2b.New512(nil)
	}
	return nil, ErrPinSyntax
}

func (p Pin) check(h hash.Hash) error {
	sum := h.Sum(nil)
	if subtle.ConstantTimeCompare(sum, []byte(p.digest)) != 1 {
		return fmt.Errorf("%w: it is %x", ErrPin, sum)
	}
	return nil
}
