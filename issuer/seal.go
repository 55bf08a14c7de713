package issuer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// Bytes at rest: nonce(12) || AES-256-GCM, under one key per purpose, derived
// from the operator's secret. The associated data ties each to its row, so rows
// cannot be swapped.
//
//	template     aad serial      || modality
//	leaf link    aad serial      holds the commitment
//	serial link  aad commitment  holds serial || device
//	mark         aad serial      holds who is leaving, and until when
//	subject      aad reason      holds whose link was opened
type sealer struct {
	rand                                  io.Reader
	template, leaf, serial, mark, subject cipher.AEAD
}

var errSealed = errors.New("issuer: sealed value does not open under this operator key")

func newSealer(secret []byte, rand io.Reader) (*sealer, error) {
	s := &sealer{rand: rand}
	for _, p := range []struct {
		purpose string
		to      *cipher.AEAD
	}{{"template", &s.template}, {"leaf", &s.leaf}, {"serial", &s.serial}, {"mark", &s.mark}, {"subject", &s.subject}} {
		var err error
		if *p.to, err = atRest(secret, p.purpose); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// atRest makes the cipher of one purpose.
func atRest(secret []byte, purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "perhuman/at-rest/1 "+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return newGCM(key)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return a, nil
}

// operatorID recognises the operator's secret without telling it.
func operatorID(secret []byte) ([32]byte, error) {
	id, err := hkdf.Key(sha256.New, secret, nil, "perhuman/at-rest/1 id", 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("issuer: %w", err)
	}
	return [32]byte(id), nil
}

func (s *sealer) seal(a cipher.AEAD, plain, aad []byte) ([]byte, error) {
	nonce := make([]byte, a.NonceSize(), a.NonceSize()+len(plain)+a.Overhead())
	if _, err := io.ReadFull(s.rand, nonce); err != nil {
		return nil, fmt.Errorf("issuer: seal: %w", err)
	}
	return a.Seal(nonce, nonce, plain, aad), nil
}

func open(a cipher.AEAD, sealed, aad []byte) ([]byte, error) {
	n := a.NonceSize()
	if len(sealed) < n {
		return nil, errSealed
	}
	plain, err := a.Open(nil, sealed[:n], sealed[n:], aad)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

func templateAAD(serial Serial, modality string) []byte {
	return append(serial[:], modality...) // serial is a copy
}

// sealIntake fills in what an intake keeps at rest.
func (s *sealer) sealIntake(in *Intake, kept []byte) (err error) {
	if kept != nil {
		if in.Template, err = s.seal(s.template, kept, templateAAD(in.Serial, in.Modality)); err != nil {
			return err
		}
	}
	if in.Mark, err = s.sealMark(in.Serial, leaver{}); err != nil {
		return err
	}
	return s.sealLinks(in)
}

// sealLinks fills in both directions of the link between in.Serial and
// in.Commitment.
func (s *sealer) sealLinks(in *Intake) (err error) {
	if in.LeafLink, err = s.seal(s.leaf, in.Commitment[:], in.Serial[:]); err != nil {
		return err
	}
	in.SerialLink, err = s.seal(s.serial, append(in.Serial[:], in.Device...), in.Commitment[:])
	return err
}

// openTemplate appends the template to to, which is to be wiped.
func (s *sealer) openTemplate(to []byte, t Template) ([]byte, error) {
	n := s.template.NonceSize()
	if len(t.Sealed) < n {
		return nil, errSealed
	}
	plain, err := s.template.Open(to, t.Sealed[:n], t.Sealed[n:], templateAAD(t.Serial, t.Modality))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}
