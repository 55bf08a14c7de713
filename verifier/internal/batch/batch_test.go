package batch_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/internal/batch"
)

// What waits while a writer is busy goes into its next transaction.
func TestBatchesGrowWithLoad(t *testing.T) {
	hold, entered := make(chan struct{}), make(chan int, 16)
	q := batch.New(8, func(jobs []*batch.Job[int]) error {
		entered <- len(batch.Take(jobs))
		<-hold
		return nil
	})
	var wg sync.WaitGroup
	submit := func() { wg.Go(func() { _ = q.Submit(context.Background(), 1) }) }
	submit()
	if n := <-entered; n != 1 {
		t.Fatalf("a lone caller is in a batch of %d", n)
	}
	for range 20 {
		submit()
	}
	for total := 0; total < 20; {
		hold <- struct{}{}
		n := <-entered
		if n < 1 || n > 8 {
			t.Fatalf("a batch of %d", n)
		}
		total += n
	}
	hold <- struct{}{}
	wg.Wait()
	q.Close()
}

// T14: who stops waiting before the writer took the job is told that nothing
// was written, and nothing is; who stops later is in doubt.
func TestT14GivingUp(t *testing.T) {
	entered, take, taken, finish := make(chan struct{}), make(chan struct{}), make(chan int), make(chan struct{})
	boom := errors.New("boom")
	q := batch.New(8, func(jobs []*batch.Job[int]) error {
		entered <- struct{}{}
		<-take
		taken <- len(batch.Take(jobs))
		<-finish
		return boom
	})
	ctx, cancel := context.WithCancel(t.Context())
	answers := make(chan error, 1)
	submit := func() { answers <- q.Submit(ctx, 1) }

	go submit()
	<-entered
	cancel()
	if err := <-answers; !errors.Is(err, verifier.ErrUnavailable) || errors.Is(err, verifier.ErrInDoubt) || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	take <- struct{}{}
	if n := <-taken; n != 0 {
		t.Fatalf("%d jobs were taken that had been given up", n)
	}
	finish <- struct{}{}

	ctx, cancel = context.WithCancel(t.Context())
	go submit()
	<-entered
	take <- struct{}{}
	<-taken
	cancel()
	if err := <-answers; !errors.Is(err, verifier.ErrInDoubt) || errors.Is(err, verifier.ErrUnavailable) {
		t.Fatal(err)
	}
	finish <- struct{}{}

	ctx = t.Context()
	go submit()
	<-entered
	take <- struct{}{}
	<-taken
	closed := make(chan bool)
	go func() { closed <- q.Close() }()
	finish <- struct{}{}
	if err := <-answers; err != boom {
		t.Fatal(err)
	}
	if !<-closed || q.Close() {
		t.Fatal("the first Close is the first")
	}
	if err := q.Submit(t.Context(), 1); !errors.Is(err, verifier.ErrClosed) {
		t.Fatal(err)
	}
}
