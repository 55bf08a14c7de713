package post

import (
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// CheckConfig is what the reader of a post brings along. Issuer and Verifier are
// compulsory.
type CheckConfig struct {
	Issuer   string              // verifier key name+hash+key of the issuer to trust
	RPKeys   []ed25519.PublicKey // all keys of the relying party, old ones included
	Verifier *semaphore.Verifier // shared by the caller: making one costs time
	RP       string              // if set, the post must be from this site
	Action   string              // if set, the proof must be for this action
	MaxK     uint32              // if set, the slots of a period: the policy's k
}

// CheckJSON parses and checks; what does not parse is reported as malformed.
func CheckJSON(data []byte, cfg CheckConfig) Report {
	b, err := Parse(data)
	if err != nil {
		r := Report{Time: Unproven, Cap: Unproven, Reasons: []Reason{}, Notes: []Reason{}}
		code := Malformed
		if errors.Is(err, semaphore.ErrInvalidProof) || errors.Is(err, semaphore.ErrPoint) {
			code = ProofInvalid
		}
		r.fail(code, err.Error())
		return r
	}
	return Check(b, cfg)
}

// Check judges a bundle with no network, no clock and no trust in what it says.
// All cheap checks are made and reported; the pairing only if they all pass.
func Check(b Bundle, cfg CheckConfig) Report {
	e := b.RootProof.Entry
	r := Report{
		Time: Unproven, Cap: Unproven, Reasons: []Reason{}, Notes: []Reason{},
		Issuer: b.Issuer, RP: b.Post.RP, Author: b.Post.Author, Action: b.Action, Slot: b.Slot, K: cfg.MaxK,
		PeriodFrom: b.Period.Start, PeriodLen: b.Period.Len, Created: b.Post.Created,
		RootSeq: e.Seq, SetSize: e.Live, EntryDay: dayString(e.Day),
	}
	if b.Proof == nil {
		r.fail(Malformed, "no proof")
		return r
	}
	r.Nullifier = b.Proof.Nullifier.String()
	r.content(&b, cfg)
	r.scope(&b, cfg)
	r.root(&b)
	r.log(&b, cfg)
	r.receipt(&b, cfg)
	if len(r.Reasons) == 0 {
		if cfg.Verifier == nil {
			r.fail(ProofInvalid, "no verifier to check the proof with")
		} else if err := cfg.Verifier.Verify(b.Proof); err != nil {
			r.fail(ProofInvalid, err.Error())
		}
	}
	r.OK = len(r.Reasons) == 0
	if !r.OK {
		r.Time, r.Cap = Unproven, Unproven
	}
	return r
}

func dayString(day uint32) string {
	return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly)
}

// content compares the proof's message with text and challenge.
func (r *Report) content(b *Bundle, cfg CheckConfig) {
	if cfg.RP != "" && b.Post.RP != cfg.RP {
		r.fail(WrongRP, "the post is from "+b.Post.RP)
	}
	if cfg.Action != "" && b.Action != cfg.Action {
		r.fail(WrongAction, "the proof is for the action "+b.Action)
	}
	content, err := b.Post.Digest()
	if err != nil {
		r.fail(Malformed, err.Error())
		return
	}
	digest := b.ChallengeDigest
	bound := true // the challenge, if we have it, asks for this content
	if len(b.Challenge) > 0 {
		c, err := r.challenge(b, cfg)
		if err != nil {
			r.fail(ChallengeInvalid, err.Error())
			return
		}
		digest = scope.ChallengeDigest(b.Challenge)
		if bound = c.Content == content; !bound {
			r.fail(TextAltered, "the challenge was made for another text")
		}
	}
	if scope.Message(content, digest) != b.Proof.Message && bound {
		if len(b.Challenge) > 0 {
			r.fail(ChallengeInvalid, "the proof answers another challenge")
		} else {
			r.fail(TextAltered, "the proof was made for another text or challenge")
		}
	}
}

// challenge opens the token: under the relying party's keys if they are known.
func (r *Report) challenge(b *Bundle, cfg CheckConfig) (c scope.Challenge, err error) {
	if len(cfg.RPKeys) > 0 {
		c, err = scope.OpenChallenge(b.Challenge, cfg.RPKeys)
	} else {
		c, err = scope.ParseChallenge(b.Challenge)
	}
	if err != nil {
		return c, err
	}
	if c.RP != scope.HashString(b.Post.RP) {
		r.fail(WrongRP, "the challenge was made by another site")
	}
	if c.Action != scope.HashString(b.Action) {
		r.fail(WrongAction, "the challenge was made for another action")
	}
	return c, nil
}

// scope computes the scope again.
func (r *Report) scope(b *Bundle, cfg CheckConfig) {
	if cfg.MaxK > 0 && b.Slot >= cfg.MaxK {
		r.fail(SlotOutOfRange, "the slot is beyond the cap")
	}
	want, err := scope.Compute(b.Post.RP, b.Action, b.Period, b.Slot)
	switch {
	case errors.Is(err, scope.ErrSlot):
		r.fail(SlotOutOfRange, err.Error())
	case errors.Is(err, scope.ErrRP), errors.Is(err, scope.ErrAction):
		r.fail(Malformed, err.Error())
	case err != nil:
		r.fail(PeriodInvalid, err.Error())
	case want != b.Proof.Scope:
		r.fail(ScopeMismatch, "the proof was made for another site, action, period or slot")
	}
}

// root compares the proof's root with the entry's.
func (r *Report) root(b *Bundle) {
	switch {
	case b.Proof.MerkleTreeRoot.IsZero():
		r.fail(RootZero, "anybody can prove against root 0")
	case b.Proof.MerkleTreeRoot != b.RootProof.Entry.Root:
		r.fail(RootMismatch, "the root proof is about another root")
	}
}

// log checks that the entry stands in the issuer's signed log.
func (r *Report) log(b *Bundle, cfg CheckConfig) {
	v, err := setlog.ParseVKey(cfg.Issuer)
	if err != nil {
		r.fail(WrongIssuer, "the issuer's key is not usable: "+err.Error())
		return
	}
	if b.Issuer != v.Name() {
		r.fail(WrongIssuer, "the set belongs to "+b.Issuer)
		return
	}
	c, _, err := b.RootProof.Verify(v)
	if err != nil {
		r.fail(RootUnproven, err.Error())
		return
	}
	r.LogSize = c.Size
}

// receipt checks the relying party's word, and that it fits the rest.
func (r *Report) receipt(b *Bundle, cfg CheckConfig) {
	rc := b.Receipt
	if rc == nil {
		r.note(ReceiptMissing, "without a receipt nothing shows when this was accepted, nor that the cap was kept")
		return
	}
	r.AcceptedAt = rc.AcceptedAt
	if len(cfg.RPKeys) == 0 {
		r.note(ReceiptUnchecked, "no key of the relying party to check the receipt with")
		return
	}
	signed := false
	for _, pub := range cfg.RPKeys {
		signed = signed || receiptOf(b.Proof, rc.RootSeq, rc.AcceptedAt).Verify(pub, rc.Signature) == nil
	}
	switch e := b.RootProof.Entry; {
	case !signed:
		r.fail(ReceiptInvalid, "no key of the relying party signed the receipt")
	case rc.RootSeq != e.Seq:
		r.fail(ReceiptInvalid, "the receipt names another root")
	case rc.AcceptedAt > 1<<40:
		r.fail(ReceiptInvalid, "no such time")
	case b.Period.Len > 0 && (rc.AcceptedAt < b.Period.Start || rc.AcceptedAt-b.Period.Start >= b.Period.Len):
		r.fail(ReceiptInvalid, "accepted outside the period of the proof")
	case rc.AcceptedAt+uint64(scope.Skew/time.Second) < uint64(e.Day)*86400:
		r.fail(ReceiptInvalid, "accepted before the day of the set's entry")
	case !challengeLive(b, rc.AcceptedAt):
		r.fail(ReceiptInvalid, "accepted outside the life of the challenge")
	default:
		r.Time, r.Cap = Proven, Proven
	}
}

func challengeLive(b *Bundle, at uint64) bool {
	if len(b.Challenge) == 0 {
		return true
	}
	c, err := scope.ParseChallenge(b.Challenge)
	return err == nil && c.Live(time.Unix(int64(at), 0))
}
