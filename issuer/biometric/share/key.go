package share

import (
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Refusals of this package.
var (
	// ErrKey: text or bytes that are not a party key.
	ErrKey = errors.New("share: not a party key")
	// ErrOpen: not sealed to this key for this context, or changed on the way.
	// It never says which.
	ErrOpen = errors.New("share: cannot be opened")
	// ErrContext: a context with an empty or over-long name.
	ErrContext = errors.New("share: bad context")
	// ErrSize: a payload over MaxPayload or empty.
	ErrSize = errors.New("share: payload size")
	// ErrWiped: the key has been wiped.
	ErrWiped = errors.New("share: key has been wiped")
)

const (
	privatePrefix = "perhuman-party-secret-1:"
	publicPrefix  = "perhuman-party-1:"
)

// PublicKey is a party's X25519 public key. Its text form is
// "perhuman-party-1:" and 43 characters of base64url.
type PublicKey [32]byte

// PrivateKey is a party's X25519 private key. Its String and every format verb
// hide it; Text writes it out on purpose.
type PrivateKey struct {
	b     [32]byte
	pub   PublicKey
	opens hpke.PrivateKey // made once: half of what an Open would cost
	wiped bool
}

// GenerateKey takes 32 bytes from rand.
func GenerateKey(rand io.Reader) (*PrivateKey, error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return nil, fmt.Errorf("share: generate key: %w", err)
	}
	defer clear(b[:])
	return NewPrivateKey(b)
}

// NewPrivateKey takes the 32 bytes of an X25519 scalar.
func NewPrivateKey(b [32]byte) (*PrivateKey, error) {
	k, err := ecdh.X25519().NewPrivateKey(b[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if b == [32]byte{} {
		return nil, ErrKey
	}
	opens, err := hpke.NewDHKEMPrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return &PrivateKey{b: b, pub: PublicKey(k.PublicKey().Bytes()), opens: opens}, nil
}

// ParsePrivateKey reads what Text wrote: one line, a final newline is allowed.
func ParsePrivateKey(text string) (*PrivateKey, error) {
	b, err := parse(strings.TrimSuffix(text, "\n"), privatePrefix)
	if err != nil {
		return nil, err
	}
	defer clear(b[:])
	return NewPrivateKey(b)
}

// ParsePublicKey reads what PublicKey.String wrote.
func ParsePublicKey(text string) (PublicKey, error) {
	b, err := parse(text, publicPrefix)
	if err != nil {
		return PublicKey{}, err
	}
	if b == [32]byte{} {
		return PublicKey{}, ErrKey
	}
	return b, nil
}

func parse(text, prefix string) (b [32]byte, err error) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok || len(rest) != 43 || strings.ContainsAny(rest, "\r\n") {
		return b, ErrKey
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil || len(raw) != 32 {
		return b, ErrKey
	}
	copy(b[:], raw)
	clear(raw)
	return b, nil
}

// Public gives the key to seal to.
func (k *PrivateKey) Public() PublicKey { return k.pub }

// Text writes the secret out, with a final newline, for a file of mode 0600.
func (k *PrivateKey) Text() []byte {
	out := base64.RawURLEncoding.AppendEncode([]byte(privatePrefix), k.b[:])
	return append(out, '\n')
}

// Wipe overwrites the secret. Every later Open gives ErrWiped. Copies that the
// runtime or crypto/hpke made are out of reach, and let go.
func (k *PrivateKey) Wipe() {
	clear(k.b[:])
	k.opens = nil
	k.wiped = true
}

// String names the key without giving it away.
func (k PrivateKey) String() string { return "party secret of " + k.pub.String() }

// GoString is String, so that %#v does not print the secret either.
func (k PrivateKey) GoString() string { return k.String() }

// Format makes every verb print String.
func (k PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// String gives the text form.
func (p PublicKey) String() string {
	return publicPrefix + base64.RawURLEncoding.EncodeToString(p[:])
}
