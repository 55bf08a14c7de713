package semaphore

import (
	"context"
	"errors"
	"math/bits"
	"runtime"
	"sync"
	"time"
)

// Refusals of Queue.
var (
	// ErrQueueFull: too many proofs wait, of this client or of all. It says
	// nothing about the proof; try again after some milliseconds.
	ErrQueueFull = errors.New("semaphore: too many proofs are waiting")
	// ErrQueueClosed: the queue takes no more proofs.
	ErrQueueClosed = errors.New("semaphore: the queue is closed")
)

// QueueConfig has usable zero values.
type QueueConfig struct {
	// Batch is the most proofs that are verified together; 64 if 0.
	Batch int
	// Wait is how long a proof may wait for a batch that runs before another
	// one is started beside it; 2 ms if 0.
	Wait time.Duration
	// Workers is the most batches that run side by side; GOMAXPROCS if 0.
	Workers int
	// Pending is the most proofs that may wait in each of the two lanes; 4096
	// if 0. Half a second's work of one core, if they are good.
	Pending int
	// PendingPerClient is the most proofs of one client that may wait; 256 if 0.
	PendingPerClient int
	// Clients is about how many client keys are remembered; 4096 if 0.
	Clients int
}

// Queue verifies proofs of many concurrent callers in batches, which cost a
// third of verifying them one by one, and a sixth on processors with AVX-512
// IFMA. Its verdicts are those of Verifier.VerifyBatch, with the same bound on
// the error.
//
// A proof that comes alone is verified at once. Those that come while a batch
// runs are collected, and are verified together when it ends, when there are a
// full batch of them, or when the first has waited for 2 ms, whichever is first
// and as far as there is a free worker. When nothing waits and nothing runs,
// the Queue has no goroutine and no timer.
//
// Every caller names its client: whatever it is that would be throttled, such
// as a relying party's key or a network address. Clients are served in turn, and
// a client gets at most as many proofs into one batch as it has shown valid ones
// since its last bad one, and one more. Bad proofs make batches expensive, so
// clients that show them are verified apart from those that do not, in batches
// that shrink to single proofs, and with a quarter of the work while others
// wait. New clients are among the former until they have shown four valid
// proofs. Who can invent client keys can still hurt other new clients, but not
// the known ones; of many that become known first, each can spoil one batch,
// then has twice as many valid proofs to show as the time before.
//
// What waits is bounded, in all and of each client: beyond that Verify answers
// ErrQueueFull at once. Stats has the counters for a dashboard: Waiting near its
// bound means too little machine, many Tries a flush mean somebody sends bad
// proofs, and Sizes shows whether there is enough traffic to batch at all.
//
// A Queue is safe for concurrent use.
type Queue struct {
	verifier *Verifier
	batch    int
	wait     time.Duration
	workers  int

	mu      sync.Mutex
	lanes   *lanes
	running int
	timer   *time.Timer // runs while something waits and a worker is free
	closed  bool
	idle    chan struct{} // closed when closed and nothing runs
	stats   QueueStats
}

// QueueStats counts since the queue was made.
type QueueStats struct {
	Valid, Invalid uint64 // verdicts
	Full           uint64 // refused with ErrQueueFull
	Abandoned      uint64 // left by their callers before a verdict
	Flushes        uint64 // batches taken from the queue, of one proof or more
	Tries          uint64 // batches tried, halves included
	Singles        uint64 // proofs verified alone
	// Sizes are the flushes by size: of 1 proof, 2 to 3, 4 to 7, and so on, those
	// of 64 and more in the last.
	Sizes   [7]uint64
	Waiting int // proofs, now
	Running int // batches, now
}

// NewQueue makes a queue in front of v.
func NewQueue(v *Verifier, c QueueConfig) *Queue {
	or := func(n, otherwise int) int {
		if n > 0 {
			return n
		}
		return otherwise
	}
	q := &Queue{
		verifier: v,
		batch:    or(c.Batch, 64),
		wait:     c.Wait,
		workers:  or(c.Workers, runtime.GOMAXPROCS(0)),
		idle:     make(chan struct{}),
	}
	if q.wait <= 0 {
		q.wait = 2 * time.Millisecond
	}
	q.lanes = newLanes(v.batcher.prices(), q.batch, or(c.PendingPerClient, 256), or(c.Pending, 4096), or(c.Clients, 4096))
	return q
}

// Verify is Verifier.Verify in a batch with the proofs of other callers. It
// blocks until there is a verdict or ctx ends; in the latter case the error is
// that of ctx and says nothing about the proof. Further errors that say nothing
// about it are ErrQueueFull and ErrQueueClosed, given at once.
//
// The form of the proof is checked first and in the caller's goroutine: a
// proof refused for that does not count against the client.
func (q *Queue) Verify(ctx context.Context, client string, p *Proof) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s, err := newStatement(p)
	if err != nil {
		return err
	}
	t := &ticket{done: make(chan struct{})}
	t.item = &batchItem{statement: s, verdict: &t.verdict}
	if err := q.enter(client, t); err != nil {
		return err
	}
	select {
	case <-t.done:
		return t.verdict
	case <-ctx.Done():
		q.abandon(t)
		return ctx.Err()
	}
}

func (q *Queue) enter(client string, t *ticket) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrQueueClosed
	}
	if !q.lanes.put(client, t) {
		q.stats.Full++
		return ErrQueueFull
	}
	q.dispatch(false)
	return nil
}

func (q *Queue) abandon(t *ticket) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Abandoned++
	if q.lanes.drop(t) && q.lanes.waiting() == 0 {
		q.stop()
	}
}

// dispatch starts a worker if there is cause to, or the timer that will be
// cause to. The caller holds the lock.
func (q *Queue) dispatch(overdue bool) {
	waiting := q.lanes.waiting()
	switch {
	case waiting == 0:
		q.stop()
	case q.running >= q.workers:
	case q.running == 0, waiting >= q.batch, overdue:
		q.running++
		q.stop()
		go q.work()
	case q.timer == nil:
		var own *time.Timer
		own = time.AfterFunc(q.wait, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			if q.timer == own { // not stopped in the meantime
				q.timer = nil
				q.dispatch(true)
			}
		})
		q.timer = own
	}
}

func (q *Queue) stop() {
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
}

// work verifies batches until nothing waits. Before each it lets callers run
// that are about to wait: with one processor they could not while it computes,
// and every batch would have one proof.
func (q *Queue) work() {
	runtime.Gosched()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.lanes.waiting() > 0 {
		f := q.lanes.next()
		q.dispatch(false) // what the batch leaves may be for another worker
		q.mu.Unlock()
		work := q.verifier.settle(f.items(), random)
		q.mu.Lock()
		q.lanes.settle(f, work)
		q.count(f, work)
		for _, t := range f.tickets {
			close(t.done)
		}
		q.mu.Unlock()
		runtime.Gosched()
		q.mu.Lock()
	}
	q.running--
	if q.running == 0 && q.closed {
		close(q.idle)
	}
}

func (q *Queue) count(f flight, work batchWork) {
	for _, t := range f.tickets {
		if t.verdict == nil {
			q.stats.Valid++
		} else {
			q.stats.Invalid++
		}
	}
	q.stats.Flushes++
	q.stats.Sizes[min(bits.Len(uint(len(f.tickets))), len(q.stats.Sizes))-1]++
	q.stats.Tries += uint64(work.tries)
	q.stats.Singles += uint64(work.singles)
}

// Stats gives the counters. It does not wait for batches.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Waiting, s.Running = q.lanes.waiting(), q.running
	return s
}

// Close lets no more proofs in and waits until those that wait have their
// verdicts, some milliseconds a batch. It may be called more than once.
func (q *Queue) Close() {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		if q.running == 0 {
			close(q.idle)
		}
	}
	q.mu.Unlock()
	<-q.idle
}
