package scope

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"
)

// How long a challenge lives, and how far two clocks may disagree.
const (
	ChallengeTTL = 300 * time.Second
	Skew         = 30 * time.Second
)

// ChallengeSize is the length of a token in bytes.
const ChallengeSize = challengeBody + ed25519.SignatureSize

const (
	challengeVersion = 0x01
	challengeBody    = 1 + 8 + 6*32 + 2*8
)

// KeyID names one of a relying party's signing keys: the first 8 bytes of
// SHA-256("perhuman/kid/1" || public key).
type KeyID [8]byte

// IDOf gives the name of a key.
func IDOf(pub ed25519.PublicKey) KeyID {
	sum := sha256.Sum256(append([]byte(domainKeyID), pub...))
	return KeyID(sum[:8])
}

// Challenge is a verifier's request for one proof. RP, Action, Origin and
// Session are hashes (HashString), Issued and Expires seconds since 1970.
type Challenge struct {
	KeyID                                KeyID
	Nonce                                [32]byte
	RP, Action, Origin, Session, Content Digest
	Issued, Expires                      uint64
}

// ChallengeParams says what a challenge asks for. Session and Content may be
// empty; TTL 0 is ChallengeTTL.
type ChallengeParams struct {
	RP, Action, Origin, Session string
	Content                     Digest
	Now                         time.Time
	TTL                         time.Duration
}

// NewChallenge draws a nonce from rand and fills in the rest.
func NewChallenge(rand io.Reader, p ChallengeParams) (Challenge, error) {
	if err := ValidateRP(p.RP); err != nil {
		return Challenge{}, err
	}
	if err := ValidateAction(p.Action); err != nil {
		return Challenge{}, err
	}
	if p.TTL == 0 {
		p.TTL = ChallengeTTL
	}
	now := p.Now.Unix()
	if now < 0 || p.TTL < time.Second {
		return Challenge{}, fmt.Errorf("%w: time or lifetime out of range", ErrChallenge)
	}
	c := Challenge{
		RP: HashString(p.RP), Action: HashString(p.Action),
		Origin: HashString(p.Origin), Session: HashString(p.Session),
		Content: p.Content, Issued: uint64(now), Expires: uint64(now) + uint64(p.TTL/time.Second),
	}
	if _, err := io.ReadFull(rand, c.Nonce[:]); err != nil {
		return Challenge{}, fmt.Errorf("scope: no randomness for a nonce: %w", err)
	}
	return c, nil
}

// Sign sets the key id and returns the token: body and signature, 281 bytes.
func (c Challenge) Sign(key ed25519.PrivateKey) []byte {
	c.KeyID = IDOf(key.Public().(ed25519.PublicKey))
	b := append(make([]byte, 0, ChallengeSize), challengeVersion)
	b = append(b, c.KeyID[:]...)
	b = append(b, c.Nonce[:]...)
	for _, d := range []Digest{c.RP, c.Action, c.Origin, c.Session, c.Content} {
		b = append(b, d[:]...)
	}
	b = binary.BigEndian.AppendUint64(b, c.Issued)
	b = binary.BigEndian.AppendUint64(b, c.Expires)
	return append(b, ed25519.Sign(key, append([]byte(domainChallenge), b...))...)
}

// ParseChallenge reads a token without checking its signature: for a wallet
// that has not been given the relying party's keys.
func ParseChallenge(token []byte) (Challenge, error) {
	var c Challenge
	if len(token) != ChallengeSize || token[0] != challengeVersion {
		return c, fmt.Errorf("%w: %d bytes of version 1 expected", ErrChallenge, ChallengeSize)
	}
	b := token[1:]
	b = b[copy(c.KeyID[:], b):]
	b = b[copy(c.Nonce[:], b):]
	for _, d := range []*Digest{&c.RP, &c.Action, &c.Origin, &c.Session, &c.Content} {
		b = b[copy(d[:], b):]
	}
	c.Issued, c.Expires = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	if c.Expires <= c.Issued || c.Expires > math.MaxInt64 {
		return Challenge{}, fmt.Errorf("%w: it ends before it starts", ErrChallenge)
	}
	return c, nil
}

// OpenChallenge reads a token and checks its signature under the one of keys
// that it names. Time is the caller's to check, with Live.
func OpenChallenge(token []byte, keys []ed25519.PublicKey) (Challenge, error) {
	c, err := ParseChallenge(token)
	if err != nil {
		return Challenge{}, err
	}
	for _, pub := range keys {
		if len(pub) == ed25519.PublicKeySize && IDOf(pub) == c.KeyID {
			signed := append([]byte(domainChallenge), token[:challengeBody]...)
			if !ed25519.Verify(pub, signed, token[challengeBody:]) {
				return Challenge{}, fmt.Errorf("challenge: %w", ErrSignature)
			}
			return c, nil
		}
	}
	return Challenge{}, fmt.Errorf("challenge: %w: unknown key", ErrSignature)
}

// OpenOwnChallenge is OpenChallenge for whoever holds the keys themselves. It
// signs the body again and compares, in constant time: Ed25519 is deterministic
// (RFC 8032 section 5.1.6), and signing costs half of verifying. A signature
// that would verify and is not the one that the key makes is refused.
func OpenOwnChallenge(token []byte, keys []ed25519.PrivateKey) (Challenge, error) {
	c, err := ParseChallenge(token)
	if err != nil {
		return Challenge{}, err
	}
	for _, key := range keys {
		if len(key) != ed25519.PrivateKeySize || IDOf(key.Public().(ed25519.PublicKey)) != c.KeyID {
			continue
		}
		if subtle.ConstantTimeCompare(c.Sign(key), token) != 1 {
			return Challenge{}, fmt.Errorf("challenge: %w", ErrSignature)
		}
		return c, nil
	}
	return Challenge{}, fmt.Errorf("challenge: %w: unknown key", ErrSignature)
}

// Live reports whether now lies in the challenge's life, give or take Skew.
func (c Challenge) Live(now time.Time) bool {
	skew := int64(Skew / time.Second)
	return now.Unix()+skew >= int64(c.Issued) && now.Unix() < int64(c.Expires)+skew
}
