package semaphore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func queue(t testing.TB, c QueueConfig) *Queue {
	t.Helper()
	return NewQueue(verifier(t), c)
}

// idle fails if the queue holds anything.
func idle(t *testing.T, q *Queue) {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running != 0 || q.timer != nil || q.lanes.waiting() != 0 ||
		len(q.lanes.known.turn) != 0 || len(q.lanes.others.turn) != 0 {
		t.Errorf("not idle: %d running, %d waiting, timer %v", q.running, q.lanes.waiting(), q.timer != nil)
	}
}

// busy makes the queue believe that a batch runs, until the function that it
// returns is called.
func busy(q *Queue) (end func()) {
	q.mu.Lock()
	q.running++
	q.mu.Unlock()
	return func() {
		q.mu.Lock()
		q.running--
		q.mu.Unlock()
	}
}

// TestQueueVerdicts has many callers with good and bad proofs of every kind.
func TestQueueVerdicts(t *testing.T) {
	good := crowd(t, 30)
	q := queue(t, QueueConfig{Batch: 16})
	var callers sync.WaitGroup
	reach := 0
	for i := range 120 {
		p, want := good[i%len(good)], error(nil)
		if i%3 == 0 {
			p, want = spoil(t, p, i/3)
		}
		if _, err := newStatement(p); err == nil {
			reach++
		}
		callers.Go(func() {
			err := q.Verify(t.Context(), fmt.Sprint("client ", i%7), p)
			if !errors.Is(err, want) || (want == nil && err != nil) {
				t.Errorf("proof %d: %v, want %v", i, err, want)
			}
		})
	}
	callers.Wait()
	q.Close()
	idle(t, q)
	s := q.Stats()
	if s.Valid != 80 || int(s.Valid+s.Invalid) != reach || s.Full+s.Abandoned != 0 || s.Waiting+s.Running != 0 {
		t.Errorf("%+v, want %d verdicts", s, reach)
	}
}

// TestQueueBatches: callers at once share batches, and one alone has none.
func TestQueueBatches(t *testing.T) {
	good := crowd(t, 8)
	q := queue(t, QueueConfig{Workers: 1})
	if err := q.Verify(t.Context(), "a", good[0]); err != nil {
		t.Fatal(err)
	}
	if s := q.Stats(); s.Flushes != 1 || s.Singles != 1 || s.Tries != 0 {
		t.Errorf("alone: %+v", s)
	}
	for q.Stats().Running > 0 { // the worker ends after the verdict
		runtime.Gosched()
	}
	end := busy(q)
	var callers sync.WaitGroup
	for i := range 100 {
		callers.Go(func() {
			if err := q.Verify(t.Context(), fmt.Sprint("client ", i), good[i%8]); err != nil {
				t.Error(err)
			}
		})
	}
	for q.Stats().Waiting < 100 {
		time.Sleep(time.Millisecond)
	}
	end()
	if err := q.Verify(t.Context(), "b", good[0]); err != nil { // starts the worker
		t.Fatal(err)
	}
	callers.Wait()
	// One alone, then 64 of those that wait, then the rest.
	if s := q.Stats(); s.Flushes != 3 || s.Tries != 2 || s.Valid != 102 || s.Sizes != [7]uint64{0: 1, 5: 1, 6: 1} {
		t.Errorf("together: %+v", s)
	}
}

// TestQueueClientGrows: what one client can put into a batch doubles.
func TestQueueClientGrows(t *testing.T) {
	l := newLanes(plainBatch{}.prices(), 64, 256, 4096, 4096)
	for range 200 {
		if !l.put("a", &ticket{}) {
			t.Fatal("no room")
		}
	}
	for _, want := range []int{1, 2, 4, 8, 16, 32, 64, 64, 9, 0} {
		f := l.next()
		if len(f.tickets) != want {
			t.Fatalf("%d in a batch, want %d", len(f.tickets), want)
		}
		l.settle(f, batchWork{})
	}
}

// TestQueueWaitsTwoMilliseconds is on a false clock, which stands still while
// anything is computed. That the bubble ends shows that no goroutine is left.
func TestQueueWaitsTwoMilliseconds(t *testing.T) {
	good := crowd(t, 1)[0]
	v := verifier(t)
	if err := v.Verify(good); err != nil { // makes tables, outside of the bubble
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(v, QueueConfig{Workers: 2, Batch: 8})
		many := func(n int) (took time.Duration) {
			var callers sync.WaitGroup
			begin := time.Now()
			for i := range n {
				callers.Go(func() {
					if err := q.Verify(t.Context(), fmt.Sprint(i), good); err != nil {
						t.Error(err)
					}
				})
			}
			callers.Wait()
			took = time.Since(begin)
			synctest.Wait() // for the worker to end
			return took
		}
		if took := many(1); took != 0 {
			t.Errorf("alone: %v", took)
		}
		end := busy(q)
		if took := many(3); took != 2*time.Millisecond {
			t.Errorf("beside a batch: %v, want 2ms", took)
		}
		if took := many(8); took != 0 {
			t.Errorf("a full batch: %v, want no wait", took)
		}
		end()
		idle(t, q)

		end = busy(q)
		endToo := busy(q)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Verify(ctx, "a", good); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no worker free: %v", err)
		}
		end()
		endToo()
		idle(t, q)
		if s := q.Stats(); s.Abandoned != 1 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		if err := q.Verify(ctx, "a", good); !errors.Is(err, context.DeadlineExceeded) || q.Stats().Abandoned != 1 {
			t.Errorf("with a context that has ended: %v", err)
		}
		q.Close()
	})
}

func TestQueueBounds(t *testing.T) {
	good := crowd(t, 1)[0]
	q := queue(t, QueueConfig{Workers: 1, Pending: 5, PendingPerClient: 2})
	busy(q)
	var callers sync.WaitGroup
	enter := func(client string) {
		t.Helper()
		before := q.Stats().Waiting
		callers.Go(func() {
			if err := q.Verify(t.Context(), client, good); err != nil {
				t.Error(err)
			}
		})
		for q.Stats().Waiting == before {
			time.Sleep(time.Millisecond)
		}
	}
	full := func(client string) {
		t.Helper()
		if err := q.Verify(t.Context(), client, good); !errors.Is(err, ErrQueueFull) {
			t.Errorf("client %s: %v, want ErrQueueFull", client, err)
		}
	}
	enter("a")
	enter("a")
	full("a")
	enter("b")
	enter("b")
	enter("c")
	full("c")
	full("d")
	if s := q.Stats(); s.Full != 3 || s.Waiting != 5 {
		t.Errorf("%+v", s)
	}
	// Closed, it still answers those that wait.
	closing := make(chan struct{})
	go func() {
		q.Close()
		close(closing)
	}()
	for {
		err := q.Verify(t.Context(), "d", good)
		if errors.Is(err, ErrQueueClosed) {
			break
		}
		if !errors.Is(err, ErrQueueFull) {
			t.Fatal(err)
		}
	}
	select {
	case <-closing:
		t.Error("Close did not wait")
	default:
	}
	go q.work() // the batch that was said to run goes on with what waits
	callers.Wait()
	<-closing
	q.Close()
	idle(t, q)
}

// TestQueueRace is for the race detector: everything at once.
func TestQueueRace(t *testing.T) {
	good := crowd(t, 4)
	bad, _ := spoil(t, good[0], 0)
	q := queue(t, QueueConfig{Batch: 4, Wait: 50 * time.Microsecond, Workers: 3, Pending: 6, PendingPerClient: 3, Clients: 2})
	var callers sync.WaitGroup
	for i := range 12 {
		callers.Go(func() {
			for j := range 8 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+(i*j)%5)*time.Millisecond)
				p, want := good[j%4], error(nil)
				if i%3 == 0 {
					p, want = bad, ErrInvalidProof
				}
				err := q.Verify(ctx, fmt.Sprint(i%5), p)
				cancel()
				switch {
				case errors.Is(err, ErrQueueFull), errors.Is(err, ErrQueueClosed), errors.Is(err, context.DeadlineExceeded):
				case !errors.Is(err, want), want == nil && err != nil:
					t.Errorf("%v, want %v", err, want)
				}
				q.Stats()
			}
			if i == 5 {
				q.Close()
			}
		})
	}
	callers.Wait()
	q.Close()
	idle(t, q)
}
