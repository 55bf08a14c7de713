package setlog

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// GenerateWitnessKey makes a witness's key pair from 32 random bytes, in the
// form of GenerateKey's but of the type for cosignatures. The signer string is
// secret; the verifier string is what goes into policies. The witness may bear
// any name that CosignerVKey takes.
func GenerateWitnessKey(rand io.Reader, name string) (signer, vkey string, err error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return "", "", fmt.Errorf("setlog: random bytes for a key: %w", err)
	}
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if vkey, err = CosignerVKey(name, public); err != nil {
		return "", "", err
	}
	hash := strings.SplitN(vkey, "+", 3)[1]
	secret := base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, seed...))
	return "PRIVATE+KEY+" + name + "+" + hash + "+" + secret, vkey, nil
}

// ParseWitnessKey reads what GenerateWitnessKey made: the signer, which dates
// its signatures by now, and the verifier key. Errors never hold the secret.
func ParseWitnessKey(signer string, now func() time.Time) (s note.Signer, vkey string, err error) {
	bad := fmt.Errorf("%w: not a witness's signer key", ErrKey)
	rest, ok := strings.CutPrefix(signer, "PRIVATE+KEY+")
	parts := strings.SplitN(rest, "+", 3)
	if !ok || len(parts) != 3 {
		return nil, "", bad
	}
	raw, err := decode64(parts[2], 1+ed25519.SeedSize)
	if err != nil || len(raw) != 1+ed25519.SeedSize || raw[0] != algCosignature {
		return nil, "", bad
	}
	key := ed25519.NewKeyFromSeed(raw[1:])
	if vkey, err = CosignerVKey(parts[0], key.Public().(ed25519.PublicKey)); err != nil {
		return nil, "", err
	}
	if strings.SplitN(vkey, "+", 3)[1] != parts[1] {
		return nil, "", bad
	}
	s, err = NewCosigner(parts[0], key, now)
	return s, vkey, err
}
