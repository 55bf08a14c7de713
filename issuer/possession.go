package issuer

import (
	"errors"
	"fmt"

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

// enrolMessage is what the holder of a key signs to enrol.
func enrolMessage(nonce Nonce, issuer string) func(semaphore.Element) semaphore.Element {
	return func(c semaphore.Element) semaphore.Element { return scope.EnrolMessage(nonce, issuer, c) }
}

// signedBy checks that whoever asks holds the key behind (x, y), and gives the
// commitment of that key. message makes what was signed of the commitment. Both
// the key and the signature are judged twice, side by side: by our own code and
// by go-iden3-crypto. Both must accept.
func signedBy(x, y string, packed []byte, message func(commitment semaphore.Element) semaphore.Element) (semaphore.Element, error) {
	p, err := judge(x, y, packed, message)
	if err != nil {
		return semaphore.Element{}, err
	}
	return p.agreed()
}

// judgement is a possession that our own code has judged and go-iden3-crypto is
// still judging. Nothing may be answered or written before agreed.
type judgement struct {
	ours   opinion
	theirs chan opinion
}

// judge starts both judgements and waits for ours.
func judge(x, y string, packed []byte, message func(commitment semaphore.Element) semaphore.Element) (*judgement, error) {
	key, err := publicKey(x, y)
	if err != nil {
		return nil, err
	}
	var hint *semaphore.Signature
	sig, malformed := semaphore.ParseSignature(packed)
	if malformed == nil {
		hint = &sig
	}
	j := &judgement{theirs: make(chan opinion, 1)}
	go func() { j.theirs <- second(key, packed, hint, message) }()
	j.ours = first(key, sig, malformed, message)
	return j, nil
}

// good reports whether we accept; agreed then says if they do too.
func (j *judgement) good() bool { return j.ours.key == nil && j.ours.signature == nil }

// agreed waits for the second opinion and gives the commitment that both accept.
// It is called once.
func (j *judgement) agreed() (semaphore.Element, error) {
	theirs := <-j.theirs
	commitment, err := agreed(j.ours, theirs)
	if err != nil {
		return semaphore.Element{}, err
	}
	switch {
	case j.good() && theirs.signature == nil:
		return commitment, nil
	case (j.ours.signature == nil) != (theirs.signature == nil):
		return semaphore.Element{}, api.Wrap(api.PossessionInvalid, errDisagree)
	}
	return semaphore.Element{}, api.Wrap(api.PossessionInvalid, j.ours.signature)
}

// opinion is what one implementation says about a key and a signature. What is
// said of the signature means something only if the key is good.
type opinion struct {
	commitment semaphore.Element
	key        error
	signature  error
}

// first is what our own code says.
func first(key semaphore.PublicKey, sig semaphore.Signature, malformed error, message func(semaphore.Element) semaphore.Element) opinion {
	o := opinion{commitment: key.Commitment()}
	if malformed != nil {
		o.signature, o.key = malformed, key.Validate()
		return o
	}
	err := key.Verify(message(o.commitment), sig) // validates the key
	if errors.Is(err, semaphore.ErrPublicKey) {
		o.key = err
	}
	o.signature = err
	return o
}

// second is what go-iden3-crypto says.
func second(key semaphore.PublicKey, packed []byte, hint *semaphore.Signature, message func(semaphore.Element) semaphore.Element) opinion {
	k, err := newSecondKey(key)
	if err != nil {
		return opinion{key: err, signature: err}
	}
	o := opinion{commitment: k.commitment}
	if !k.verify(message(o.commitment), packed, hint) {
		o.signature = semaphore.ErrSignature
	}
	return o
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

// agreed gives the commitment that both implementations computed. Refused are
// points off the curve, outside the prime-order subgroup and of small order, and
// commitments that anybody can act for.
func agreed(ours, theirs opinion) (semaphore.Element, error) {
	refuse := func(err error) (semaphore.Element, error) {
		return semaphore.Element{}, api.Wrap(api.CommitmentInvalid, err)
	}
	switch {
	case (ours.key == nil) != (theirs.key == nil):
		return refuse(fmt.Errorf("%w about a public key", errDisagree))
	case ours.key != nil:
		return refuse(ours.key)
	case ours.commitment != theirs.commitment:
		return refuse(fmt.Errorf("%w about a commitment", errDisagree))
	case ours.commitment.IsZero() || ours.commitment.String() == noSecret:
		return refuse(errors.New("issuer: commitment of an identity without a secret"))
	}
	return ours.commitment, nil
}
