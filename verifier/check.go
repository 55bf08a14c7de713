package verifier

import (
	"context"
	"errors"
	"io"
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
	seen      Outcome // what the store said before the pairing; decides nothing
}

// The checks in their order, cheap first (protocol.md section 4). Each gives
// nil or the reason to stop.
var checks = [...]func(*inquiry, context.Context) *api.Error{
	(*inquiry).form,
	(*inquiry).binding,
	(*inquiry).signature,
	(*inquiry).live,
	(*inquiry).audience,
	(*inquiry).scope,
	(*inquiry).message,
	(*inquiry).rootKnown,
	(*inquiry).unspent,
	(*inquiry).pairing,
}

func (q *inquiry) run(ctx context.Context) *api.Error {
	for _, check := range checks {
		if err := check(q, ctx); err != nil {
			return err
		}
	}
	return nil
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

func (q *inquiry) signature(context.Context) *api.Error {
	if q.req.Challenge == "" {
		return api.Errorf(api.ChallengeMissing, "")
	}
	var err error
	if q.token, err = scope.DecodeToken(q.req.Challenge); err != nil {
		return api.Wrap(api.ChallengeInvalid, err)
	}
	if q.challenge, err = scope.OpenChallenge(q.token, q.v.public); err != nil {
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
	if !ok {
		return api.Errorf(api.ScopeMismatch, "")
	}
	q.slot = slot
	return nil
}

func (q *inquiry) message(context.Context) *api.Error {
	if !q.challenge.Content.IsZero() && q.challenge.Content != q.req.Content {
		return api.Errorf(api.MessageMismatch, "the challenge was made for other content")
	}
	if q.req.Proof.Message != scope.Message(q.req.Content, scope.ChallengeDigest(q.token)) {
		return api.Errorf(api.MessageMismatch, "")
	}
	return nil
}

func (q *inquiry) rootKnown(ctx context.Context) *api.Error {
	var err error
	if q.root, err = q.v.cfg.Roots.Root(ctx, q.req.Proof.MerkleTreeRoot, q.now); err != nil {
		return refuseRoot(err)
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

func (q *inquiry) pairing(ctx context.Context) *api.Error {
	err := q.v.pairing.do(ctx, func() error { return q.v.cfg.Proofs.Verify(q.req.Proof) })
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
}

func (q *inquiry) record() (record, error) {
	var id [16]byte
	if _, err := io.ReadFull(q.v.cfg.Rand, id[:]); err != nil {
		return record{}, err
	}
	return record{
		ID: "ver_" + scope.EncodeToken(id[:]), Slot: q.slot, K: q.table.k, Start: q.table.period.Start,
		Root: q.req.Proof.MerkleTreeRoot.String(), Seq: q.root.Seq, Live: q.root.Live, Bound: q.v.cfg.Bound,
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
