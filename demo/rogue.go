package main

import (
	"context"
	"fmt"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/prove"
)

// rogue is a wallet without rules. It belongs to a real member of the set, one
// of the synthetic crowd, and proves whatever it is told: another site's scope,
// a slot too many, a set of its own making. What stops it is the verifier.
type rogue struct {
	prover *prove.Prover
	turn   chan struct{} // holds one: a prover works on one proof at a time
	queue  chan struct{} // who is proving or waits to
}

// provesWaiting is how many may wait for a proof, the one at work included: a
// stranger who asks for more than these must come back.
const provesWaiting = 8

func newRogue(p *prove.Prover) *rogue {
	return &rogue{prover: p, turn: make(chan struct{}, 1), queue: make(chan struct{}, provesWaiting)}
}

// under proves for a scope and a message under a set.
func (r *rogue) under(ctx context.Context, id *semaphore.Identity, set *semaphore.Group, scope, message semaphore.Uint256) (*semaphore.Proof, error) {
	position := set.IndexOf(id.Commitment())
	if position < 0 {
		return nil, fmt.Errorf("demo: the rogue is not in the set")
	}
	path, err := set.Proof(position)
	if err != nil {
		return nil, err
	}
	select {
	case r.queue <- struct{}{}:
		defer func() { <-r.queue }()
	default:
		return nil, &api.Error{Code: api.Overloaded, Detail: "many attacks are being made", RetryAfter: 2 * time.Second}
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return r.prover.Prove(ctx, id, path, message, scope)
}

// ownSet is a set that no issuer ever published, with the rogue in it.
func ownSet(id *semaphore.Identity) (*semaphore.Group, error) {
	return semaphore.NewGroup(id.Commitment(), semaphore.IdentityFromKey([]byte("nobody")).Commitment())
}
