package sethttp

import (
	"sync"
	"time"

	"github.com/perhuman/perhuman/semaphore"
)

const (
	missTTL = 2 * time.Second
	maxMiss = 1024
)

// misses remembers roots that were not found, for a short while and in bounded
// space: when it is full, the oldest goes.
type misses struct {
	mu    sync.Mutex
	until map[semaphore.Element]time.Time
	ring  [maxMiss]semaphore.Element
	next  int
}

func (m *misses) has(root semaphore.Element, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	until, ok := m.until[root]
	// A clock that went back must not keep a miss alive for long.
	return ok && now.Before(until) && until.Sub(now) <= missTTL
}

func (m *misses) add(root semaphore.Element, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.until == nil {
		m.until = make(map[semaphore.Element]time.Time)
	}
	if _, ok := m.until[root]; !ok {
		delete(m.until, m.ring[m.next])
		m.ring[m.next] = root
		m.next = (m.next + 1) % maxMiss
	}
	m.until[root] = now.Add(missTTL)
}

// clear forgets everything.
func (m *misses) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.until = nil
}
