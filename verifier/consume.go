package verifier

import (
	"context"
	"encoding/json"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Check decides everything about a request except who was first, and writes
// nothing. Its yes is worth nothing a moment later: let nobody act on it.
func (v *Verifier) Check(ctx context.Context, r Request) (api.Verdict, error) {
	q := &inquiry{v: v, req: r, now: v.cfg.Now()}
	stop := q.cheap(ctx)
	if stop == nil {
		stop = q.pairing(ctx)
	}
	var rec record
	if stop == nil {
		var err error
		if rec, err = q.record(); err != nil {
			stop = api.Wrap(api.Internal, err)
		} else if q.seen.Replayed {
			rec, stop = q.replayed(q.seen)
		}
	}
	return q.answer(q.seen, rec, stop)
}

// Consume decides, and spends the nullifier. A refusal is a Verdict with
// Success false; an error (*api.Error) means that nothing could be decided, or,
// with api.InDoubt, that it is not known what was written. It blocks for the
// issuer's answer if the root is not known, for the queue, and for the store's
// commit.
func (v *Verifier) Consume(ctx context.Context, r Request) (api.Verdict, error) {
	q := &inquiry{v: v, req: r, now: v.cfg.Now(), commit: true}
	stop := q.cheap(ctx)
	if stop == nil {
		stop = q.pairing(ctx)
	}
	if stop != nil {
		return q.answer(q.seen, record{}, stop)
	}
	return q.spend(ctx)
}

// spend commits an act whose proofs are good.
func (q *inquiry) spend(ctx context.Context) (api.Verdict, error) {
	rec, err := q.record()
	if err != nil {
		return q.answer(Outcome{}, rec, api.Wrap(api.Internal, err))
	}
	kept, err := q.keep(rec)
	if err != nil {
		return q.answer(Outcome{}, rec, api.Wrap(api.Internal, err))
	}
	act := q.act(kept)
	if q.v.cfg.Events != nil {
		act.Event = q.v.cfg.Events(q.verdict(q.seen, rec, nil))
	}
	out, err := q.v.cfg.Store.Spend(ctx, act)
	if err != nil {
		return q.answer(Outcome{}, rec, storeError(err))
	}
	stop := refusal(out)
	if q.late != nil && !out.Replayed { // it was forgotten since repeats saw it
		return q.answer(Outcome{}, rec, q.late)
	}
	if out.Replayed {
		var bad *api.Error
		if rec, bad = q.replayed(out); bad != nil {
			stop = bad
		}
	}
	return q.answer(out, rec, stop)
}

// keep is what the store holds for a repeat; without a key there is none.
func (q *inquiry) keep(rec record) ([]byte, error) {
	if q.req.IdempotencyKey == "" {
		return nil, nil
	}
	return json.Marshal(rec)
}

func (q *inquiry) replayed(o Outcome) (record, *api.Error) {
	var rec record
	if err := json.Unmarshal(o.Record, &rec); err != nil {
		return rec, api.Wrap(api.Internal, err)
	}
	return rec, nil
}

// passing are the refusals that only mean that time went by. A request that
// was written when it was in time may be sent again later.
var passing = []api.Code{api.ChallengeExpired, api.ScopeMismatch, api.RootUnknown, api.RootExpired, api.RootNotSnapshot, api.RootsStale}

// repeats reports whether the store holds this very act under this very key.
func (q *inquiry) repeats(ctx context.Context) bool {
	for _, check := range []func(*inquiry, context.Context) *api.Error{
		(*inquiry).audience, (*inquiry).message, (*inquiry).onePerson,
	} {
		if check(q, ctx) != nil {
			return false
		}
	}
	seen, err := q.v.cfg.Store.Spent(ctx, q.act(nil))
	if err != nil || !seen.Replayed {
		return false
	}
	q.seen = seen
	return true
}

// answer turns the end of an inquiry into a verdict or an error, and counts it.
func (q *inquiry) answer(out Outcome, rec record, stop *api.Error) (api.Verdict, error) {
	code := api.OK
	if stop != nil {
		code = stop.Code
	}
	q.v.Observe(code)
	if code.Info().Status != 200 {
		return api.Verdict{}, stop
	}
	return q.verdict(out, rec, stop), nil
}

// verdict is what is said of an outcome.
func (q *inquiry) verdict(out Outcome, rec record, stop *api.Error) api.Verdict {
	policy, code := q.req.Policy, api.OK
	if stop != nil {
		code = stop.Code
	}
	verdict := q.v.Refuse(q.req.Action, policy, code)
	verdict.Success = stop == nil
	if stop != nil && code != api.NullifierAlreadyUsed {
		return verdict
	}
	verdict.Replayed = out.Replayed
	verdict.Nullifier = q.req.Proof.Nullifier.String()
	verdict.FirstSeenAt = uint64(max(out.FirstSeen.Unix(), 0))
	if stop != nil {
		same := out.SameMessage
		verdict.SameMessage = &same
		return verdict
	}
	verdict.Returning = out.Returned
	verdict.Root, verdict.RootSeq, verdict.SetSize = rec.Root, rec.Seq, rec.Live
	verdict.Bound, verdict.Renewal, verdict.VerificationID = rec.Bound, rec.Renewal, rec.ID
	if policy.Kind == scope.KindPerEpoch {
		slot := rec.Slot
		verdict.Slot, verdict.K = &slot, rec.K
		verdict.Period = &api.Period{Start: rec.Start, Len: policy.Len}
	}
	return verdict
}

// Refuse is the verdict of a refusal that was decided before a request could be
// made of what came in. It counts nothing.
func (v *Verifier) Refuse(action string, p scope.Policy, code api.Code) api.Verdict {
	return Refusal(v.cfg.Environment, action, p, code)
}

// Refusal is Refuse without a Verifier.
func Refusal(environment, action string, p scope.Policy, code api.Code) api.Verdict {
	verdict := api.Verdict{
		Code: code, Action: action, Policy: p.Kind.String(), Snapshot: p.Snapshot, Environment: environment,
		Retryable: code.Retryable(), ErrorCodes: []string{},
	}
	if s := code.Info().Siteverify; s != "" {
		verdict.ErrorCodes = append(verdict.ErrorCodes, s)
	}
	return verdict
}
