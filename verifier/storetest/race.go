package storetest

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/verifier"
)

const racers = 64

// Race lets 64 goroutines go at once, with the acts that act makes, and counts
// the outcomes. An error of the store ends up in errs.
func Race(s verifier.Store, act func(i int) verifier.Act) (outs []verifier.Outcome, errs []error) {
	var mu sync.Mutex
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range racers {
		ready.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			a := act(i)
			ready.Done()
			<-start
			out, err := s.Spend(context.Background(), a)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			outs = append(outs, out)
		}()
	}
	ready.Wait()
	close(start)
	done.Wait()
	return outs, errs
}

// Careless is the broken control: it asks a store, believes the answer, and
// then writes. Two callers that ask at once are both told yes.
type Careless struct{ verifier.Store }

// Spend reads, then writes. It is wrong.
func (c Careless) Spend(ctx context.Context, a verifier.Act) (verifier.Outcome, error) {
	out, err := c.Store.Spent(ctx, a)
	if err != nil || out.Result != verifier.Accepted || out.Replayed {
		return out, err
	}
	runtime.Gosched()
	_, err = c.Store.Spend(ctx, a)
	return out, err
}

func count(outs []verifier.Outcome, match func(verifier.Outcome) bool) (n int) {
	for _, o := range outs {
		if match(o) {
			n++
		}
	}
	return n
}

func accepted(o verifier.Outcome) bool { return o.Result == verifier.Accepted }
func fresh(o verifier.Outcome) bool    { return accepted(o) && !o.Replayed }

// contenders share a nullifier and have challenges of their own.
func contenders(round int) func(int) verifier.Act {
	return func(i int) verifier.Act {
		a := NewAct(1, uint64(round))
		b := NewAct(2, uint64(round*racers+i))
		a.Nonce, a.Message = b.Nonce, b.Message
		return a
	}
}

func raceNullifier(t *testing.T, s Store) {
	store := open(t, s)
	for round := range s.Rounds {
		outs, errs := Race(store, contenders(round))
		if len(errs) > 0 || len(outs) != racers || count(outs, accepted) != 1 {
			t.Fatalf("round %d: %d accepted of %d, errors %v", round, count(outs, accepted), len(outs), errs)
		}
		if n := count(outs, func(o verifier.Outcome) bool { return o.Result == verifier.NullifierUsed && !o.SameMessage }); n != racers-1 {
			t.Fatalf("round %d: %d refused", round, n)
		}
	}
}

func raceControl(t *testing.T, s Store) {
	control := Careless{open(t, s)}
	double := 0
	for round := range s.Rounds {
		outs, errs := Race(control, contenders(round))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if count(outs, accepted) > 1 {
			double++
		}
	}
	if double == 0 {
		t.Fatal("the control that reads before it writes was never caught: the race is no race")
	}
	t.Logf("the control accepted twice in %d of %d rounds", double, s.Rounds)
}

func raceNonce(t *testing.T, s Store) {
	store := open(t, s)
	for round := range s.Rounds {
		outs, errs := Race(store, func(i int) verifier.Act {
			a := NewAct(3, uint64(round*racers+i)) // people of their own, one challenge
			a.Nonce = NewAct(4, uint64(round)).Nonce
			return a
		})
		if len(errs) > 0 || count(outs, accepted) != 1 ||
			count(outs, func(o verifier.Outcome) bool { return o.Result == verifier.NonceUsed }) != racers-1 {
			t.Fatalf("round %d: %d accepted, errors %v", round, count(outs, accepted), errs)
		}
	}
}

func raceKey(t *testing.T, s Store) {
	store := open(t, s)
	for round := range s.Rounds {
		outs, errs := Race(store, func(i int) verifier.Act {
			a := NewAct(5, uint64(round))
			a.Credential, a.Key, a.Record = "app", "key "+strconv.Itoa(round), []byte(strconv.Itoa(i))
			a.Now = epoch.Add(1)
			return a
		})
		if len(errs) > 0 || count(outs, accepted) != racers || count(outs, fresh) != 1 {
			t.Fatalf("round %d: %d accepted, %d of them fresh, errors %v", round, count(outs, accepted), count(outs, fresh), errs)
		}
		var record string
		for _, o := range outs {
			if o.Replayed && record == "" {
				record = string(o.Record)
			}
			if o.Replayed && string(o.Record) != record {
				t.Fatalf("two repeats got two answers: %q and %q", o.Record, record)
			}
		}
	}
}
