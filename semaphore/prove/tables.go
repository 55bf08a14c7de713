package prove

import (
	"context"
	"sync"
	"sync/atomic"
)

// Tables of multiples of the key's points make a proof cheaper, but take as
// long to make as some twenty proofs save with them. A prover that makes few
// proofs is better off without: so the tables are made after the first proofs,
// a part after each, which costs at most about twice what a prover that knew
// its future would spend. Prepare is for those who know.

const (
	tablesAfter = 12 // proofs
	tablesParts = 12
	// defaultTableMemory is enough for the best plan at depth 32.
	defaultTableMemory = 64 << 20
)

// pointTables holds the sums of a prover while it makes tables for them.
type pointTables struct {
	sums   atomic.Pointer[sums]
	memory int // bytes that the tables may take

	mu     sync.Mutex // held while a part is made
	proofs int
	next   *sums    // with tables; nil before they are begun
	todo   []func() // what is left to make of them
	part   int      // jobs after each proof
	made   bool
}

func (t *pointTables) current() *sums { return t.sums.Load() }

// proved makes a part of the tables when it is time, unless another proof is
// at it.
func (t *pointTables) proved(workers int) {
	if t.memory <= 0 || !t.mu.TryLock() {
		return
	}
	defer t.mu.Unlock()
	if t.proofs++; t.proofs > tablesAfter && !t.made {
		t.begin()
		t.advance(workers, t.part)
	}
}

// begin plans the tables. The caller holds the lock.
func (t *pointTables) begin() {
	if t.next == nil {
		t.next, t.todo = t.current().withTables(t.memory)
		t.part = (len(t.todo) + tablesParts - 1) / tablesParts
	}
}

// advance does the next n jobs, and puts the tables to use when none is left.
func (t *pointTables) advance(workers, n int) {
	n = min(n, len(t.todo))
	parallel(workers, n, func(i int) { t.todo[i]() })
	if t.todo = t.todo[n:]; len(t.todo) == 0 {
		t.sums.Store(t.next)
		t.next, t.todo, t.made = nil, nil, true
	}
}

// Prepare makes the tables of multiples that shorten proofs, which otherwise
// come into being in the course of the first two dozen proofs. It blocks for
// about half a second of one core of 2025 at depth 20, on all cores that
// WithWorkers allows, and gives up some milliseconds after ctx ends; it may be
// called again then. Without tables (WithTableMemory) it does nothing.
func (p *Prover) Prepare(ctx context.Context) error {
	t := &p.tables
	if t.memory <= 0 {
		return ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.made {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.begin()
		t.advance(p.workers, p.workers)
	}
	return nil
}

// Memory is how many bytes the prover keeps between proofs: the key, and the
// tables as far as they are made. Running proofs take about 12 MB each, half of
// which is cleared and kept for the next until the garbage collector wants it.
func (p *Prover) Memory() int {
	t := &p.tables
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.current().bytes() + p.constraints.bytes() + p.coset.bytes()
	if t.next != nil {
		n += t.next.bytes()
	}
	return n
}
