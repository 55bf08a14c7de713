package postgres

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/postgres/pgtest"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// drill is a primary with a streaming standby, and a store on each. The standby
// answers only once it is promoted.
type drill struct {
	primary, standby *pgtest.Cluster
	dsn              string
	store            *Store // on the primary

	mu    sync.Mutex
	acked []verifier.Act // accepted, and the caller was told so
	doubt []verifier.Act
}

func newDrill(t *testing.T, synchronous bool) *drill {
	d := &drill{primary: pgtest.Start(t, "fsync=off")}
	d.dsn = d.primary.Schema(t)
	d.standby = d.primary.Standby(t, "fsync=off")
	state := "async"
	if synchronous {
		state = "sync"
		d.primary.Exec(t, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
		d.primary.Exec(t, "SELECT pg_reload_conf()")
	}
	d.primary.Await(t, "streaming "+state, "SELECT coalesce(max(state || ' ' || sync_state), '') FROM pg_stat_replication")
	d.store = mustOpen(t, One(d.dsn, "forum.example"), Options{Timeout: time.Second, RequireStandby: synchronous}, faults{})
	return d
}

// load spends with 32 workers, each until its first error, and gives a function
// that waits for the last of them.
func (d *drill) load(series byte, stop *atomic.Bool) (wait func()) {
	var wg sync.WaitGroup
	var next atomic.Uint64
	for range 32 {
		wg.Go(func() {
			for !stop.Load() {
				a := storetest.NewAct(series, next.Add(1))
				a.Credential, a.Key = "app", string(a.Nonce[:])
				out, err := d.store.Spend(context.Background(), a)
				d.mu.Lock()
				if err == nil && out.Result == verifier.Accepted {
					d.acked = append(d.acked, a)
				} else if errors.Is(err, verifier.ErrInDoubt) {
					d.doubt = append(d.doubt, a)
				}
				d.mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	return wg.Wait
}

func (d *drill) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.acked)
}

// rivals spends the nullifiers of acts once more, each with a challenge of its
// own, and counts how many a store accepts: each is a double acceptance.
func rivals(t *testing.T, s verifier.Store, acts []verifier.Act, series byte) int {
	t.Helper()
	var wg sync.WaitGroup
	var accepted, next atomic.Int64
	for range 32 {
		wg.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= len(acts) {
					return
				}
				b := acts[i]
				b.Nonce, b.Key = storetest.NewAct(series, uint64(i)).Nonce, ""
				out, err := s.Spend(context.Background(), b)
				if err == nil && out.Result == verifier.Accepted {
					accepted.Add(1)
				} else if err != nil && !errors.Is(err, verifier.ErrInDoubt) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return int(accepted.Load())
}

// The network between primary and standby breaks under load; somebody promotes
// the standby; both live for a while; then the primary is killed. With a
// synchronous standby nothing that was acknowledged is accepted again. With an
// asynchronous one it is: if the drill did not show that, it would prove
// nothing.
func TestFailover(t *testing.T) {
	for name, synchronous := range map[string]bool{"synchronous": true, "asynchronous, the control": false} {
		if testing.Short() && !synchronous { // the race detector needs no control
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDrill(t, synchronous)
			var stop atomic.Bool
			wait := d.load(1, &stop)
			for d.count() < 500 && !t.Failed() {
				time.Sleep(5 * time.Millisecond)
			}
			d.standby.Isolate(t)
			before := d.count()
			if synchronous {
				d.cancelWaits(t)
			} else {
				for d.count() < before+200 {
					time.Sleep(time.Millisecond)
				}
			}
			stop.Store(true)
			wait()
			d.standby.Promote(t)

			// Split brain: both are asked to spend the same.
			heir := mustOpen(t, One(d.standby.At(d.dsn, d.primary), "forum.example"), Options{}, faults{})
			contested := make([]verifier.Act, 20)
			for i := range contested {
				contested[i] = storetest.NewAct(2, uint64(i))
			}
			there := rivals(t, heir, contested, 3)
			here := rivals(t, d.store, contested, 4)
			d.primary.Kill()

			// Who was left in doubt asks again, and learns what is true now.
			for _, a := range d.doubt {
				if out, err := heir.Spend(t.Context(), a); err != nil || out.Result != verifier.Accepted {
					t.Errorf("in doubt, and then %+v %v", out, err)
				}
			}
			again := rivals(t, heir, d.acked, 5)
			t.Logf("%d of %d acknowledged were accepted again; split brain: %d here, %d there, of %d; %d were in doubt",
				again, len(d.acked), here, there, len(contested), len(d.doubt))
			switch {
			case there != len(contested):
				t.Errorf("the new primary accepted %d of %d", there, len(contested))
			case synchronous && (again != 0 || here != 0):
				t.Error("a double acceptance")
			case !synchronous && (again == 0 || here == 0):
				t.Error("the control shows no double acceptance: the drill is no drill")
			}
			if synchronous {
				careful := mustOpen(t, One(d.standby.At(d.dsn, d.primary), "forum.example"), Options{RequireStandby: true}, faults{})
				if _, err := careful.Spend(t.Context(), storetest.NewAct(6, 1)); !errors.Is(err, ErrNoStandby) {
					t.Errorf("a primary without a standby: %v", err)
				}
			}
		})
	}
}

// cancelWaits plays the operator who cancels what hangs. The server then says
// that the transaction is committed, and warns that the standby may not have it.
func (d *drill) cancelWaits(t *testing.T) {
	t.Helper()
	cancelled := 0
	for begin := time.Now(); cancelled < 2 && time.Since(begin) < 10*time.Second; time.Sleep(20 * time.Millisecond) {
		n := d.primary.Ask(t, "SELECT count(pg_cancel_backend(pid))::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		if n != "0" {
			cancelled++
		}
	}
	a := storetest.NewAct(7, 1)
	answer := make(chan error)
	go func() {
		_, err := d.store.Spend(context.Background(), a)
		answer <- err
	}()
	for {
		d.primary.Ask(t, "SELECT count(pg_cancel_backend(pid))::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		select {
		case err := <-answer:
			if !errors.Is(err, verifier.ErrInDoubt) || !strings.Contains(err.Error(), "warned") || errors.Is(err, verifier.ErrUnavailable) {
				t.Errorf("a wait that was cut short is answered: %v", err)
			}
			if out, err := d.store.Spent(context.Background(), a); err != nil || out.Result != verifier.NonceUsed {
				t.Errorf("the row is not there at all: %+v %v: the warning was another", out, err)
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// The same without a broken network: the primary dies under full load, five
// times over.
func TestFailoverUnderLoad(t *testing.T) {
	if os.Getenv("PERHUMAN_LONG") != "1" {
		t.Skip("set PERHUMAN_LONG=1: 10 clusters of two servers")
	}
	lost := map[bool]int{}
	for round := range 5 {
		for _, synchronous := range []bool{true, false} {
			d := newDrill(t, synchronous)
			var stop atomic.Bool
			wait := d.load(1, &stop)
			for d.count() < 2000+500*round {
				time.Sleep(time.Millisecond)
			}
			d.primary.Kill()
			wait()
			d.standby.Promote(t)
			heir := mustOpen(t, One(d.standby.At(d.dsn, d.primary), "forum.example"), Options{}, faults{})
			again := rivals(t, heir, d.acked, 5)
			lost[synchronous] += again
			t.Logf("synchronous %v: %d of %d acknowledged were accepted again", synchronous, again, len(d.acked))
			_ = heir.Close()
			d.standby.Stop()
		}
	}
	if lost[true] != 0 {
		t.Errorf("%d double acceptances with a synchronous standby", lost[true])
	}
	if lost[false] == 0 {
		t.Log("the asynchronous standby was never behind on this machine; TestFailover holds the control")
	}
}
