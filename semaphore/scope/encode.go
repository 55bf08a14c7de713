package scope

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// Domain strings, one an encoding.
const (
	domainScope     = "perhuman/scope/1"
	domainContent   = "perhuman/content/1"
	domainMessage   = "perhuman/message/1"
	domainChallenge = "perhuman/challenge/1"
	domainReceipt   = "perhuman/receipt/1"
	domainKeyID     = "perhuman/kid/1"
	domainEnrol     = "perhuman/enrol/1"
	domainRekey     = "perhuman/rekey/1"
	domainVeto      = "perhuman/veto/1"
	domainDelete    = "perhuman/delete/1"
	domainSalt      = "perhuman/salt/1"
	domainBiometric = "perhuman/biometric/1"
)

// Refusals. Each wraps the detail in its text; none holds a secret.
var (
	ErrRP        = errors.New("scope: not a relying party")
	ErrOrigin    = errors.New("scope: not an acceptable origin")
	ErrAction    = errors.New("scope: not an action name")
	ErrPolicy    = errors.New("scope: not a usable policy")
	ErrSlot      = errors.New("scope: slot out of range")
	ErrKind      = errors.New("scope: not a content kind")
	ErrEncoding  = errors.New("scope: not in canonical form")
	ErrChallenge = errors.New("scope: not a challenge")
	ErrSignature = errors.New("scope: signature does not verify")
	ErrPost      = errors.New("scope: not a canonical post")
	ErrGrant     = errors.New("scope: not a canonical grant")
	ErrVote      = errors.New("scope: not a canonical vote")
)

// Digest is a SHA-256 hash, or 32 zero bytes for "nothing".
type Digest [32]byte

// IsZero reports whether d stands for "nothing".
func (d Digest) IsZero() bool { return d == Digest{} }

// HashString is SHA-256 of s, or zeros for the empty string: the form in which
// a challenge carries its relying party, action, origin and session.
func HashString(s string) Digest {
	if s == "" {
		return Digest{}
	}
	return sha256.Sum256([]byte(s))
}

// appendLP appends a u16 length and then s, which must be shorter than 2^16.
func appendLP(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// EncodeToken writes b as base64url without padding, the form of every binary
// value on the wire.
func EncodeToken(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// DecodeToken reads what EncodeToken writes and nothing else: no padding, no
// line breaks, no spare bits.
func DecodeToken(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || EncodeToken(b) != s { // the decoder skips line breaks
		return nil, fmt.Errorf("%w: base64url without padding expected", ErrEncoding)
	}
	return b, nil
}
