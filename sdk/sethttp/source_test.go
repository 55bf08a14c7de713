package sethttp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// source follows s on a fake clock that stands at t0 plus the seconds in sec.
func source(t *testing.T, s *server, bend ...func(*Config)) (*Source, *atomic.Int64) {
	t.Helper()
	var sec atomic.Int64
	cfg := Config{
		VKey: s.is.VKey, At: s.http.URL, Poll: 20 * time.Millisecond,
		Now: func() time.Time { return time.Unix(t0+sec.Load(), 0) },
	}
	for _, b := range bend {
		b(&cfg)
	}
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return src, &sec
}

func at(sec int64) time.Time { return time.Unix(t0+sec, 0) }

func TestRootWithoutRun(t *testing.T) {
	s := serve(t)
	src, sec := source(t, s)
	ctx := t.Context()
	root := s.is.Group.Root()
	info, err := src.Root(ctx, root, at(0))
	if err != nil || !info.Current || info.Live != 3 {
		t.Fatalf("%+v, %v", info, err)
	}
	if _, err := src.Root(ctx, root, at(0)); err != nil || s.count("head") != 1 {
		t.Errorf("known roots are answered from memory: %d fetches, %v", s.count("head"), err)
	}
	if _, err := src.Root(ctx, semaphore.Element{}, at(0)); !errors.Is(err, setlog.ErrRootZero) || s.count("head") != 1 {
		t.Error("root 0:", err)
	}
	// Too old: fetched again, and a 304 does not make it younger.
	sec.Store(200)
	if _, err := src.Root(ctx, root, at(200)); !errors.Is(err, setlog.ErrStale) {
		t.Error("stale:", err)
	}
	if s.count("304") != 1 {
		t.Errorf("%d answers 304", s.count("304"))
	}
	s.do(func(*setlogtest.Issuer) { s.now = t0 + 200 })
	if _, err := src.Root(ctx, root, at(200)); err != nil {
		t.Error(err)
	}
}

// TestUnknownRoot: one shared refresh before a refusal, then silence.
func TestUnknownRoot(t *testing.T) {
	s := serve(t)
	src, _ := source(t, s)
	ctx := t.Context()
	if err := src.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	s.do(func(is *setlogtest.Issuer) { is.Anchor(t0+1, []string{"d"}) })
	if info, err := src.Root(ctx, s.is.Group.Root(), at(1)); err != nil || info.Seq != 2 {
		t.Fatalf("a root newer than the head held: %+v, %v", info, err)
	}
	before := s.count("head")
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := src.Root(ctx, setlogtest.Commitment("made up"), at(1)); !errors.Is(err, setlog.ErrRootUnknown) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.count("head") - before; n < 1 || n > 2 {
		t.Errorf("%d fetches for 100 callers", n)
	}
	// A head that was only signed again brings no roots and forgives nothing.
	s.do(func(*setlogtest.Issuer) { s.now = t0 + 5 })
	if err := src.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	before = s.count("head")
	for range 50 {
		if _, err := src.Root(ctx, setlogtest.Commitment("made up"), at(1)); !errors.Is(err, setlog.ErrRootUnknown) {
			t.Error(err)
		}
	}
	if n := s.count("head") - before; n != 0 {
		t.Errorf("%d fetches for a root that was just refused", n)
	}
	// Many different ones: bounded fetches, bounded memory.
	start := time.Now()
	for i := range 300 {
		wg.Go(func() {
			if _, err := src.Root(ctx, setlogtest.Commitment(fmt.Sprint("made up ", i)), at(1)); !errors.Is(err, setlog.ErrRootUnknown) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, most := s.count("head")-before, 2+int(time.Since(start)/flightGap); n > most {
		t.Errorf("%d fetches, at most %d expected", n, most)
	}
	for i := range 3 * maxMiss {
		src.misses.add(setlogtest.Commitment(fmt.Sprint(i)), at(1))
	}
	if n := len(src.misses.until); n > maxMiss {
		t.Errorf("%d misses remembered", n)
	}
	// A new head clears refusals: the root may be in it.
	s.do(func(is *setlogtest.Issuer) { is.Anchor(t0+2, []string{"e"}) })
	next := s.is.Group.Root()
	src.misses.add(next, at(0))
	if err := src.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Root(ctx, next, at(2)); err != nil {
		t.Error(err)
	}
}

// TestJoinedFlight: a caller that joins a request which had begun before gets a
// second one before it is refused.
func TestJoinedFlight(t *testing.T) {
	s := serve(t)
	src, _ := source(t, s)
	ctx := t.Context()
	if err := src.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	s.do(func(*setlogtest.Issuer) { s.hold = hold })
	early := make(chan error, 1)
	go func() { early <- src.Refresh(ctx) }()
	for s.count("head") < 2 {
		time.Sleep(time.Millisecond)
	}
	done := make(chan error, 1)
	go func() {
		_, err := src.Root(ctx, setlogtest.Commitment("nobody's"), at(0))
		done <- err
	}()
	time.Sleep(20 * time.Millisecond)
	close(hold)
	if err := <-done; !errors.Is(err, setlog.ErrRootUnknown) {
		t.Error(err)
	}
	if err := <-early; err != nil {
		t.Error(err)
	}
	if n := s.count("head"); n != 3 {
		t.Errorf("%d fetches, want 3", n)
	}
}

// TestLearnOverHTTP: roots missed while not polling are proven from tiles.
func TestLearnOverHTTP(t *testing.T) {
	s := serve(t)
	var missed []semaphore.Element
	s.do(func(is *setlogtest.Issuer) {
		for i := range 10 {
			missed = append(missed, is.Group.Root())
			is.Anchor(uint64(t0+1+i), []string{fmt.Sprint("p", i)})
		}
		s.now = t0 + 20
	})
	src, _ := source(t, s)
	ctx := t.Context()
	var wg sync.WaitGroup
	for _, root := range missed {
		for range 3 {
			wg.Go(func() {
				if _, err := src.Root(ctx, root, at(20)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	p, err := src.RootProof(ctx, missed[4])
	if err != nil {
		t.Fatal(err)
	}
	if _, e, err := p.Verify(s.is.Verifier); err != nil || e.Root != missed[4] {
		t.Error(err)
	}
}

// TestOutage: without the issuer, known roots stand until the head is too old;
// what cannot be found out is "stale", not "unknown".
func TestOutage(t *testing.T) {
	s := serve(t)
	src, _ := source(t, s)
	ctx := t.Context()
	if err := src.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	s.do(func(is *setlogtest.Issuer) {
		is.Anchor(t0+1, []string{"d"})
		is.Anchor(t0+2, []string{"e"})
		s.codes["tile"] = 500
	})
	var status *StatusError
	if _, err := src.Root(ctx, s.is.Window[0].Root, at(2)); !errors.Is(err, setlog.ErrStale) || !errors.As(err, &status) {
		t.Error("tiles fail:", err)
	}
	s.do(func(*setlogtest.Issuer) { s.codes["head"] = 503 })
	first := s.is.Window[1].Root
	if _, err := src.Root(ctx, first, at(2)); err != nil {
		t.Error("known root during an outage:", err)
	}
	if _, err := src.Root(ctx, s.is.Group.Root(), at(2)); !errors.Is(err, setlog.ErrStale) {
		t.Error("newer root during an outage:", err)
	}
	if _, err := src.Root(ctx, first, at(121)); !errors.Is(err, setlog.ErrStale) {
		t.Error("fails open:", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := src.Root(cancelled, s.is.Group.Root(), at(2)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRun(t *testing.T) {
	s := serve(t)
	errs := make(chan error, 100)
	src, _ := source(t, s, func(c *Config) {
		c.OnError = func(err error) {
			select {
			case errs <- err:
			default:
			}
		}
		c.Jitter = func() float64 { return 0.5 }
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- src.Run(ctx) }()
	waitFor(t, func() bool { _, ok := src.Follower().Head(); return ok })
	s.do(func(is *setlogtest.Issuer) { is.Anchor(t0+1, []string{"d"}) })
	waitFor(t, func() bool { h, _ := src.Follower().Head(); return h.Seq == 2 })
	waitFor(t, func() bool { return s.count("304") > 0 })
	s.do(func(*setlogtest.Issuer) { s.codes["head"] = 500 })
	var status *StatusError
	if err := <-errs; !errors.As(err, &status) || status.Status != 500 {
		t.Error(err)
	}
	s.do(func(*setlogtest.Issuer) { delete(s.codes, "head") })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestRunStopsAtFork: T51 over HTTP.
func TestRunStopsAtFork(t *testing.T) {
	s := serve(t)
	twin := s.is.Fork()
	src, _ := source(t, s)
	s.do(func(is *setlogtest.Issuer) { is.Anchor(t0+1, []string{"ours"}) })
	if err := src.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	twin.Anchor(t0+1, []string{"theirs"})
	twin.Anchor(t0+2, []string{"theirs too"})
	s.do(func(*setlogtest.Issuer) { s.is, s.now = twin, t0+3 })
	err := src.Run(t.Context())
	var fork *setlog.ErrFork
	if !errors.As(err, &fork) {
		t.Fatal(err)
	}
	if err := fork.Verify(twin.Verifier); err != nil {
		t.Error(err)
	}
	if _, err := src.Root(t.Context(), twin.Group.Root(), at(3)); !errors.As(err, &fork) {
		t.Error(err)
	}
}

func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	for range 1000 {
		if cond() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("did not happen")
}

// TestRestart: the state on disk stops a restored backup after a restart.
func TestRestart(t *testing.T) {
	s := serve(t)
	backup := s.is.Fork()
	path := t.TempDir() + "/issuer.state"
	withState := func(c *Config) { c.State = FileState(path) }
	src, _ := source(t, s, withState)
	s.do(func(is *setlogtest.Issuer) { is.Anchor(t0+1, []string{"d"}) })
	if err := src.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.do(func(*setlogtest.Issuer) { s.is, s.now = backup, t0+10 })
	again, _ := source(t, s, withState)
	if err := again.Refresh(t.Context()); !errors.Is(err, setlog.ErrRollback) {
		t.Error(err)
	}
	if h, _ := again.Follower().Head(); h.Seq != 2 {
		t.Error("memory lost")
	}
	src2, err := New(Config{VKey: setlogtest.New(t, "other.example").VKey, State: FileState(path)})
	if !errors.Is(err, setlog.ErrKey) {
		t.Error("state of another issuer:", src2, err)
	}
}
