package verifier_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/memory"
)

// A client that sends nothing but bad proofs, as many at a time as it is let,
// does not keep the others waiting: each of theirs is accepted, and none is told
// that the machine is too busy.
func TestFloodOfBadProofs(t *testing.T) {
	fresh := &relabelled{Store: memory.New()}
	s := newScene(t, func(c *verifier.Config) {
		c.Store, c.Queue, c.MaxWait = fresh, semaphore.QueueConfig{PendingPerClient: 64, Pending: 256}, time.Minute
	})
	good := s.request(0, perDay, 0, s.ask(perDay))
	wrong := bad(good)
	wrong.Client = "a flood"
	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	var refused, busy atomic.Int64
	for range 192 { // three times what one client may have waiting
		flood.Go(func() {
			for ctx.Err() == nil {
				switch v := verdictOf(s.v.Consume(context.Background(), wrong)); v.Code {
				case api.ProofInvalid:
					refused.Add(1)
				case api.Overloaded:
					busy.Add(1)
					time.Sleep(10 * time.Millisecond)
				default:
					t.Errorf("a bad proof is %s", v.Code)
				}
			}
		})
	}
	for s.v.QueueStats().Waiting < 32 { // the flood stands at the gates
		time.Sleep(time.Millisecond)
	}
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			mine := good
			mine.Client = string(rune('a' + client))
			for range 10 {
				if v := verdictOf(s.v.Consume(t.Context(), mine)); v.Code != api.OK {
					t.Errorf("a good proof is %s", v.Code)
				}
			}
		})
	}
	clients.Wait()
	stop()
	flood.Wait()
	stats := s.v.QueueStats()
	if busy.Load() == 0 || stats.Full == 0 || refused.Load() == 0 || stats.Valid != 40 || stats.Waiting != 0 {
		t.Errorf("%d refused, %d told to come later, %+v", refused.Load(), busy.Load(), stats)
	}
	// The others did not wait for the flood to be worked off: what was verified
	// of it meanwhile is of the order of what was verified for them, not of what
	// it sent.
	t.Logf("beside 40 good proofs: %d bad ones verified, %d turned away", refused.Load(), busy.Load())
}

// Who is throttled: the client named, else the app's credential, else the
// origin. Requests that are refused cheaply never get into the queue.
func TestCheapRefusalsDoNotQueue(t *testing.T) {
	for _, f := range faults {
		s, good := goodRequest(t)
		wrong, p := good, *good.Proof
		wrong.Proof = &p
		f.change(s, &wrong)
		s.consume(wrong)
		if n := s.v.QueueStats(); n.Valid+n.Invalid > 1 || n.Invalid == 1 && f.code != api.ProofInvalid || n.Valid != 0 {
			t.Errorf("%s: %+v", f.name, n)
		}
	}
	// A nullifier that is spent is not paired again.
	s, r := goodRequest(t)
	s.want(r, api.OK)
	s.want(s.request(0, perDay, 0, s.ask(perDay)), api.NullifierAlreadyUsed)
	if n := s.v.QueueStats(); n.Valid != 1 {
		t.Errorf("%+v", n)
	}
}

// A proof waits no longer than MaxWait, and a closed verifier decides nothing.
func TestDeadlines(t *testing.T) {
	s, r := goodRequest(t)
	quick := newScene(t, func(c *verifier.Config) { c.MaxWait = time.Nanosecond })
	_, err := quick.v.Consume(t.Context(), r)
	if api.CodeOf(err) != api.Overloaded {
		t.Error(err)
	}
	s.v.Close()
	s.v.Close()
	s.want(r, api.Overloaded)
	alone := newScene(t, func(c *verifier.Config) { c.NoQueue = true })
	alone.v.Close()
	alone.want(r, api.OK)
	if alone.v.QueueStats() != (semaphore.QueueStats{}) {
		t.Error("a queue that is not there")
	}
}
