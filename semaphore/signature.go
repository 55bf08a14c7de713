package semaphore

import (
	"errors"
	"fmt"

	"github.com/dchest/blake512"

	"github.com/perhuman/perhuman/semaphore/internal/babyjub"
	"github.com/perhuman/perhuman/semaphore/internal/poseidon"
)

// ErrSignature: malformed, not canonical, or not by this key.
var ErrSignature = errors.New("semaphore: bad signature")

// SignatureSize is the length of the packed form.
const SignatureSize = 64

// Signature is an EdDSA-Poseidon signature: the point R8 and the scalar S,
// which must be below l.
type Signature struct{ R8X, R8Y, S Element }

// Sign signs a field element. The same key and message give the same
// signature, equal to that of the official libraries.
func (id *Identity) Sign(msg Element) Signature { return id.signWide(Uint256(msg)) }

// signWide signs any 256-bit message: its bytes choose the nonce, its value
// modulo r is what the signature binds. It is kept inside the package because
// m and m+r share signatures; the official vectors exercise it.
func (id *Identity) signWide(msg Uint256) Signature {
	h := blake512.New()
	h.Write(id.secrets().prefix[:]) // a hash never returns an error
	var le [32]byte
	for i, b := range msg {
		le[31-i] = b
	}
	h.Write(le[:])
	rho := babyjub.ReduceWide((*[64]byte)(h.Sum(nil)))
	k := rho.Bytes()
	r8 := babyjub.ScalarMul(babyjub.Base8(), &k)
	hm := challenge(&r8, id.public, Element(msg))
	s := babyjub.MulAdd(babyjub.ScalarBE(hm), id.secrets().pruned, rho)
	return Signature{R8X: fromFr(&r8.X), R8Y: fromFr(&r8.Y), S: s.Bytes()}
}

// challenge is Poseidon(R8.x, R8.y, A.x, A.y, message mod r).
func challenge(r8 *babyjub.Point, a PublicKey, msg Element) Element {
	h, err := poseidon.Hash(r8.X, r8.Y, a.X.fr(), a.Y.fr(), msg.fr())
	if err != nil {
		// Five inputs are always a supported width.
		panic(err)
	}
	return fromFr(&h)
}

// Verify is nil when s is a signature of msg by k and everything is in its one
// canonical form: coordinates and message below r, S below l, both points on
// the curve, k in the prime subgroup and not neutral. The official verifier
// accepts aliases of coordinates and message, and small-order keys for which
// anybody can sign; as proof of possession those mean nothing.
func (k PublicKey) Verify(msg Element, s Signature) error {
	a, err := k.point()
	if err != nil {
		return err
	}
	if !msg.valid() {
		return fmt.Errorf("%w: message: %w", ErrSignature, ErrRange)
	}
	r8, err := s.parts()
	if err != nil {
		return err
	}
	// S*Base8 = R8 + 8*hm*A. With A in the subgroup this holds only for an R8
	// in the subgroup.
	hm := challenge(&r8, k, msg)
	if !a.Signed(r8, (*[32]byte)(&hm), (*[32]byte)(&s.S)) {
		return fmt.Errorf("%w: equation", ErrSignature)
	}
	return nil
}

// parts checks what can be checked without a key.
func (s Signature) parts() (babyjub.Point, error) {
	r8, err := curvePoint(s.R8X, s.R8Y)
	switch {
	case err != nil:
		return r8, fmt.Errorf("%w: R8: %w", ErrSignature, err)
	case r8.SmallOrder():
		return r8, fmt.Errorf("%w: R8 has small order", ErrSignature)
	case !babyjub.ScalarBE(s.S).Reduced():
		return r8, fmt.Errorf("%w: S: %w", ErrSignature, ErrRange)
	}
	return r8, nil
}

// MarshalBinary gives the official 64-byte form: R8 compressed, then S, both
// little-endian.
func (s Signature) MarshalBinary() ([]byte, error) {
	r8, err := s.parts()
	if err != nil {
		return nil, err
	}
	packed := r8.Compress()
	out := append(make([]byte, 0, SignatureSize), packed[:]...)
	for i := range s.S {
		out = append(out, s.S[31-i])
	}
	return out, nil
}

// ParseSignature reads what MarshalBinary writes and nothing else.
func ParseSignature(packed []byte) (Signature, error) {
	if len(packed) != SignatureSize {
		return Signature{}, fmt.Errorf("%w: %d bytes, want %d", ErrSignature, len(packed), SignatureSize)
	}
	r8, err := babyjub.Decompress([32]byte(packed[:32]))
	if err != nil {
		return Signature{}, fmt.Errorf("%w: R8: %w", ErrSignature, err)
	}
	s := Signature{R8X: fromFr(&r8.X), R8Y: fromFr(&r8.Y)}
	for i := range s.S {
		s.S[i] = packed[63-i]
	}
	if _, err := s.parts(); err != nil {
		return Signature{}, err
	}
	return s, nil
}
