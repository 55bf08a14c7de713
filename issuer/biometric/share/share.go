package share

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	info    = "perhuman/share/1"
	saltLen = 32
	encLen  = 32
	tagLen  = 16

	// Overhead is how much longer a sealed share is than its payload.
	Overhead = encLen + saltLen + tagLen
	// MaxPayload holds one eye of one party of the three-party matcher: 38,400
	// bytes for 200 columns, 65,536 for 256 with exact thresholds, and room.
	MaxPayload = 68 << 10
)

// Context is the capture that a share belongs to. Eye is 0 for the left, 1 for
// the right; a face is 0.
type Context struct {
	Audience           string
	Nonce              [32]byte
	Device             string
	Party, Eye         uint8
	IdentityCommitment [32]byte
}

// AAD gives the associated data of the package comment.
func (c Context) AAD() ([]byte, error) {
	if c.Audience == "" || len(c.Audience) > 255 || c.Device == "" || len(c.Device) > 255 {
		return nil, ErrContext
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(len(c.Audience)))
	b = append(b, c.Audience...)
	b = append(b, c.Nonce[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.Device)))
	b = append(b, c.Device...)
	b = append(b, c.Party, c.Eye)
	return append(b, c.IdentityCommitment[:]...), nil
}

// Commitment is the hiding commitment to a payload.
func Commitment(salt [32]byte, payload []byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(info))
	h.Write(salt[:])
	h.Write(payload)
	return [32]byte(h.Sum(nil))
}

// Seal seals payload to a party.
func Seal(rand io.Reader, to PublicKey, c Context, payload []byte) (sealed []byte, commitment [32]byte, err error) {
	if len(payload) == 0 || len(payload) > MaxPayload {
		return nil, commitment, ErrSize
	}
	aad, err := c.AAD()
	if err != nil {
		return nil, commitment, err
	}
	plain := make([]byte, saltLen, saltLen+len(payload))
	defer func() { clear(plain[:cap(plain)]) }()
	if _, err := io.ReadFull(rand, plain); err != nil {
		return nil, commitment, fmt.Errorf("share: salt: %w", err)
	}
	plain = append(plain, payload...)
	pub, err := ecdh.X25519().NewPublicKey(to[:])
	if err != nil {
		return nil, commitment, fmt.Errorf("%w: %w", ErrKey, err)
	}
	key, err := hpke.NewDHKEMPublicKey(pub)
	if err != nil {
		return nil, commitment, fmt.Errorf("%w: %w", ErrKey, err)
	}
	enc, sender, err := hpke.NewSender(key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info))
	if err != nil {
		return nil, commitment, fmt.Errorf("%w: %w", ErrKey, err)
	}
	ct, err := sender.Seal(aad, plain)
	if err != nil {
		return nil, commitment, fmt.Errorf("share: seal: %w", err)
	}
	return append(enc, ct...), Commitment([32]byte(plain[:saltLen]), payload), nil
}

// Open opens what was sealed to key for exactly this context, and checks that
// it is what commitment says. The caller wipes the payload (clear) when done.
func Open(key *PrivateKey, c Context, sealed []byte, commitment [32]byte) ([]byte, error) {
	if key.wiped {
		return nil, ErrWiped
	}
	if len(sealed) <= Overhead || len(sealed) > MaxPayload+Overhead {
		return nil, ErrOpen
	}
	aad, err := c.AAD()
	if err != nil {
		return nil, err
	}
	recipient, err := hpke.NewRecipient(sealed[:encLen], key.opens, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(info))
	if err != nil {
		return nil, ErrOpen
	}
	plain, err := recipient.Open(aad, sealed[encLen:])
	if err != nil {
		return nil, ErrOpen
	}
	got := Commitment([32]byte(plain[:saltLen]), plain[saltLen:])
	if subtle.ConstantTimeCompare(got[:], commitment[:]) != 1 {
		clear(plain)
		return nil, ErrOpen
	}
	return plain[saltLen:], nil
}

// To gives a sealer for the parties' keys in party order, in the form that a
// capture device takes.
func To(rand io.Reader, parties ...PublicKey) func(audience string, nonce [32]byte, device string, party, eye uint8, identityCommitment [32]byte, payload []byte) ([]byte, [32]byte, error) {
	return func(audience string, nonce [32]byte, device string, party, eye uint8, identityCommitment [32]byte, payload []byte) ([]byte, [32]byte, error) {
		if int(party) >= len(parties) {
			return nil, [32]byte{}, fmt.Errorf("%w: no key for this party", ErrContext)
		}
		return Seal(rand, parties[party], Context{audience, nonce, device, party, eye, identityCommitment}, payload)
	}
}
