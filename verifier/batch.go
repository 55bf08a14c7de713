package verifier

import (
	"context"
	"sync"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
)

// MaxBatch is the most requests that ConsumeBatch takes.
const MaxBatch = 512

// BatchResult is what became of one request of a batch: what Consume would have
// given.
type BatchResult struct {
	Verdict api.Verdict
	Err     error // *api.Error: nothing was decided about this one
}

// ConsumeBatch is Consume for up to MaxBatch requests at a price far below that
// of single ones: their proofs are verified together, and their acts are handed
// to the store at one time, for its group commit. Each request is decided on
// its own, in no order: of two that spend one nullifier or one challenge exactly
// one is accepted.
//
// The batch has one place among MaxPairings and does not go through the queue:
// a bad proof costs those that share the batch with it, who came from the same
// caller, and nobody else. It blocks until all are decided.
func (v *Verifier) ConsumeBatch(ctx context.Context, requests []Request) []BatchResult {
	out := make([]BatchResult, len(requests))
	if len(requests) > MaxBatch {
		for i := range out {
			v.Observe(api.TooLarge)
			out[i].Err = api.Errorf(api.TooLarge, "a batch has at most %d requests", MaxBatch)
		}
		return out
	}
	now := v.cfg.Now()
	open := make([]*inquiry, 0, len(requests)) // those whose proofs have to be looked at
	at := make([]int, 0, len(requests))
	for i, r := range requests {
		q := &inquiry{v: v, req: r, now: now, commit: true}
		if stop := q.cheap(ctx); stop != nil {
			out[i].Verdict, out[i].Err = q.answer(q.seen, record{}, stop)
			continue
		}
		open, at = append(open, q), append(at, i)
	}
	stops := v.pairAll(ctx, open)
	var commits sync.WaitGroup
	for i, q := range open {
		if stops[i] != nil {
			out[at[i]].Verdict, out[at[i]].Err = q.answer(q.seen, record{}, stops[i])
			continue
		}
		commits.Go(func() { out[at[i]].Verdict, out[at[i]].Err = q.spend(ctx) })
	}
	commits.Wait()
	return out
}

// pairAll verifies the proofs of many inquiries and gives each its reason to
// stop, or nil.
func (v *Verifier) pairAll(ctx context.Context, open []*inquiry) []*api.Error {
	var proofs []*semaphore.Proof
	for _, q := range open {
		proofs = append(proofs, q.proofs()...)
	}
	stops := make([]*api.Error, len(open))
	verdicts, err := v.pairings.all(ctx, proofs)
	for i, q := range open {
		if err != nil {
			stops[i] = coded(err)
			continue
		}
		for range q.proofs() {
			if stops[i] == nil {
				stops[i] = proofVerdict(verdicts[0])
			}
			verdicts = verdicts[1:]
		}
	}
	return stops
}
