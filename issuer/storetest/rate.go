package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// counting is the plain matcher, which tells how many captures reached it.
type counting struct {
	issuer.Matcher
	issuer.Finder
	asked   atomic.Int32
	prepare func(context.Context) error
}

func (c *counting) Prepare(ctx context.Context, e *capture.Envelope) (issuer.Probe, error) {
	c.asked.Add(1)
	if c.prepare != nil {
		if err := c.prepare(ctx); err != nil {
			return nil, err
		}
	}
	return c.Matcher.Prepare(ctx, e)
}

// limited is an issuer that compares so many captures of a device in an hour.
type limited struct {
	*rig
	t *testing.T
	m *counting
	n int
}

func newLimited(t *testing.T, s issuer.Store, n int) *limited {
	l := &limited{rig: &rig{World: testkit.NewWorld(t, 1), next: 1}, t: t, n: n}
	l.open(s)
	l.period()
	return l
}

// open starts a process over a store.
func (l *limited) open(s issuer.Store) {
	l.t.Helper()
	l.t.Cleanup(func() { _ = s.Close() })
	plain := l.Matcher()
	l.m = &counting{Matcher: plain, Finder: plain.(issuer.Finder)}
	cfg := l.config(s)
	cfg.Matcher = l.m
	cfg.DeviceRate, cfg.OperatorRate = issuer.Rate{N: l.n, Per: time.Hour}, issuer.Rate{N: 1000, Per: time.Hour}
	i, err := issuer.New(l.t.Context(), cfg)
	if err != nil {
		l.t.Fatal(err)
	}
	l.store, l.i = s, i
}

// period goes to where the next one begins.
func (l *limited) period() {
	l.Clock.Move(time.Hour - time.Duration(l.Clock.Now().Unix()%3600)*time.Second)
	l.m.asked.Store(0)
}

func (l *limited) try(ctx context.Context) error {
	_, err := l.i.Enrol(ctx, l.Start(l.t, l.i, l.person()))
	return err
}

func (l *limited) enrols(times int) {
	l.t.Helper()
	for range times {
		if err := l.try(l.t.Context()); err != nil {
			l.t.Fatal(err)
		}
	}
}

// over: nothing is left, and so nothing is compared, and nothing written.
func (l *limited) over(compared int) {
	l.t.Helper()
	before, asked := digest(l.t, l.store), l.m.asked.Load()
	for range 3 {
		var e *api.Error
		if err := l.try(l.t.Context()); !errors.As(err, &e) || e.Code != api.RateLimited || e.RetryAfter <= 0 || e.RetryAfter > time.Hour {
			l.t.Errorf("over the rate: %v", err)
		}
	}
	if l.m.asked.Load() != asked || int(asked) != compared {
		l.t.Errorf("%d captures reached the matcher, then %d; %d should have", asked, l.m.asked.Load(), compared)
	}
	if digest(l.t, l.store) != before {
		l.t.Error("a refused intake left something behind")
	}
}

// rates: what a device may have compared is counted before the comparison, for
// good: over restarts, and whatever becomes of the intake.
func rates(t *testing.T, s Store) {
	t.Run("enrolments", func(t *testing.T) {
		l := newLimited(t, s.Open(t), 3)
		l.enrols(3)
		l.over(3)
		l.open(s.Reopen(t, l.store))
		l.over(0)
		l.period()
		l.enrols(1)
	})
	t.Run("intakes that come to nothing", func(t *testing.T) {
		l := newLimited(t, s.Open(t), 4)
		l.enrols(1)
		ctx, cancel := context.WithCancel(t.Context())
		l.m.prepare = func(context.Context) error { cancel(); return nil }
		if err := l.try(ctx); err == nil {
			t.Error("its caller was gone")
		}
		l.m.prepare = func(context.Context) error { return errInjected }
		if err := l.try(t.Context()); !errors.Is(err, errInjected) {
			t.Error(err)
		}
		l.m.prepare = func(context.Context) error { return issuer.ErrQuality }
		codeIs(t, l.try(t.Context()), api.QualityTooLow)
		l.m.prepare = nil
		l.over(4)
		l.open(s.Reopen(t, l.store))
		l.over(0)
	})
	t.Run("recoveries", func(t *testing.T) {
		l := newLimited(t, s.Open(t), 3)
		p := l.person()
		if _, err := l.i.Enrol(t.Context(), l.Start(t, l.i, p)); err != nil {
			t.Fatal(err)
		}
		l.anchor(t)
		if _, _, err := l.i.Recover(t.Context(), l.Recovery(t, l.i, p.Again(700))); err != nil {
			t.Fatal(err)
		}
		_, _, err := l.i.Recover(t.Context(), l.Recovery(t, l.i, l.person()))
		codeIs(t, err, api.NotEnrolled)
		_, _, err = l.i.Recover(t.Context(), l.Recovery(t, l.i, p.Again(701)))
		codeIs(t, err, api.RateLimited)
		l.over(3)
	})
	t.Run("many at once", func(t *testing.T) { manyAtOnce(t, s) })
	t.Run("restarts", func(t *testing.T) {
		const n = 40 // so 5 are handed out ahead
		l := newLimited(t, s.Open(t), n)
		compared := 0
		for range 3 {
			l.enrols(9)
			compared += 9
			l.open(s.Reopen(t, l.store))
		}
		for l.try(t.Context()) == nil {
			compared++
		}
		if compared > n || compared < n-3*5 {
			t.Errorf("%d of %d were compared in four processes", compared, n)
		}
		l.over(compared - 27)
	})
	t.Run("a count that may not be on the disk", func(t *testing.T) { rateInDoubt(t, s) })
}

// manyAtOnce: calls side by side get no more than the rate, and lose none of it.
func manyAtOnce(t *testing.T, s Store) {
	const n = 24
	l := newLimited(t, s.Open(t), n)
	var reqs []api.EnrolmentRequest
	for range 2 * n {
		reqs = append(reqs, l.Start(t, l.i, l.person()))
	}
	var wg sync.WaitGroup
	for _, req := range reqs {
		wg.Go(func() {
			switch _, err := l.i.Enrol(t.Context(), req); {
			case err == nil, api.CodeOf(err) == api.RateLimited, api.CodeOf(err) == api.CaptureReplayed:
			default: // captures of one device that come in another order are replays
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := int(l.m.asked.Load()); got > n {
		t.Errorf("%d of %d were compared", got, n)
	}
	for l.try(t.Context()) == nil {
	}
	l.over(n)
}

// rateInDoubt: if the count fails, or its commit is in doubt, nothing is
// compared.
func rateInDoubt(t *testing.T, s Store) {
	store, f := s.Faulty(t)
	l := newLimited(t, store, 3) // each is counted by itself
	f.set(func() error { return errInjected }, nil)
	if err := l.try(t.Context()); !errors.Is(err, errInjected) {
		t.Error(err)
	}
	persisted := false
	for _, commit := range []func(func() error) error{
		func(func() error) error { return errInjected },
		func(real func() error) error { persisted = true; return errors.Join(real(), errInjected) },
	} {
		f.set(nil, commit)
		codeIs(t, l.try(t.Context()), api.InDoubt)
	}
	f.set(nil, nil)
	if got := l.m.asked.Load(); got != 0 || !persisted {
		t.Errorf("%d captures were compared, whose count may not be kept", got)
	}
	l.enrols(2) // the one whose commit was there is lost
	l.over(2)
}
