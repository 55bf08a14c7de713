package capture

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
)

// ParseRoot reads CLASS=KEY: a device class, and base64url without padding of an
// Ed25519 key of 32 bytes or a compressed P-256 point of 33.
func ParseRoot(text string) (Root, error) {
	class, key, ok := strings.Cut(text, "=")
	b, err := base64.RawURLEncoding.Strict().DecodeString(key)
	if !ok || class == "" || !plain(class, maxName) || err != nil {
		return Root{}, fmt.Errorf("%w: device root %q is not CLASS=KEY", ErrMalformed, text)
	}
	root := Root{Class: class, Key: PublicKey{Ed25519, string(b)}}
	switch len(b) {
	case ed25519.PublicKeySize:
	case 33:
		root.Key.Alg = P256
	default:
		return Root{}, fmt.Errorf("%w: device root %q: a key has 32 or 33 bytes", ErrMalformed, text)
	}
	if err := root.Key.validate(); err != nil {
		return Root{}, fmt.Errorf("device root %q: %w", text, err)
	}
	return root, nil
}

// String gives what ParseRoot reads.
func (r Root) String() string {
	return r.Class + "=" + base64.RawURLEncoding.EncodeToString([]byte(r.Key.Key))
}
