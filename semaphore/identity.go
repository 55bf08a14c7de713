package semaphore

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/dchest/blake512"

	"github.com/perhuman/perhuman/semaphore/internal/babyjub"
)

// ErrNoSecret: an exported identity with an empty key. The official libraries
// read any garbage as such a key, and everybody knows its secret.
var ErrNoSecret = errors.New("semaphore: exported identity holds no secret")

// Identity is a person's secret and what follows from it. Make one with
// NewIdentity, IdentityFromKey or ParseIdentity.
type Identity struct {
	// The secrets are behind a function, so that fmt has an address to show
	// where it cannot call Format: in an unexported field of somebody's
	// struct. (It follows pointers there when the verb does not fit.)
	secrets func() *secrets
	public  PublicKey
}

type secrets struct {
	key    []byte
	pruned babyjub.Scalar // the EdDSA secret, unreduced
	prefix [32]byte       // what makes signature nonces unpredictable
	scalar babyjub.Scalar // the circuit's secret, below l
}

// NewIdentity draws 32 bytes from rand, normally crypto/rand.Reader.
func NewIdentity(rand io.Reader) (*Identity, error) {
	var key [32]byte
	if _, err := io.ReadFull(rand, key[:]); err != nil {
		return nil, fmt.Errorf("semaphore: new identity: %w", err)
	}
	return IdentityFromKey(key[:]), nil
}

// IdentityFromKey takes a key of any length, even none, as the official
// libraries do: text is its UTF-8 bytes. The key is copied. It is the caller's
// duty that the key is hard to guess.
//
// The derivation is BLAKE-512, pruned as for Ed25519; the secret scalar is the
// pruned integer divided by 8, modulo l (spec semaphore-v4 section 2).
func IdentityFromKey(key []byte) *Identity {
	s := &secrets{key: append([]byte{}, key...)}
	h := blake512.New()
	h.Write(s.key) // a hash never returns an error
	sum := h.Sum(nil)
	copy(s.prefix[:], sum[32:])
	sum[0] &= 0xf8
	sum[31] = sum[31]&0x7f | 0x40
	s.pruned = babyjub.ScalarLE(sum[:32])
	s.scalar = s.pruned.Eighth()
	k := s.scalar.Bytes()
	return &Identity{
		secrets: func() *secrets { return s },
		public:  publicKeyOf(babyjub.ScalarMul(babyjub.Base8(), &k)),
	}
}

// ParseIdentity reads what Export writes: standard base64 with padding and
// nothing around it. Unlike the official import it refuses other alphabets,
// missing padding, line breaks, stray bits and the empty key.
func ParseIdentity(exported string) (*Identity, error) {
	if exported == "" {
		return nil, ErrNoSecret
	}
	key, err := base64.StdEncoding.Strict().DecodeString(exported)
	// The decoder skips line breaks; encoding again catches them.
	if err != nil || base64.StdEncoding.EncodeToString(key) != exported {
		return nil, fmt.Errorf("semaphore: exported identity: %w", ErrNotCanonical)
	}
	return IdentityFromKey(key), nil
}

// Export writes the key as standard base64 with padding. It is the secret.
func (id *Identity) Export() string { return base64.StdEncoding.EncodeToString(id.secrets().key) }

// Key gives a copy of the key. It is the secret.
func (id *Identity) Key() []byte { return append([]byte{}, id.secrets().key...) }

// SecretScalar gives the circuit's secret input, below l. It is the secret.
func (id *Identity) SecretScalar() Element { return id.secrets().scalar.Bytes() }

// PublicKey gives secret scalar * Base8.
func (id *Identity) PublicKey() PublicKey { return id.public }

// Commitment gives the leaf that stands for this identity in a group.
func (id *Identity) Commitment() Element { return id.public.Commitment() }

// Nullifier gives the value that every proof of this identity shows in scope.
func (id *Identity) Nullifier(scope Uint256) Element {
	return Hash2(scope.Hash(), id.SecretScalar())
}

// String names the identity by its commitment and never shows the secret.
func (id *Identity) String() string { return "identity " + id.Commitment().String() }

// Format keeps the secret out of every verb, %#v and %x included.
func (id Identity) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, id.String()) // fmt.State reports no error
}

// MarshalJSON writes the commitment; Export is the only way to the secret.
func (id Identity) MarshalJSON() ([]byte, error) {
	return []byte(`"` + id.Commitment().String() + `"`), nil
}
