package capture

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// Alg is a signature algorithm of device and authority keys.
type Alg uint8

// The two algorithms of the format. P-256 is what most secure elements speak.
const (
	Ed25519 Alg = 1 // 32-byte keys, 64-byte signatures (RFC 8032)
	P256    Alg = 2 // 33-byte compressed points, 64-byte r || s with s <= n/2, over SHA-256
)

// PublicKey is a device's or an authority's verification key.
type PublicKey struct {
	Alg Alg
	Key string // raw bytes; a string makes keys comparable and usable as map keys
}

// KeyID is SHA-256 over "perhuman/capture-key/1", the algorithm and the key.
type KeyID [32]byte

// ID names the key, for revocation lists and logs.
func (k PublicKey) ID() KeyID {
	h := sha256.New()
	h.Write([]byte("perhuman/capture-key/1"))
	h.Write([]byte{byte(k.Alg)})
	h.Write([]byte(k.Key))
	return KeyID(h.Sum(nil))
}

// PublicKeyOf gives the verification key of an Ed25519 or P-256 signer.
func PublicKeyOf(s crypto.Signer) (PublicKey, error) {
	switch pub := s.Public().(type) {
	case ed25519.PublicKey:
		return PublicKey{Ed25519, string(pub)}, nil
	case *ecdsa.PublicKey:
		if pub.Curve == elliptic.P256() {
			point, err := pub.Bytes()
			if err != nil {
				return PublicKey{}, fmt.Errorf("capture: %w", err)
			}
			// 0x04 || x || y to 0x02/0x03 || x.
			return PublicKey{P256, string(append([]byte{2 + point[64]&1}, point[1:33]...))}, nil
		}
	}
	return PublicKey{}, fmt.Errorf("capture: signer is neither Ed25519 nor P-256")
}

// validate refuses keys that no signer of ours could have.
func (k PublicKey) validate() error {
	switch k.Alg {
	case Ed25519:
		if len(k.Key) == ed25519.PublicKeySize {
			return nil
		}
	case P256:
		if _, err := k.point(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: public key", ErrMalformed)
}

func (k PublicKey) point() (*ecdsa.PublicKey, error) {
	if len(k.Key) != 33 {
		return nil, ErrMalformed
	}
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), []byte(k.Key))
	if x == nil {
		return nil, ErrMalformed
	}
	full := make([]byte, 65)
	full[0] = 4
	x.FillBytes(full[1:33])
	y.FillBytes(full[33:])
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), full)
}

func (k PublicKey) write(w *writer) { w.u8(uint8(k.Alg)); w.lp([]byte(k.Key)) }

func readKey(r *reader, what string) PublicKey {
	k := PublicKey{Alg: Alg(r.u8(what))}
	k.Key = string(r.lp(what))
	if r.err == nil && k.validate() != nil {
		r.fail(what)
	}
	return k
}

// halfOrder is floor(n/2) of P-256. Only s <= n/2 is accepted, so that nobody
// but the device can write a second signature for the same body.
func halfOrder() *big.Int { return new(big.Int).Rsh(elliptic.P256().Params().N, 1) }

// verify checks sig over msg.
func (k PublicKey) verify(msg, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	switch k.Alg {
	case Ed25519:
		return len(k.Key) == ed25519.PublicKeySize && ed25519.Verify(ed25519.PublicKey(k.Key), msg, sig)
	case P256:
		pub, err := k.point()
		if err != nil {
			return false
		}
		r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
		if s.Cmp(halfOrder()) > 0 {
			return false
		}
		der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			return false
		}
		digest := sha256.Sum256(msg)
		return ecdsa.VerifyASN1(pub, digest[:], der)
	}
	return false
}

// sign gives the 64-byte signature of either algorithm. Both are deterministic
// (RFC 8032, RFC 6979), so a device needs no randomness to sign.
func sign(s crypto.Signer, msg []byte) ([]byte, error) {
	pub, err := PublicKeyOf(s)
	if err != nil {
		return nil, err
	}
	if pub.Alg == Ed25519 {
		return s.Sign(nil, msg, crypto.Hash(0))
	}
	digest := sha256.Sum256(msg)
	der, err := s.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var rs struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &rs); err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("capture: signer gave a bad P-256 signature")
	}
	if rs.S.Cmp(halfOrder()) > 0 {
		rs.S.Sub(elliptic.P256().Params().N, rs.S)
	}
	out := make([]byte, 64)
	rs.R.FillBytes(out[:32])
	rs.S.FillBytes(out[32:])
	if !pub.verify(msg, out) {
		return nil, fmt.Errorf("capture: signer's own signature does not verify")
	}
	return out, nil
}
