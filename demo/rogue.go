package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/prove"
)

// rogue is a wallet without rules. It belongs to a real member of the set, one
// of the synthetic crowd, and proves whatever it is told: another site's scope,
// a slot too many, a set of its own making. What stops it is the verifier.
type rogue struct {
	prover *prove.Prover
	mu     sync.Mutex // a prover works on one proof at a time
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
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.prover.Prove(ctx, id, path, message, scope)
}

// ownSet is a set that no issuer ever published, with the rogue in it.
func ownSet(id *semaphore.Identity) (*semaphore.Group, error) {
	return semaphore.NewGroup(id.Commitment(), semaphore.IdentityFromKey([]byte("nobody")).Commitment())
}
