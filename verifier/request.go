package verifier

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Request is a proof handed in, beside everything that the server expects of
// it. Only Proof and Challenge come from the person.
type Request struct {
	Action    string
	Policy    scope.Policy
	Proof     *semaphore.Proof
	And       []*semaphore.Proof // with AllOf: the proofs under the other issuers, in their order
	Challenge string             // the token, base64url
	Content   scope.Digest       // recomputed by the server from what it received
	Session   string             // the session that the request came in; "" if the app has none
	Origin    string             // the origin that the request came from; "" if it is not known

	// IdempotencyKey is chosen by the application's server and belongs to
	// Credential, which names that server. Empty: a repeat is a second use.
	IdempotencyKey, Credential string

	// Client is whoever would be throttled, for instance a network address:
	// bad proofs of one do not slow the others down. Default Credential, then
	// Origin. It is kept in memory only.
	Client string
}

// client is the key under which the queue is fair.
func (r Request) client() string {
	for _, s := range []string{r.Client, r.Credential} {
		if s != "" {
			return s
		}
	}
	return r.Origin
}

// MaxResponse is the longest response token, as every CAPTCHA integration
// assumes.
const MaxResponse = 2048

// MaxProofs is how many proofs one request can hold: as many as go into a
// response.
const MaxProofs = 4

// ParseAnswer is ParseResponse for a verifier with AllOf: one packed proof for
// each issuer, in their order, and then the challenge, with a dot between each.
func ParseAnswer(s string) (proofs []*semaphore.Proof, challenge string, err error) {
	if len(s) > MaxResponse {
		return nil, "", api.Errorf(api.TooLarge, "a response has at most %d characters", MaxResponse)
	}
	parts := strings.Split(s, ".")
	if len(parts) > 1 {
		parts, challenge = parts[:len(parts)-1], parts[len(parts)-1]
	}
	if len(parts) > MaxProofs {
		return nil, "", api.Errorf(api.MalformedRequest, "a response has at most %d proofs", MaxProofs)
	}
	for _, packed := range parts {
		p, err := parsePacked(packed)
		if err != nil {
			return nil, "", err
		}
		proofs = append(proofs, p)
	}
	return proofs, challenge, nil
}

// ParseResponse takes "<packed proof>.<challenge>" apart: what travels in the
// Perhuman-Response header or the perhuman-response form field. Errors are
// *api.Error.
func ParseResponse(s string) (proof *semaphore.Proof, challenge string, err error) {
	if len(s) > MaxResponse {
		return nil, "", api.Errorf(api.TooLarge, "a response has at most %d characters", MaxResponse)
	}
	packed, challenge, _ := strings.Cut(s, ".")
	if proof, err = parsePacked(packed); err != nil {
		return nil, "", err
	}
	return proof, challenge, nil
}

// ParseProof reads the proof field of a request: the JSON object of Semaphore,
// or a string with the packed form. Errors are *api.Error.
func ParseProof(raw json.RawMessage) (*semaphore.Proof, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, api.Errorf(api.MalformedRequest, "proof is missing")
	}
	if raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, &api.Error{Code: api.MalformedRequest, Detail: "proof cannot be read", Err: err}
		}
		return parsePacked(s)
	}
	p := new(semaphore.Proof)
	if err := p.UnmarshalJSON(raw); err != nil {
		return nil, proofError(err)
	}
	return p, nil
}

func parsePacked(s string) (*semaphore.Proof, error) {
	p, err := semaphore.ParsePacked(s)
	if err != nil {
		return nil, proofError(err)
	}
	return p, nil
}

// proofError tells a number in the wrong form from a proof that is none.
func proofError(err error) *api.Error {
	for _, c := range []struct {
		is     error
		code   api.Code
		detail string
	}{
		{semaphore.ErrDepth, api.DepthUnsupported, "tree depths are 1..32"},
		{semaphore.ErrNotCanonical, api.NotCanonical, "a number of the proof is not in canonical form"},
		{semaphore.ErrRange, api.NotCanonical, "a number of the proof is out of range"},
		{semaphore.ErrInvalidProof, api.ProofInvalid, ""},
		{semaphore.ErrZeroRoot, api.RootUnknown, "root 0 stands for no set: anybody can prove under it"},
		{semaphore.ErrPoint, api.ProofInvalid, "a point of the proof is not on its curve"},
	} {
		if errors.Is(err, c.is) {
			return &api.Error{Code: c.code, Detail: c.detail, Err: err}
		}
	}
	return &api.Error{Code: api.MalformedRequest, Detail: "the proof cannot be read", Err: err}
}

// checkForm refuses what cannot be a proof for this verifier, before anything
// is looked up.
func (v *Verifier) checkForm(r Request) *api.Error {
	if err := checkAction(r.Action, r.Policy); err != nil {
		return err
	}
	for _, p := range append([]*semaphore.Proof{r.Proof}, r.And...) {
		if err := v.checkProof(p); err != nil {
			return err
		}
	}
	switch n, wanted := 1+len(r.And), max(1, len(v.required)); {
	case n > wanted:
		return api.Errorf(api.MalformedRequest, "%d proofs are too many here", n)
	case n < wanted:
		return api.Errorf(api.IssuerMissing, "")
	}
	for _, s := range []string{r.IdempotencyKey, r.Credential} {
		if len(s) > 255 || strings.IndexFunc(s, func(c rune) bool { return c < 0x21 || c > 0x7e }) >= 0 {
			return api.Errorf(api.MalformedRequest, "an idempotency key has up to 255 printable characters")
		}
	}
	return nil
}

func (v *Verifier) checkProof(p *semaphore.Proof) *api.Error {
	if p == nil {
		return api.Errorf(api.MalformedRequest, "proof is missing")
	}
	if p.MerkleTreeDepth != v.cfg.Depth {
		return api.Errorf(api.DepthUnsupported, "proofs have depth %d here", v.cfg.Depth)
	}
	// An Element that was not parsed may hold anything; a nullifier plus r
	// would be a second spelling of the same person.
	for _, e := range []semaphore.Element{p.MerkleTreeRoot, p.Nullifier} {
		if _, err := semaphore.ElementFromBytes(e[:]); err != nil {
			return proofError(err)
		}
	}
	return nil
}
