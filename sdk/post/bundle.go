package post

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// MaxBundle bounds the JSON of a bundle.
const MaxBundle = 8 << 20

var (
	// ErrMalformed: bytes that are not a bundle.
	ErrMalformed = errors.New("post: malformed bundle")
	// ErrMismatch: parts that New was given do not belong together.
	ErrMismatch = errors.New("post: parts do not belong together")
)

// Bundle is a post and its evidence.
type Bundle struct {
	Post   scope.Post
	Action string
	Period scope.Period
	Slot   uint32
	Proof  *semaphore.Proof
	// Challenge is the token that the proof answers. Where it is not kept,
	// ChallengeDigest stands alone (zeros if there was none).
	Challenge       []byte
	ChallengeDigest scope.Digest
	Issuer          string // name, without the key: whom to trust is the reader's choice
	RootProof       setlog.RootProof
	Receipt         *Receipt // nil: time and cap are unproven
}

// Receipt is the relying party's signed word that it accepted the proof, and
// when (scope.Receipt has the signed bytes).
type Receipt struct {
	RootSeq    uint64
	AcceptedAt uint64 // unix seconds
	Signature  []byte
}

// SignReceipt signs for an accepted proof: rootSeq is the sequence number of its
// root, acceptedAt the time of the commit in unix seconds.
func SignReceipt(p *semaphore.Proof, rootSeq, acceptedAt uint64, key ed25519.PrivateKey) Receipt {
	return Receipt{RootSeq: rootSeq, AcceptedAt: acceptedAt, Signature: receiptOf(p, rootSeq, acceptedAt).Sign(key)}
}

func receiptOf(p *semaphore.Proof, rootSeq, acceptedAt uint64) scope.Receipt {
	return scope.Receipt{Scope: p.Scope, Nullifier: p.Nullifier, Message: p.Message, RootSeq: rootSeq, AcceptedAt: acceptedAt}
}

// Params are the parts of a bundle.
type Params struct {
	Post      scope.Post
	Action    string
	Period    scope.Period
	Slot      uint32
	Proof     *semaphore.Proof
	Challenge []byte // token; nil if none was used
	RootProof setlog.RootProof
	Receipt   *Receipt
}

// New puts a bundle together, and refuses parts that Check would find at odds;
// it does not verify proof or signatures again.
func New(p Params) (Bundle, error) {
	if p.Proof == nil {
		return Bundle{}, fmt.Errorf("%w: no proof", ErrMismatch)
	}
	cp, err := parseOrigin(p.RootProof)
	if err != nil {
		return Bundle{}, err
	}
	b := Bundle{
		Post: p.Post, Action: p.Action, Period: p.Period, Slot: p.Slot, Proof: p.Proof,
		Challenge: p.Challenge, ChallengeDigest: challengeDigest(p.Challenge),
		Issuer: cp, RootProof: p.RootProof, Receipt: p.Receipt,
	}
	var r Report
	r.content(&b, CheckConfig{})
	r.scope(&b, CheckConfig{})
	r.root(&b)
	if b.Receipt != nil && b.Receipt.RootSeq != b.RootProof.Entry.Seq {
		r.fail(ReceiptInvalid, "the receipt names another root")
	}
	if len(r.Reasons) > 0 {
		return Bundle{}, fmt.Errorf("%w: %s: %s", ErrMismatch, r.Reasons[0].Code, r.Reasons[0].Detail)
	}
	return b, nil
}

// parseOrigin reads the issuer's name out of the embedded checkpoint.
func parseOrigin(p setlog.RootProof) (string, error) {
	c, err := p.UnverifiedCheckpoint()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return c.Origin, nil
}

// challengeDigest is zeros where there is no challenge.
func challengeDigest(token []byte) scope.Digest {
	if len(token) == 0 {
		return scope.Digest{}
	}
	return scope.ChallengeDigest(token)
}

// wire is the JSON form. Binary values are base64url without padding.
type wire struct {
	Post            wirePost     `json:"post"`
	Action          string       `json:"action"`
	Period          wirePeriod   `json:"period"`
	Slot            uint32       `json:"slot"`
	Proof           string       `json:"proof"`
	Challenge       string       `json:"challenge,omitempty"`
	ChallengeDigest string       `json:"challenge_digest,omitempty"`
	Issuer          string       `json:"issuer"`
	RootProof       string       `json:"root_proof"`
	Receipt         *wireReceipt `json:"receipt,omitempty"`
}

type wirePost struct {
	RP      string   `json:"rp"`
	Author  string   `json:"author"`
	Created uint64   `json:"created"`
	Text    string   `json:"text"`
	Media   []string `json:"media,omitempty"`
}

type wirePeriod struct {
	Start uint64 `json:"start"`
	Len   uint64 `json:"len"`
}

type wireReceipt struct {
	RootSeq    uint64 `json:"root_seq"`
	AcceptedAt uint64 `json:"accepted_at"`
	Signature  string `json:"signature"`
}

// wireNames are the exact names of each object; encoding/json alone would take
// them in any letter case.
var wireNames = map[string][]string{
	"":        {"post", "action", "period", "slot", "proof", "challenge", "challenge_digest", "issuer", "root_proof", "receipt"},
	"post":    {"rp", "author", "created", "text", "media"},
	"period":  {"start", "len"},
	"receipt": {"root_seq", "accepted_at", "signature"},
}

// MarshalJSON gives the JSON form.
func (b Bundle) MarshalJSON() ([]byte, error) {
	if b.Proof == nil {
		return nil, fmt.Errorf("%w: no proof", ErrMalformed)
	}
	packed, err := b.Proof.Packed()
	if err != nil {
		return nil, fmt.Errorf("%w: proof: %w", ErrMalformed, err)
	}
	rootProof, err := b.RootProof.MarshalText()
	if err != nil {
		return nil, fmt.Errorf("%w: root proof: %w", ErrMalformed, err)
	}
	w := wire{
		Post:   wirePost{RP: b.Post.RP, Author: b.Post.Author, Created: b.Post.Created, Text: b.Post.Text},
		Action: b.Action, Period: wirePeriod(b.Period), Slot: b.Slot, Proof: packed,
		Issuer: b.Issuer, RootProof: string(rootProof),
	}
	for _, m := range b.Post.Media {
		w.Post.Media = append(w.Post.Media, scope.EncodeToken(m[:]))
	}
	switch {
	case len(b.Challenge) > 0:
		w.Challenge = scope.EncodeToken(b.Challenge)
	case !b.ChallengeDigest.IsZero():
		w.ChallengeDigest = scope.EncodeToken(b.ChallengeDigest[:])
	}
	if r := b.Receipt; r != nil {
		w.Receipt = &wireReceipt{RootSeq: r.RootSeq, AcceptedAt: r.AcceptedAt, Signature: scope.EncodeToken(r.Signature)}
	}
	return json.Marshal(w)
}

// UnmarshalJSON is Parse.
func (b *Bundle) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data)
	if err == nil {
		*b = parsed
	}
	return err
}

// Parse reads the JSON form strictly: unknown, doubled or differently spelled
// names, null, trailing data, invalid UTF-8 and non-canonical values are refused.
// It says nothing about truth: see Check.
func Parse(data []byte) (Bundle, error) {
	var w wire
	if err := decodeStrict(data, &w, wireNames); err != nil {
		return Bundle{}, err
	}
	bad := func(field string, err error) (Bundle, error) {
		return Bundle{}, fmt.Errorf("%w: %s: %w", ErrMalformed, field, err)
	}
	b := Bundle{
		Post:   scope.Post{RP: w.Post.RP, Author: w.Post.Author, Created: w.Post.Created, Text: w.Post.Text},
		Action: w.Action, Period: scope.Period(w.Period), Slot: w.Slot, Issuer: w.Issuer,
	}
	for _, m := range w.Post.Media {
		d, err := parseDigest(m)
		if err != nil {
			return bad("media", err)
		}
		b.Post.Media = append(b.Post.Media, d)
	}
	var err error
	if b.Proof, err = semaphore.ParsePacked(w.Proof); err != nil {
		return bad("proof", err)
	}
	switch {
	case w.Challenge != "" && w.ChallengeDigest != "":
		return bad("challenge", errors.New("both token and digest"))
	case w.Challenge != "":
		if b.Challenge, err = scope.DecodeToken(w.Challenge); err != nil {
			return bad("challenge", err)
		}
		if _, err := scope.ParseChallenge(b.Challenge); err != nil {
			return bad("challenge", err)
		}
		b.ChallengeDigest = scope.ChallengeDigest(b.Challenge)
	case w.ChallengeDigest != "":
		if b.ChallengeDigest, err = parseDigest(w.ChallengeDigest); err != nil {
			return bad("challenge_digest", err)
		}
	}
	if b.RootProof, err = setlog.ParseRootProof([]byte(w.RootProof)); err != nil {
		return bad("root_proof", err)
	}
	if w.Receipt != nil {
		sig, err := scope.DecodeToken(w.Receipt.Signature)
		if err != nil || len(sig) != ed25519.SignatureSize {
			return bad("receipt", errors.New("signature is 64 bytes in base64url"))
		}
		b.Receipt = &Receipt{RootSeq: w.Receipt.RootSeq, AcceptedAt: w.Receipt.AcceptedAt, Signature: sig}
	}
	return b, nil
}

func parseDigest(s string) (scope.Digest, error) {
	b, err := scope.DecodeToken(s)
	if err != nil {
		return scope.Digest{}, err
	}
	if len(b) != 32 {
		return scope.Digest{}, fmt.Errorf("%d bytes instead of 32", len(b))
	}
	return scope.Digest(b), nil
}
