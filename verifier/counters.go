package verifier

import (
	"maps"
	"sync"

	"github.com/perhuman/perhuman/sdk/api"
)

// Counters count decisions by code, and by nothing else: no nullifier, person,
// address or challenge. The zero value is ready; Observe fits Config.Observe.
type Counters struct {
	mu sync.Mutex
	n  map[api.Code]uint64
}

// Observe counts one decision.
func (c *Counters) Observe(code api.Code) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[api.Code]uint64{}
	}
	c.n[code]++
}

// Snapshot gives the counts so far.
func (c *Counters) Snapshot() map[api.Code]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		return map[api.Code]uint64{}
	}
	return maps.Clone(c.n)
}
