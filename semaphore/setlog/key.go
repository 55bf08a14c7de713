package setlog

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// algEd25519 is the first byte of an encoded note key (C2SP signed-note).
const algEd25519 = 0x01

// MaxName is the longest issuer name in bytes.
const MaxName = 255

// GenerateKey makes an issuer's key pair from 32 random bytes. The signer
// string ("PRIVATE+KEY+name+hash+seed") is secret; the verifier string
// ("name+hash+key") is how everybody pins the issuer. name is the issuer's
// address without a scheme, host or host/path in lower case: it says where the
// log is served and is the origin line of its checkpoints.
func GenerateKey(rand io.Reader, name string) (signer, vkey string, err error) {
	if err := ValidateName(name); err != nil {
		return "", "", err
	}
	// Not note.GenerateKey: which readers crypto/ed25519 honours depends on the
	// Go version, and tests need fixed keys.
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return "", "", fmt.Errorf("setlog: random bytes for a key: %w", err)
	}
	pub := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	vkey, err = note.NewEd25519VerifierKey(name, pub)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	hash := strings.SplitN(vkey, "+", 3)[1]
	secret := base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, seed...))
	return "PRIVATE+KEY+" + name + "+" + hash + "+" + secret, vkey, nil
}

// ParseVKey reads a verifier key "name+hash+key" in its one canonical form.
func ParseVKey(vkey string) (note.Verifier, error) {
	v, _, err := parseVKey(vkey)
	return v, err
}

// PublicKey gives the Ed25519 key inside a verifier key.
func PublicKey(vkey string) (ed25519.PublicKey, error) {
	_, pub, err := parseVKey(vkey)
	return pub, err
}

func parseVKey(vkey string) (note.Verifier, ed25519.PublicKey, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 || len(vkey) > MaxName+60 {
		return nil, nil, fmt.Errorf("%w: want name+hash+key", ErrKey)
	}
	if err := ValidateName(parts[0]); err != nil {
		return nil, nil, err
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize {
		return nil, nil, fmt.Errorf("%w: key bytes", ErrKey)
	}
	pub := ed25519.PublicKey(key[1:])
	if canonical, err := note.NewEd25519VerifierKey(parts[0], pub); err != nil || canonical != vkey {
		return nil, nil, fmt.Errorf("%w: not in canonical form", ErrKey)
	}
	return v, pub, nil
}

// ValidateName refuses what cannot be an issuer's name: it must read as
// host[:port][/path] in lower-case ASCII, without empty, "." or ".." parts.
func ValidateName(name string) error {
	if name == "" || len(name) > MaxName {
		return fmt.Errorf("%w: name length", ErrKey)
	}
	for i, part := range strings.Split(name, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%w: empty or relative part in name", ErrKey)
		}
		for _, c := range []byte(part) {
			switch {
			case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '.':
			case c == '_' && i > 0:
			case c == ':' && i == 0:
			default:
				return fmt.Errorf("%w: character in name", ErrKey)
			}
		}
		if i == 0 {
			host, port, hasPort := strings.Cut(part, ":")
			if host == "" || strings.HasPrefix(host, ".") || strings.HasSuffix(host, ".") || strings.Contains(host, "..") {
				return fmt.Errorf("%w: host in name", ErrKey)
			}
			if hasPort {
				if n, err := parseNumber(port, 65535); err != nil || n == 0 {
					return fmt.Errorf("%w: port in name", ErrKey)
				}
			}
		}
	}
	return nil
}
