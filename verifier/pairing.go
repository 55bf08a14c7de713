package verifier

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
)

// pairings is where proofs are verified: in the queue, together with those of
// other callers, or one by one and in whole batches in a room with so many
// places. Both are bounded: whoever finds no place to wait is told so at once,
// so that a flood of bad proofs costs memory for that many requests and no more.
type pairings struct {
	proofs *semaphore.Verifier
	queue  *semaphore.Queue // nil: each proof alone, in the room
	room   *room
	wait   time.Duration // how long a proof may wait for its verdict
}

func newPairings(cfg Config) *pairings {
	p := &pairings{proofs: cfg.Proofs, room: newRoom(cfg.MaxPairings, cfg.MaxWaiting), wait: cfg.MaxWait}
	if !cfg.NoQueue {
		p.queue = semaphore.NewQueue(cfg.Proofs, cfg.Queue)
	}
	return p
}

// one verifies a proof of a client. Its error is *api.Error if it says nothing
// about the proof, else that of semaphore.Verifier.Verify.
func (p *pairings) one(ctx context.Context, client string, proof *semaphore.Proof) error {
	ctx, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	if p.queue == nil {
		return p.room.do(ctx, func() error { return p.proofs.Verify(proof) })
	}
	err := p.queue.Verify(ctx, client, proof)
	if errors.Is(err, semaphore.ErrQueueFull) || errors.Is(err, semaphore.ErrQueueClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return overloaded(err)
	}
	return err
}

// all verifies proofs that came in one request, as one batch with one place in
// the room. The first error is about the batch: it was not looked at.
func (p *pairings) all(ctx context.Context, proofs []*semaphore.Proof) (verdicts []error, err error) {
	if len(proofs) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	err = p.room.do(ctx, func() error {
		verdicts = p.proofs.VerifyBatch(proofs)
		return nil
	})
	return verdicts, err
}

func overloaded(cause error) *api.Error {
	return &api.Error{Code: api.Overloaded, RetryAfter: time.Second, Err: cause}
}

// room bounds how much is worked at, and waited for, at one time.
type room struct {
	running chan struct{}
	waiting atomic.Int64
	chairs  int64
}

func newRoom(running, waiting int) *room {
	return &room{running: make(chan struct{}, running), chairs: int64(waiting)}
}

var errRoomFull = errors.New("verifier: too many proofs are waiting")

// do runs f within the bounds.
func (p *room) do(ctx context.Context, f func() error) error {
	select {
	case p.running <- struct{}{}:
	default:
		if p.waiting.Add(1) > p.chairs {
			p.waiting.Add(-1)
			return overloaded(errRoomFull)
		}
		select {
		case p.running <- struct{}{}:
			p.waiting.Add(-1)
		case <-ctx.Done():
			p.waiting.Add(-1)
			return overloaded(ctx.Err())
		}
	}
	defer func() { <-p.running }()
	return f()
}

// Bounded runs f, which checks proofs, with MaxPairings of its kind at one time
// and MaxWaiting that wait. Its error is f's, or *api.Error with
// api.Overloaded.
func (v *Verifier) Bounded(ctx context.Context, f func() error) error {
	return v.pairings.room.do(ctx, f)
}

// Proofs gives the verifier of proofs alone, for use inside Bounded.
func (v *Verifier) Proofs() *semaphore.Verifier { return v.cfg.Proofs }

// QueueStats gives the counters of the queue; zeros with Config.NoQueue.
func (v *Verifier) QueueStats() semaphore.QueueStats {
	if v.pairings.queue == nil {
		return semaphore.QueueStats{}
	}
	return v.pairings.queue.Stats()
}

// Close lets no more proofs into the queue and waits until those in it have
// their verdicts: some milliseconds. What comes later is answered with
// api.Overloaded. The store stays open.
func (v *Verifier) Close() {
	if v.pairings.queue != nil {
		v.pairings.queue.Close()
	}
}
