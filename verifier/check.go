package verifier

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// inquiry is one request on its way through the checks.
type inquiry struct {
	v      *Verifier
	req    Request
	now    time.Time
	commit bool

	token     []byte
	challenge scope.Challenge
	table     slotTable
	slot      uint32
	root      setlog.RootInfo
	bound     Bound
	late      *api.Error // why only a repeat may pass
	seen      Outcome    // what the store said before the pairing; decides nothing
}

// The checks in their order, cheap first (protocol.md section 4), up to the
// pairing. Each gives nil or the reason to stop.
var checks = [...]func(*inquiry, context.Context) *api.Error{
	(*inquiry).form,
	(*inquiry).binding,
	(*inquiry).signature,
	(*inquiry).live,
	(*inquiry).audience,
	(*inquiry).scope,
	(*inquiry).message,
	(*inquiry).onePerson,
	(*inquiry).rootKnown,
	(*inquiry).bounded,
	(*inquiry).unspent,
	(*inquiry).thawed,
}

// cheap runs every check but the pairing. With a commit ahead, a refusal that
// only means that time went by is put aside if the store holds this very act
// under this very key: then the commit answers what it answered first.
func (q *inquiry) cheap(ctx context.Context) *api.Error {
	for _, check := range checks {
		stop := check(q, ctx)
		if stop == nil {
			continue
		}
		if q.commit && q.req.IdempotencyKey != "" && slices.Contains(passing, stop.Code) && q.repeats(ctx) {
			q.late = stop
			return nil
		}
		return stop
	}
	return nil
}

// proofs are all that the request holds.
func (q *inquiry) proofs() []*semaphore.Proof {
	return append([]*semaphore.Proof{q.req.Proof}, q.req.And...)
}

func (q *inquiry) form(context.Context) *api.Error { return q.v.checkForm(q.req) }

func (q *inquiry) binding(ctx context.Context) *api.Error {
	t, err := q.v.table(ctx, q.req.Action, q.req.Policy, q.req.Policy.Period(q.now), q.commit)
	if err != nil {
		return coded(err)
	}
	q.table = t
	return nil
}

func (q *inquiry) signature(ctx context.Context) *api.Error {
	if q.req.Challenge == "" {
		return api.Errorf(api.ChallengeMissing, "")
	}
	var err error
	if q.token, err = scope.DecodeToken(q.req.Challenge); err != nil {
		return api.Wrap(api.ChallengeInvalid, err)
	}
	if q.challenge, err = q.v.keys.open(ctx, q.token); err != nil {
		return api.Wrap(api.ChallengeInvalid, err)
	}
	return nil
}

func (q *inquiry) live(context.Context) *api.Error {
	switch {
	case q.challenge.Live(q.now):
		return nil
	case q.now.Unix() < int64(q.challenge.Issued):
		return api.Errorf(api.ChallengeInvalid, "the challenge is from the future")
	}
	return api.Errorf(api.ChallengeExpired, "")
}

func (q *inquiry) audience(context.Context) *api.Error {
	c := q.challenge
	origin, ours := q.v.origins[c.Origin]
	switch {
	case c.RP != scope.HashString(q.v.cfg.RP):
		return api.Errorf(api.ChallengeWrongRP, "")
	case c.Action != scope.HashString(q.req.Action):
		return api.Errorf(api.ChallengeWrongAction, "")
	case !ours || q.req.Origin != "" && q.req.Origin != origin:
		return api.Errorf(api.ChallengeWrongOrigin, "")
	case c.Session != scope.HashString(q.req.Session):
		return api.Errorf(api.ChallengeWrongSession, "")
	}
	return nil
}

func (q *inquiry) scope(context.Context) *api.Error {
	slot, ok := q.table.slots[q.req.Proof.Scope]
	if !ok || slices.ContainsFunc(q.req.And, func(p *semaphore.Proof) bool { return p.Scope != q.req.Proof.Scope }) {
		return api.Errorf(api.ScopeMismatch, "")
	}
	q.slot = slot
	return nil
}

func (q *inquiry) message(context.Context) *api.Error {
	if !q.challenge.Content.IsZero() && q.challenge.Content != q.req.Content {
		return api.Errorf(api.MessageMismatch, "the challenge was made for other content")
	}
	want := scope.Message(q.req.Content, scope.ChallengeDigest(q.token))
	if slices.ContainsFunc(q.proofs(), func(p *semaphore.Proof) bool { return p.Message != want }) {
		return api.Errorf(api.MessageMismatch, "")
	}
	return nil
}

// onePerson demands that several proofs show one nullifier, which only one
// secret gives in one scope, and different roots: one set is not two.
func (q *inquiry) onePerson(context.Context) *api.Error {
	roots := map[semaphore.Element]bool{}
	for _, p := range q.proofs() {
		if p.Nullifier != q.req.Proof.Nullifier {
			return api.Errorf(api.NullifierMismatch, "")
		}
		if roots[p.MerkleTreeRoot] && !p.MerkleTreeRoot.IsZero() {
			return api.Errorf(api.IssuerMissing, "two proofs are about one set")
		}
		roots[p.MerkleTreeRoot] = true
	}
	return nil
}

// unspent asks the store what it would answer. That saves the pairing for
// those who are too late; it lets nobody in.
func (q *inquiry) unspent(ctx context.Context) *api.Error {
	var err error
	if q.seen, err = q.v.cfg.Store.Spent(ctx, q.act(nil)); err != nil {
		return storeError(err)
	}
	if q.seen.Replayed {
		return nil // a repeat: the commit answers
	}
	return refusal(q.seen)
}

// pairing verifies the proofs, in the queue if there is one.
func (q *inquiry) pairing(ctx context.Context) *api.Error {
	for _, p := range q.proofs() {
		if stop := proofVerdict(q.v.pairings.one(ctx, q.req.client(), p)); stop != nil {
			return stop
		}
	}
	return nil
}

// proofVerdict gives what is said about a proof its wire code.
func proofVerdict(err error) *api.Error {
	var known *api.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, semaphore.ErrNotCanonical), errors.Is(err, semaphore.ErrRange):
		return proofError(err)
	}
	return api.Wrap(api.ProofInvalid, err)
}

// act is what Consume writes.
func (q *inquiry) act(record []byte) Act {
	expires := time.Unix(int64(q.challenge.Expires), 0).Add(scope.Skew)
	a := Act{
		Environment: q.v.cfg.Environment,
		Nonce:       q.challenge.Nonce, Expires: expires,
		Scope: q.req.Proof.Scope, Nullifier: q.req.Proof.Nullifier, Message: q.req.Proof.Message,
		Returning:  q.req.Policy.Kind == scope.KindReturning,
		Credential: q.req.Credential, Key: q.req.IdempotencyKey,
		Now: q.now, RootSeq: q.root.Seq, Record: record,
	}
	if end := q.table.period.End(); end != 0 {
		a.Closes = time.Unix(int64(end), 0)
		if a.Closes.Before(expires) { // never forget a nullifier before its nonce
			a.Closes = expires
		}
	}
	return a
}

// refusal maps a store's outcome to its wire code; nil if it is an acceptance.
func refusal(o Outcome) *api.Error {
	switch o.Result {
	case Accepted:
		return nil
	case NonceUsed:
		return api.Errorf(api.ChallengeAlreadyUsed, "")
	case NullifierUsed:
		return api.Errorf(api.NullifierAlreadyUsed, "")
	case KeyConflict:
		return api.Errorf(api.IdempotencyKeyConflict, "")
	}
	return api.Errorf(api.StoreUnavailable, "")
}

// record is what a repeat needs of the first verdict, kept with the nonce.
type record struct {
	ID    string `json:"id"`
	Slot  uint32 `json:"slot"`
	K     uint32 `json:"k"`
	Start uint64 `json:"start"`
	Root  string `json:"root"`
	Seq   uint64 `json:"seq"`
	Live  uint64 `json:"live"`
	Bound uint32 `json:"bound"`

	Renewal uint64 `json:"renewal,omitempty"`
}

func (q *inquiry) record() (record, error) {
	var id [16]byte
	if _, err := io.ReadFull(q.v.cfg.Rand, id[:]); err != nil {
		return record{}, err
	}
	return record{
		ID: "ver_" + scope.EncodeToken(id[:]), Slot: q.slot, K: q.table.k, Start: q.table.period.Start,
		Root: q.req.Proof.MerkleTreeRoot.String(), Seq: q.root.Seq, Live: q.root.Live,
		Bound: q.bound.Secrets, Renewal: q.bound.Renewal,
	}, nil
}

// coded gives an error its wire code, if it has none yet.
func coded(err error) *api.Error {
	var e *api.Error
	if errors.As(err, &e) {
		return e
	}
	return api.Wrap(api.Internal, err)
}
