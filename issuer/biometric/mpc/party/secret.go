package party

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
	"github.com/perhuman/perhuman/issuer/biometric/share"
)

const secretPrefix = "perhuman-party-root-1:"

// Keys are a party's: one to prove who it is, one to which devices seal, one that
// signs receipts. All come from one secret of 32 bytes.
type Keys struct {
	Link    ed25519.PrivateKey
	Seal    *share.PrivateKey
	Receipt ed25519.PrivateKey
}

// NewSecret draws a secret and gives its one line, for a file of mode 0600.
func NewSecret(rand io.Reader) (line string, err error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("party: secret: %w", err)
	}
	defer clear(b[:])
	return secretPrefix + base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// ParseSecret derives the keys from what NewSecret gave: HKDF-SHA-256 without a
// salt, info "perhuman/party/1 link", "… seal" and "… receipt", 32 bytes each.
func ParseSecret(line string) (*Keys, error) {
	text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), secretPrefix)
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if !ok || err != nil || len(b) != 32 || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%w: not a party's secret", ErrFolder)
	}
	defer clear(b)
	derive := func(purpose string) ([]byte, error) {
		return hkdf.Key(sha256.New, b, nil, "perhuman/party/1 "+purpose, 32)
	}
	k := &Keys{}
	for _, key := range []struct {
		purpose string
		to      *ed25519.PrivateKey
	}{{"link", &k.Link}, {"receipt", &k.Receipt}} {
		seed, err := derive(key.purpose)
		if err != nil {
			return nil, fmt.Errorf("party: secret: %w", err)
		}
		*key.to = ed25519.NewKeyFromSeed(seed)
		clear(seed)
	}
	seal, err := derive("seal")
	if err != nil {
		return nil, fmt.Errorf("party: secret: %w", err)
	}
	defer clear(seal)
	k.Seal, err = share.NewPrivateKey([32]byte(seal))
	return k, err
}

// Public gives what the other two, the issuer and the devices need.
func (k *Keys) Public(address string) Member {
	return Member{Address: address, Link: wire.PinOf(k.Link).String(), Seal: k.Seal.Public().String(),
		Receipt: base64.RawURLEncoding.EncodeToString(k.Receipt.Public().(ed25519.PublicKey))}
}
