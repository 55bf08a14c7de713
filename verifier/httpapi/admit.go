package httpapi

import (
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
)

// Requests of one app that may be inside at one time: read, checked or waiting
// for a verdict.
const (
	mostInside  = 1024
	leastInside = 8
)

// admission bounds how many requests of an app are inside, before their bodies
// are read. Without it a flood of one app's bad proofs fills the scheduler with
// requests, and those of other apps wait behind them, however fair the queue of
// proofs is. An app may have fewer inside while its proofs are bad: half as many
// for each, one more for each good one. Honest wallets make no bad proofs; an
// app whose visitors do so still has enough inside for thousands a second, as
// long as answers take milliseconds. The zero value is ready.
type admission struct {
	mu     sync.Mutex
	inside int
	fewer  int // than mostInside
}

// enter lets a request in, or gives the error to answer it with.
func (a *admission) enter() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inside >= mostInside-a.fewer {
		return &api.Error{Code: api.Overloaded, RetryAfter: time.Second}
	}
	a.inside++
	return nil
}

func (a *admission) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inside--
}

// judge learns from a verdict.
func (a *admission) judge(code api.Code) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch code {
	case api.OK:
		a.fewer = max(0, a.fewer-1)
	case api.ProofInvalid:
		a.fewer = mostInside - max(leastInside, (mostInside-a.fewer)/2)
	}
}
