package wallet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// maxTaken bounds how many proofs one Answer makes because another process took
// the slot first; maxAnswers bounds the answers to Returning that are
// remembered.
const (
	maxTaken   = 4
	maxAnswers = 256
)

// Prompt is what a person needs to see before deciding.
type Prompt struct {
	RP, Action string
	Policy     scope.Policy
	Period     scope.Period
	Content    scope.Digest
	Left       int    // how often this wallet can still do it in this period, this time included
	Crowd      uint64 // live members that the person hides among; 0 for a Resend after which the set got out of reach
	Resend     bool   // this challenge was answered before: Answer returns the same bytes
	KeyChecked bool   // the challenge's signature was verified
	Expires    time.Time
}

// Answer is a proof for one challenge. Response is the whole of what goes to
// the relying party.
type Answer struct {
	Response  string // "<packed proof>.<challenge>"
	RP        string
	Scope     semaphore.Uint256
	Nullifier semaphore.Element
	Period    scope.Period
	Slot      uint32
	Resent    bool
}

// answered is an answer to a Returning challenge.
type answered struct {
	response string
	expires  uint64
}

// checked is a request after every rule that concerns it alone.
type checked struct {
	book      Book
	policy    scope.Policy
	token     []byte
	digest    scope.Digest // of the token
	challenge scope.Challenge
	content   scope.Digest
}

// check holds a request against its origin and its challenge.
func (w *Wallet) check(r Request) (checked, error) {
	q := checked{policy: r.Policy, content: r.Content}
	rp, err := scope.RPFromOrigin(r.Origin)
	if err != nil {
		return q, wrap(OriginRefused, "", err)
	}
	if err := scope.ValidateAction(r.Action); err != nil {
		return q, wrap(RequestInvalid, "", err)
	}
	if err := r.Policy.Validate(); err != nil {
		return q, wrap(RequestInvalid, "", err)
	}
	if q.token, err = scope.DecodeToken(r.Challenge); err != nil {
		return q, wrap(ChallengeInvalid, "", err)
	}
	if r.Keys == nil {
		q.challenge, err = scope.ParseChallenge(q.token)
	} else {
		q.challenge, err = scope.OpenChallenge(q.token, r.Keys)
	}
	if err != nil {
		return q, wrap(ChallengeInvalid, "", err)
	}
	now := w.cfg.Now()
	for _, rule := range []struct {
		holds  bool
		code   Code
		detail string
	}{
		{q.challenge.RP == scope.HashString(rp), ChallengeWrongRP, "the challenge was made for another site"},
		{q.challenge.Origin == scope.HashString(r.Origin), ChallengeWrongOrigin, "the challenge was made for another origin"},
		{q.challenge.Action == scope.HashString(r.Action), ChallengeWrongAction, "the challenge was made for another action"},
		{q.challenge.Content == r.Content, MessageMismatch, "the challenge was made for other content"},
		{q.challenge.Live(now), ChallengeExpired, "the challenge is not valid now"},
	} {
		if !rule.holds {
			return q, refuse(rule.code, rule.detail)
		}
	}
	q.digest = scope.ChallengeDigest(q.token)
	q.book = Book{RP: rp, Action: r.Action, Period: r.Policy.Period(now)}
	return q, nil
}

// Prepare applies every rule to a request and proves nothing: what a wallet
// calls to fill its consent screen. It fails where Answer would.
func (w *Wallet) Prepare(ctx context.Context, r Request) (Prompt, error) {
	s, err := w.unlocked()
	if err != nil {
		return Prompt{}, err
	}
	q, err := w.check(r)
	if err != nil {
		return Prompt{}, err
	}
	p, err := w.plan(ctx, s, q)
	if err != nil {
		return Prompt{}, err
	}
	prompt := Prompt{
		RP: q.book.RP, Action: q.book.Action, Policy: q.policy, Period: q.book.Period, Content: q.content,
		Left: p.left, Resend: p.again != "", KeyChecked: r.Keys != nil,
		Expires: time.Unix(int64(q.challenge.Expires), 0),
	}
	m, _, err := w.ready(s, q.policy.Snapshot)
	prompt.Crowd = m.crowd
	if prompt.Resend {
		err = nil // what was made is sent, whatever has become of the set
	}
	return prompt, err
}

// Answer makes the proof, writes its slot down, and returns it. Call it only
// after the person has agreed to this very request. It uses no network. A
// second call with the same challenge returns the same bytes.
func (w *Wallet) Answer(ctx context.Context, r Request) (Answer, error) {
	w.answering.Lock()
	defer w.answering.Unlock()
	s, err := w.unlocked()
	if err != nil {
		return Answer{}, err
	}
	q, err := w.check(r)
	if err != nil {
		return Answer{}, err
	}
	for range maxTaken {
		p, err := w.plan(ctx, s, q)
		if err != nil {
			return Answer{}, err
		}
		if p.again != "" {
			a, err := w.describe(s, q, p.slot)
			a.Response, a.Resent = p.again, true
			return a, err
		}
		a, err := w.prove(ctx, s, q, p.order[0])
		if err != nil {
			return Answer{}, err
		}
		err = w.take(ctx, q, a)
		if err == nil {
			return a, nil
		}
		if !errors.Is(err, ErrTaken) {
			return Answer{}, wrap(StoreUnavailable, "the slot could not be written down", err)
		}
	}
	return Answer{}, refuse(StoreUnavailable, "other processes keep taking the slots")
}

// take writes a slot down before its proof is shown.
func (w *Wallet) take(ctx context.Context, q checked, a Answer) error {
	if q.policy.Kind == scope.KindReturning {
		w.remember(q, a.Response)
		return nil
	}
	return w.cfg.Store.Take(ctx, q.book, Use{Challenge: q.digest, Slot: a.Slot, Response: a.Response})
}

// describe fills in everything about an answer but the response.
func (w *Wallet) describe(s *secret, q checked, slot uint32) (Answer, error) {
	sc, err := q.book.Scope(slot)
	if err != nil {
		return Answer{}, wrap(RequestInvalid, "", err)
	}
	return Answer{RP: q.book.RP, Scope: sc, Nullifier: s.id.Nullifier(sc), Period: q.book.Period, Slot: slot}, nil
}

// prove makes the proof for one slot and compares it with what was asked.
func (w *Wallet) prove(ctx context.Context, s *secret, q checked, slot uint32) (Answer, error) {
	m, _, err := w.ready(s, q.policy.Snapshot)
	if err != nil {
		return Answer{}, err
	}
	prover := w.cfg.Prover
	if prover == nil || prover.Prove == nil {
		return Answer{}, refuse(NotSynced, "this wallet has no prover")
	}
	if len(m.path.Siblings) > prover.Depth {
		return Answer{}, refuse(ProofFailed, fmt.Sprintf("the set is deeper than proofs of depth %d", prover.Depth))
	}
	a, err := w.describe(s, q, slot)
	if err != nil {
		return Answer{}, err
	}
	message := scope.Message(q.content, q.digest)
	p, err := prover.Prove(ctx, s.id, m.path, message, a.Scope)
	if err != nil {
		return Answer{}, wrap(ProofFailed, "", err)
	}
	if p.MerkleTreeRoot != m.path.Root || p.Nullifier != a.Nullifier || p.Message != message || p.Scope != a.Scope || p.MerkleTreeDepth != prover.Depth {
		return Answer{}, refuse(ProofFailed, "the proof is not the one that was asked for")
	}
	if w.cfg.Verify != nil {
		if err := w.cfg.Verify(p); err != nil {
			return Answer{}, wrap(ProofFailed, "the proof does not verify", err)
		}
	}
	packed, err := p.Packed()
	if err != nil {
		return Answer{}, wrap(ProofFailed, "", err)
	}
	a.Response = packed + "." + scope.EncodeToken(q.token)
	return a, nil
}

// Settle tells the wallet what a verifier answered to the proof for a
// challenge. It is optional: a use with no outcome stays used. AlreadyUsed
// counts: after two in a row no further slot of that period is shown. NotSpent
// frees a slot only where there is no other.
func (w *Wallet) Settle(ctx context.Context, b Book, challenge string, o Outcome) error {
	token, err := scope.DecodeToken(challenge)
	if err != nil || o > NotSpent || o == Shown {
		return refuse(RequestInvalid, "nothing to settle")
	}
	w.answering.Lock()
	defer w.answering.Unlock()
	if err := w.cfg.Store.Settle(ctx, b, scope.ChallengeDigest(token), o); err != nil {
		return wrap(StoreUnavailable, "outcome", err)
	}
	return nil
}

// Also makes the proof for an act that another wallet, of the same person at
// another issuer, has answered for: first is that answer. Scope, message, slot
// and nullifier are those of the first, so it uses no slot and writes nothing
// down; the answer's response holds all proofs so far, as relying parties want it
// that demand several issuers. Every rule about the request and about this
// issuer's set holds as in Answer.
func (w *Wallet) Also(ctx context.Context, r Request, first Answer) (Answer, error) {
	w.answering.Lock()
	defer w.answering.Unlock()
	s, err := w.unlocked()
	if err != nil {
		return Answer{}, err
	}
	q, err := w.check(r)
	if err != nil {
		return Answer{}, err
	}
	proofs, challenge := first.split()
	if challenge != scope.EncodeToken(q.token) {
		return Answer{}, refuse(RequestInvalid, "the first answer is to another challenge")
	}
	a, err := w.prove(ctx, s, q, first.Slot)
	if err != nil {
		return Answer{}, err
	}
	if a.Nullifier != first.Nullifier || a.Scope != first.Scope {
		return Answer{}, refuse(RequestInvalid, "the first answer is of another person or act")
	}
	a.Response = proofs + "." + a.Response
	a.Resent = first.Resent
	return a, nil
}

// split parts the proofs of a response from the challenge at its end.
func (a Answer) split() (proofs, challenge string) {
	i := strings.LastIndexByte(a.Response, '.')
	if i < 0 {
		return "", ""
	}
	return a.Response[:i], a.Response[i+1:]
}

// Book gives the book that an answer's slot is counted in, for Settle.
func (a Answer) Book(action string) Book { return Book{RP: a.RP, Action: action, Period: a.Period} }

func (w *Wallet) recent(challenge scope.Digest) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.answers[challenge]
	return a.response, ok
}

// remember keeps an answer to Returning until its challenge has expired.
func (w *Wallet) remember(q checked, response string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := uint64(w.cfg.Now().Add(-scope.Skew).Unix())
	for d, a := range w.answers {
		if a.expires <= limit || len(w.answers) >= maxAnswers {
			delete(w.answers, d)
		}
	}
	w.answers[q.digest] = answered{response, q.challenge.Expires}
}
