package wallet

import (
	"github.com/perhuman/perhuman/semaphore/scope"
)

// MaxBound is the most bytes of content that a wallet reads for its person.
const MaxBound = 4096

// Bound is what a proof is to be bound to, in a form that a person can be
// shown. Of a kind that this wallet does not know, there is only the kind.
type Bound struct {
	Kind  string
	Vote  *scope.Vote  // of scope.KindVote
	Grant *scope.Grant // of scope.KindGrant
}

// ReadBound reads content from the bytes that a proof will be bound to, and
// from nothing beside them: digest is what the proof binds, origin who asks, as
// the browser reported it. Bytes of another digest are refused, votes and grants
// for another relying party, and bytes that are not what their kind says, which
// no verifier would take either. It does not look at what a grant means: one
// that has ended is read like any other. nfc reports whether a text is in
// Unicode's form NFC, as norm.NFC.IsNormalString does. It does not block.
func ReadBound(origin string, digest scope.Digest, kind string, content []byte, nfc func(string) bool) (Bound, error) {
	b := Bound{Kind: kind}
	rp, err := scope.RPFromOrigin(origin)
	if err != nil {
		return Bound{}, &Refusal{Code: OriginRefused, Err: err}
	}
	if len(content) > MaxBound {
		return Bound{}, &Refusal{Code: RequestInvalid, Detail: "more content than a person is shown"}
	}
	is, err := scope.Content(kind, content)
	if err != nil {
		return Bound{}, &Refusal{Code: RequestInvalid, Err: err}
	}
	if is != digest {
		return Bound{}, &Refusal{Code: MessageMismatch, Detail: "these bytes are not what is bound"}
	}
	at := rp
	switch kind {
	case scope.KindVote:
		v, err := scope.ParseVote(content)
		if err != nil {
			return Bound{}, &Refusal{Code: RequestInvalid, Err: err}
		}
		b.Vote, at = &v, v.RP
	case scope.KindGrant:
		g, err := scope.ReadGrant(content, nfc)
		if err != nil {
			return Bound{}, &Refusal{Code: RequestInvalid, Err: err}
		}
		b.Grant, at = &g, g.RP
	}
	if at != rp {
		return Bound{}, &Refusal{Code: MessageMismatch, Detail: "for another site"}
	}
	return b, nil
}
