package semaphore

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/semaphore/internal/babyjub"
)

// ErrPublicKey: not a point that an honest identity can have as its key.
var ErrPublicKey = errors.New("semaphore: bad public key")

// PublicKey is a Baby Jubjub point in affine coordinates.
type PublicKey struct{ X, Y Element }

func publicKeyOf(p babyjub.Point) PublicKey {
	return PublicKey{X: fromFr(&p.X), Y: fromFr(&p.Y)}
}

// ParsePublicKey reads two canonical decimal coordinates and validates.
func ParsePublicKey(x, y string) (PublicKey, error) {
	var k PublicKey
	var err error
	if k.X, err = ParseElement(x); err != nil {
		return PublicKey{}, fmt.Errorf("%w: x: %w", ErrPublicKey, err)
	}
	if k.Y, err = ParseElement(y); err != nil {
		return PublicKey{}, fmt.Errorf("%w: y: %w", ErrPublicKey, err)
	}
	if err := k.Validate(); err != nil {
		return PublicKey{}, err
	}
	return k, nil
}

// Validate refuses coordinates of r or above, points off the curve, points
// outside the subgroup of order l, and the neutral point, for which everybody
// knows a secret.
func (k PublicKey) Validate() error {
	_, err := k.point()
	return err
}

// point validates, and gives the point ready to verify with.
func (k PublicKey) point() (*babyjub.Public, error) {
	p, err := curvePoint(k.X, k.Y)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrPublicKey, err)
	case p.SmallOrder():
		return nil, fmt.Errorf("%w: small order", ErrPublicKey)
	}
	public := babyjub.NewPublic(p)
	if !public.InSubgroup() {
		return nil, fmt.Errorf("%w: outside the subgroup", ErrPublicKey)
	}
	return public, nil
}

var errOffCurve = errors.New("point is not on the curve")

func curvePoint(x, y Element) (babyjub.Point, error) {
	if !x.valid() || !y.valid() {
		return babyjub.Point{}, ErrRange
	}
	p := babyjub.Point{X: x.fr(), Y: y.fr()}
	if !p.OnCurve() {
		return babyjub.Point{}, errOffCurve
	}
	return p, nil
}

// Commitment gives Poseidon(X, Y). It does not validate.
func (k PublicKey) Commitment() Element { return Hash2(k.X, k.Y) }

// Compress gives the 32-byte form of eddsa-poseidon's packPublicKey, which
// reads the same bytes as a little-endian integer.
func (k PublicKey) Compress() [32]byte {
	return babyjub.Point{X: k.X.fr(), Y: k.Y.fr()}.Compress()
}

// DecompressPublicKey reads what Compress writes, and validates.
func DecompressPublicKey(packed [32]byte) (PublicKey, error) {
	p, err := babyjub.Decompress(packed)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	k := publicKeyOf(p)
	if err := k.Validate(); err != nil {
		return PublicKey{}, err
	}
	return k, nil
}

// WeakCommitment reports whether c is the commitment of one of the eight
// points of small order. Anybody can prove for the neutral one; an issuer
// refuses all of them (spec semaphore-v4 section 10, rule 5).
func WeakCommitment(c Element) bool {
	for _, p := range babyjub.SmallOrderPoints() {
		if publicKeyOf(p).Commitment() == c {
			return true
		}
	}
	return false
}

// MarshalJSON writes ["x","y"] as decimal strings.
func (k PublicKey) MarshalJSON() ([]byte, error) { return json.Marshal([2]Element{k.X, k.Y}) }

// UnmarshalJSON reads exactly two canonical decimal strings and validates.
func (k *PublicKey) UnmarshalJSON(b []byte) error {
	var xy []string
	if err := json.Unmarshal(b, &xy); err != nil || len(xy) != 2 {
		return fmt.Errorf("%w: want two decimal strings", ErrPublicKey)
	}
	parsed, err := ParsePublicKey(xy[0], xy[1])
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}
