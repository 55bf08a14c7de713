// Package batch lets many callers share one transaction.
//
// A caller hands in a job and waits. A writer takes one job, drains whatever
// else waits, and commits all of it at once: there is no timer, so throughput
// grows with load while a lone caller waits for one commit. Group commit decides
// what a durable store can do: a commit costs an fsync whether it holds one act
// or five hundred.
//
// A caller may stop waiting at any time. While its job still waits, it takes the
// job back and nothing was written. Once a writer has taken the job, the caller
// is in doubt: verifier.ErrInDoubt.
package batch

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/perhuman/perhuman/verifier"
)

// Job is one piece of work that waits for a writer.
type Job[T any] struct {
	Item  T
	state atomic.Int32 // whoever gets it out of waiting decides
	done  chan error
}

const (
	waiting int32 = iota
	taken
	givenUp
)

// Queue is where jobs wait. It is safe for concurrent use.
type Queue[T any] struct {
	Gate
	jobs    chan *Job[T]
	limit   int
	writers sync.WaitGroup
}

// New starts one goroutine for each writer, and gives it batches of 1 to limit
// jobs. A writer calls Take at the moment from which on a job may have been
// written, works on what Take leaves, and returns the error for all of them.
func New[T any](limit int, writers ...func([]*Job[T]) error) *Queue[T] {
	q := &Queue[T]{jobs: make(chan *Job[T], limit), limit: limit}
	for _, write := range writers {
		q.writers.Go(func() { q.run(write) })
	}
	return q
}

// Take takes the jobs out of their callers' hands, and leaves out those that
// were given up. It re-uses the memory of batch.
func Take[T any](batch []*Job[T]) []*Job[T] {
	live := batch[:0]
	for _, j := range batch {
		if j.state.CompareAndSwap(waiting, taken) {
			live = append(live, j)
		}
	}
	return live
}

// Submit hands in a job and blocks until its transaction ended, or ctx did. The
// error is the writer's; or ErrClosed; or ErrUnavailable if the job was given up
// in time; or ErrInDoubt if it was not. After ErrInDoubt a writer may still work
// on the item: the caller leaves it alone.
func (q *Queue[T]) Submit(ctx context.Context, item T) error {
	if err := q.Begin(); err != nil {
		return err
	}
	defer q.End()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", verifier.ErrUnavailable, err)
	}
	j := &Job[T]{Item: item, done: make(chan error, 1)}
	select {
	case q.jobs <- j:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", verifier.ErrUnavailable, ctx.Err())
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(waiting, givenUp) {
			return fmt.Errorf("%w: %w", verifier.ErrUnavailable, ctx.Err())
		}
	}
	select { // the answer may have come at the same moment
	case err := <-j.done:
		return err
	default:
		return fmt.Errorf("%w: %w", verifier.ErrInDoubt, ctx.Err())
	}
}

// gather lets callers run that are about to wait, as long as more of them do:
// those that were just answered come again at once, and without this the first
// of them would get a transaction to itself. It costs a lone caller nothing that
// could be measured.
func gather[T any](jobs chan T) {
	for before := -1; len(jobs) > before && len(jobs) < cap(jobs); {
		before = len(jobs)
		runtime.Gosched()
	}
}

func (q *Queue[T]) run(write func([]*Job[T]) error) {
	batch := make([]*Job[T], 0, q.limit)
	all := make([]*Job[T], 0, q.limit)
	for first := range q.jobs {
		batch = append(batch[:0], first)
		gather(q.jobs)
	drain:
		for len(batch) < q.limit {
			select {
			case j, ok := <-q.jobs:
				if !ok {
					break drain
				}
				batch = append(batch, j)
			default:
				break drain
			}
		}
		all = append(all[:0], batch...)
		err := write(batch)
		for _, j := range all { // those that gave up do not listen
			j.done <- err
		}
	}
}

// Close refuses new jobs, waits for those that were begun, and stops the
// writers. It tells whether it was the first to be called.
func (q *Queue[T]) Close() bool {
	first := q.Gate.Close()
	if first {
		close(q.jobs)
	}
	q.writers.Wait()
	return first
}
