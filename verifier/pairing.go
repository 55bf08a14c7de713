package verifier

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
)

// pairing bounds how many proofs are checked at one time and how many may wait
// for it. Whoever finds the waiting room full is told so at once: a flood of
// bad proofs then costs memory for that many requests and no more.
type pairing struct {
	running chan struct{}
	waiting atomic.Int64
	room    int64
}

func newPairing(running, waiting int) *pairing {
	return &pairing{running: make(chan struct{}, running), room: int64(waiting)}
}

func overloaded() *api.Error {
	return &api.Error{Code: api.Overloaded, RetryAfter: time.Second}
}

// do runs f within the bounds.
func (p *pairing) do(ctx context.Context, f func() error) error {
	select {
	case p.running <- struct{}{}:
	default:
		if p.waiting.Add(1) > p.room {
			p.waiting.Add(-1)
			return overloaded()
		}
		select {
		case p.running <- struct{}{}:
			p.waiting.Add(-1)
		case <-ctx.Done():
			p.waiting.Add(-1)
			e := overloaded()
			e.Err = ctx.Err()
			return e
		}
	}
	defer func() { <-p.running }()
	return f()
}

// Bounded runs f, which checks proofs, within the bounds that the verifier's
// own proofs have. Its error is f's, or *api.Error with api.Overloaded.
func (v *Verifier) Bounded(ctx context.Context, f func() error) error { return v.pairing.do(ctx, f) }

// Proofs gives the verifier of proofs alone, for use inside Bounded.
func (v *Verifier) Proofs() *semaphore.Verifier { return v.cfg.Proofs }
