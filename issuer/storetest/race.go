package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	racers = 8
	rounds = 10
)

func random(b []byte) { _, _ = rand.Read(b) }

// plainIntake is an intake that the store alone decides. Its device is its own.
func plainIntake(c semaphore.Element) issuer.Intake {
	in := issuer.Intake{Received: 1_760_000_000, Commitment: c, Receipt: []byte("receipt"), Counter: 1, Modality: "face",
		Template: []byte("sealed"), Mark: []byte("mark"), LeafLink: []byte("link"), SerialLink: []byte("link")}
	random(in.ID[:])
	random(in.Session[:])
	random(in.Serial[:])
	in.Device = fmt.Sprintf("%x", in.ID)
	return in
}

func admitAll(int) (api.Code, error) { return "", nil }

// raceFor lets many stores (or one, many times) take the same commitment at
// once, and counts who got it.
func raceFor(ctx context.Context, stores []issuer.Store, c semaphore.Element) (won, lost int, failed error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for _, s := range stores {
		wg.Go(func() {
			in := plainIntake(c)
			<-begin
			got, err := s.Intake(ctx, []issuer.Intake{in}, admitAll)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, issuer.ErrFenced):
				lost++
			case err != nil:
				failed = err
			case got[0].Err == nil:
				won++
			case api.CodeOf(got[0].Err) == api.CommitmentExists:
				lost++
			default:
				failed = got[0].Err
			}
		})
	}
	close(begin)
	wg.Wait()
	return won, lost, failed
}

// race: T12, one commitment, many at once: exactly one gets it. A store that
// looks first and writes then must fail this.
func race(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	same := func(s issuer.Store) (all []issuer.Store) {
		for range racers {
			all = append(all, s)
		}
		return all
	}
	for n := range uint64(rounds) {
		won, lost, err := raceFor(t.Context(), same(r.store), testkit.WithSecret(10_000+n).Commitment())
		if won != 1 || lost != racers-1 || err != nil {
			t.Fatalf("%d of %d got the commitment, %d were refused, %v", won, racers, lost, err)
		}
	}
	double := 0
	control := &careless{Store: r.store, have: map[semaphore.Element]bool{}}
	for n := range uint64(20 * rounds) {
		if won, _, _ := raceFor(t.Context(), same(control), testkit.WithSecret(20_000+n).Commitment()); won > 1 {
			double++
		}
	}
	if double == 0 {
		t.Error("a store that looks first and writes then passed: the race proves nothing")
	}
	t.Logf("the careless control took a commitment twice in %d of %d rounds", double, 20*rounds)
}

// careless is the broken control: it looks, and then it writes.
type careless struct {
	issuer.Store
	mu   sync.Mutex
	have map[semaphore.Element]bool
}

func (c *careless) Intake(_ context.Context, batch []issuer.Intake, _ func(int) (api.Code, error)) ([]issuer.IntakeResult, error) {
	out := make([]issuer.IntakeResult, len(batch))
	for n, in := range batch {
		c.mu.Lock()
		taken := c.have[in.Commitment]
		c.mu.Unlock()
		runtime.Gosched() // as the way to a database and back does
		if taken {
			out[n].Err = &api.Error{Code: api.CommitmentExists}
			continue
		}
		c.mu.Lock()
		c.have[in.Commitment] = true
		c.mu.Unlock()
		out[n].Enrolment = issuer.Enrolment{ID: in.ID, Op: setlog.OpEnrol, Commitment: in.Commitment, State: api.StateMatched}
	}
	return out, nil
}

// raceOfPersons: T12, one person under many secrets at once, in calls of their
// own and in one batch.
func raceOfPersons(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	alice := r.person()
	var reqs []api.EnrolmentRequest
	for n := range uint64(racers) {
		reqs = append(reqs, r.Start(t, r.i, alice.Again(700+n)))
	}
	var mu sync.Mutex
	won := 0
	var wg sync.WaitGroup
	for _, req := range reqs[:racers/2] {
		wg.Go(func() {
			_, err := r.i.Enrol(t.Context(), req)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			}
		})
	}
	wg.Go(func() {
		all, err := r.i.EnrolMany(t.Context(), reqs[racers/2:])
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Error(err)
		}
		for _, one := range all {
			if one.Err == nil {
				won++
			}
		}
	})
	wg.Wait()
	r.anchor(t)
	if got := report(t, r.store); won != 1 || got.Live != 1 || got.Templates != 1 {
		t.Errorf("one person became a member %d times: %+v", won, got)
	}
}

// raceOfWriters: T12 over processes. Two have the same database open and take
// the same commitment at once: exactly one gets it, and the one that was not the
// last to bind writes nothing.
func raceOfWriters(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	second := s.Second(t, r.store)
	t.Cleanup(func() { _ = second.Close() })
	j, err := issuer.New(t.Context(), r.config(second))
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(rounds) {
		if won, lost, err := raceFor(t.Context(), []issuer.Store{r.store, second}, testkit.WithSecret(30_000+n).Commitment()); won != 1 || lost != 1 || err != nil {
			t.Fatalf("%d won, %d lost, %v", won, lost, err)
		}
	}
	alice := r.person()
	a, b := r.Start(t, r.i, alice), r.Start(t, j, alice.Again(800))
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { _, errs[0] = r.i.Enrol(t.Context(), a) })
	wg.Go(func() { _, errs[1] = j.Enrol(t.Context(), b) })
	wg.Wait()
	if !errors.Is(errs[0], issuer.ErrFenced) || errs[1] != nil {
		t.Errorf("one person at two processes: %v", errs)
	}
}
