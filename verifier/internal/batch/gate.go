package batch

import (
	"sync"

	"github.com/perhuman/perhuman/verifier"
)

// Gate counts callers in and out, so that a store closes when the last one is
// out. The zero Gate is open.
type Gate struct {
	mu     sync.RWMutex
	closed bool
	begun  sync.WaitGroup
}

// Begin counts a caller in, or fails with verifier.ErrClosed.
func (g *Gate) Begin() error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return verifier.ErrClosed
	}
	g.begun.Add(1)
	return nil
}

// End counts a caller out.
func (g *Gate) End() { g.begun.Done() }

// Close refuses new callers and blocks until the last one is out. It tells
// whether it was the first to be called.
func (g *Gate) Close() bool {
	g.mu.Lock()
	first := !g.closed
	g.closed = true
	g.mu.Unlock()
	g.begun.Wait()
	return first
}
