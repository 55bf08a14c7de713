package issuer

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/iden3/go-iden3-crypto/babyjub"
	iden3 "github.com/iden3/go-iden3-crypto/poseidon"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// errDisagree is logged: two implementations of one standard gave two answers,
// so one of them is wrong and nobody gets in by it.
var errDisagree = errors.New("issuer: the two Baby Jubjub implementations disagree")

// noSecret is the commitment of the identity made from the empty key, which the
// official library gives to whoever imports garbage (semaphore-v4.md section 2).
const noSecret = "6027627088000560743613994042391496229461807188521792038697313592680155902219"

// possession checks that whoever asks holds the key behind (x, y), and gives
// the commitment of that key. Both the key and the signature are judged twice,
// by our own code and by go-iden3-crypto; both must accept.
func possession(nonce Nonce, issuer string, x, y string, packed []byte) (semaphore.Element, error) {
	return signedBy(x, y, packed, func(c semaphore.Element) semaphore.Element { return scope.EnrolMessage(nonce, issuer, c) })
}

// signedBy is possession for any message about the key's commitment.
func signedBy(x, y string, packed []byte, message func(semaphore.Element) semaphore.Element) (semaphore.Element, error) {
	key, err := publicKey(x, y)
	if err != nil {
		return semaphore.Element{}, err
	}
	commitment, theirs, err := checkKey(key)
	if err != nil {
		return semaphore.Element{}, err
	}
	msg := message(commitment)
	sig, err := semaphore.ParseSignature(packed)
	if err != nil {
		return semaphore.Element{}, api.Wrap(api.PossessionInvalid, err)
	}
	ours := key.Verify(msg, sig)
	other := verifyIden3(theirs, msg, packed)
	switch {
	case ours == nil && other:
		return commitment, nil
	case (ours == nil) != other:
		return semaphore.Element{}, api.Wrap(api.PossessionInvalid, errDisagree)
	}
	return semaphore.Element{}, api.Wrap(api.PossessionInvalid, ours)
}

func publicKey(x, y string) (k semaphore.PublicKey, err error) {
	for _, c := range []struct {
		text string
		to   *semaphore.Element
	}{{x, &k.X}, {y, &k.Y}} {
		if *c.to, err = semaphore.ParseElement(c.text); err != nil {
			return k, &api.Error{Code: api.NotCanonical, Detail: "public_key holds two canonical decimal field elements", Err: err}
		}
	}
	return k, nil
}

// checkKey refuses points off the curve, outside the prime-order subgroup and
// of small order, and commitments that anybody can act for.
func checkKey(key semaphore.PublicKey) (semaphore.Element, *babyjub.PublicKey, error) {
	refuse := func(err error) (semaphore.Element, *babyjub.PublicKey, error) {
		return semaphore.Element{}, nil, api.Wrap(api.CommitmentInvalid, err)
	}
	point := babyjub.Point{X: new(big.Int).SetBytes(key.X[:]), Y: new(big.Int).SetBytes(key.Y[:])}
	ours := key.Validate()
	identity := point.X.Sign() == 0 && point.Y.Cmp(big.NewInt(1)) == 0
	other := !identity && point.InSubGroup()
	if (ours == nil) != other {
		return refuse(fmt.Errorf("%w about a public key", errDisagree))
	}
	if ours != nil {
		return refuse(ours)
	}
	commitment := key.Commitment()
	hash, err := iden3.Hash([]*big.Int{point.X, point.Y})
	if err != nil {
		return refuse(err)
	}
	if new(big.Int).SetBytes(commitment[:]).Cmp(hash) != 0 {
		return refuse(fmt.Errorf("%w about a commitment", errDisagree))
	}
	if commitment.IsZero() || commitment.String() == noSecret {
		return refuse(errors.New("issuer: commitment of an identity without a secret"))
	}
	theirs := babyjub.PublicKey(point)
	return commitment, &theirs, nil
}

// verifyIden3 is the second opinion. Canonical S is checked here because that
// library leaves it to its caller.
func verifyIden3(key *babyjub.PublicKey, msg semaphore.Element, packed []byte) bool {
	if len(packed) != 64 {
		return false
	}
	sig, err := new(babyjub.Signature).Decompress([64]byte(packed))
	if err != nil || sig.S.Sign() < 0 || sig.S.Cmp(babyjub.SubOrder) >= 0 {
		return false
	}
	return key.VerifyPoseidon(new(big.Int).SetBytes(msg[:]), sig)
}
