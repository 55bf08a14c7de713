package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// inDoubt: T04, a commit that reports an error, with the act on disk or not. The
// answer is in_doubt either way, the issuer goes on from what is stored, and the
// same request again gets the one true answer.
func inDoubt(t *testing.T, s Store) {
	for name, commit := range map[string]func(func() error) error{
		"persisted": func(real func() error) error { return errors.Join(real(), errInjected) },
		"lost":      func(func() error) error { return errInjected },
	} {
		t.Run(name, func(t *testing.T) {
			store, f := s.Faulty(t)
			r := newRig(t, store)
			once := func(act func() error) {
				t.Helper()
				fired := 0
				f.set(nil, func(real func() error) error {
					if fired++; fired > 1 {
						return real()
					}
					return commit(real)
				})
				err := act()
				f.set(nil, nil)
				if api.CodeOf(err) != api.InDoubt || !errors.Is(err, issuer.ErrInDoubt) {
					t.Errorf("answered %v", err)
				}
				if fired == 0 {
					t.Error("the fault did not fire")
				}
				dumped(t, store)
			}
			ctx := t.Context()
			req := r.Start(t, r.i, r.person())
			once(func() error { _, err := r.i.Enrol(ctx, req); return err })
			first, err := r.i.Enrol(ctx, req)
			if err != nil || first.Repeated != (name == "persisted") {
				t.Fatalf("the same request again: %+v, %v", first, err)
			}
			once(func() error { _, err := r.i.Anchor(ctx); return err })
			r.anchor(t)
			if got := report(t, store); got.LogSize != 2 || got.Live != 1 {
				t.Errorf("%+v", got)
			}
			once(func() error { return r.i.Removal(ctx, 0, false) })
			if err := r.i.Removal(ctx, 0, true); err != nil {
				t.Error(err)
			}
			r.anchor(t)
			if got := report(t, store); got.LogSize != 3 || got.Live != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// everyStep: T14, every statement of every act fails once, and the caller gives
// up at every statement once. A broken act leaves nothing of itself, and goes
// through afterwards.
func everyStep(t *testing.T, s Store) {
	store, f := s.Faulty(t)
	r := newRig(t, store)
	alice, bob := r.person(), r.person()
	var recovery api.Recovery
	var request api.RecoveryRequest
	var reqs []api.EnrolmentRequest
	total, enrolled := 0, 0
	for _, act := range []struct {
		name    string
		prepare func() func(context.Context) error
	}{
		{"intake", func() func(context.Context) error {
			req := r.Start(t, r.i, alice)
			return func(ctx context.Context) error { _, err := r.i.Enrol(ctx, req); return err }
		}},
		{"batch of intakes", func() func(context.Context) error {
			if reqs == nil {
				reqs = []api.EnrolmentRequest{r.Start(t, r.i, bob), r.Start(t, r.i, r.person())}
			}
			return func(ctx context.Context) error { _, err := r.i.EnrolMany(ctx, reqs); return err }
		}},
		{"anchor", func() func(context.Context) error {
			if enrolled++; enrolled == 1 {
				r.enrol(t, r.person())
				r.Clock.Move(time.Second)
			}
			return func(ctx context.Context) error { _, err := r.i.Anchor(ctx); return err }
		}},
		{"publish", func() func(context.Context) error {
			c := issuer.Change{Op: 5, Since: 1_760_000_000}
			random(c.Ticket[:])
			return func(ctx context.Context) error { return store.Publish(ctx, c) }
		}},
		{"recovery", func() func(context.Context) error {
			if request.Session == "" { // one request, sent again and again: part of it may be done
				request = r.Recovery(t, r.i, alice.Again(900))
			}
			req := request
			return func(ctx context.Context) error {
				got, _, err := r.i.Recover(ctx, req)
				if err == nil {
					recovery = got
				}
				return err
			}
		}},
		{"veto", func() func(context.Context) error {
			if recovery.Announcement == nil { // its anchor was the broken one
				r.anchor(t)
				var err error
				if recovery, err = r.i.RecoveryStatus(t.Context(), recovery.ID); err != nil {
					t.Fatal(err)
				}
			}
			req := testkit.Veto(t, alice.ID, *recovery.Announcement)
			return func(ctx context.Context) error { _, err := r.i.Veto(ctx, recovery.ID, req); return err }
		}},
		{"removal", func() func(context.Context) error {
			return func(ctx context.Context) error { return r.i.Removal(ctx, 2, false) }
		}},
		{"import", func() func(context.Context) error {
			return func(ctx context.Context) error { _, err := store.BeginImport(ctx, [32]byte{1}); return err }
		}},
		{"cosignature", func() func(context.Context) error {
			c := report(t, store)
			return func(ctx context.Context) error {
				return store.(issuer.CosignKeeper).Cosign(ctx, c.Seq, c.Checkpoint)
			}
		}},
	} {
		total += r.everyStepOf(t, f, act.name, act.prepare)
	}
	total += r.everyStepOfLeaving(t, f)
	t.Logf("%d statements failed once and saw the caller gone once", total)
	r.anchor(t)
	r.over(t, s.Reopen(t, store))
}

// everyStepOf interrupts an act at each of its statements, and tells how many it
// has.
func (r *rig) everyStepOf(t *testing.T, f *Faults, name string, prepare func() func(context.Context) error) (steps int) {
	t.Helper()
	for ; r.interrupt(t, f, name, steps+1, prepare); steps++ {
	}
	if steps == 0 {
		t.Errorf("%s: nothing was tried", name)
	}
	return steps
}

// interrupt does an act twice, with a failure and with a cancellation at the
// given statement. It reports false when the act has no such statement and went
// through.
func (r *rig) interrupt(t *testing.T, f *Faults, name string, step int, prepare func() func(context.Context) error) bool {
	t.Helper()
	for _, want := range []error{errInjected, context.Canceled} {
		act := prepare()
		before := digest(t, r.store)
		ctx, cancel := context.WithCancel(t.Context())
		n, fired, commits, late := 0, false, 0, false
		f.set(func() error {
			if n++; n != step {
				return nil
			}
			fired, late = true, commits > 0
			if cancel(); want == errInjected {
				return errInjected
			}
			return nil
		}, func(real func() error) error { commits++; return real() })
		err := act(ctx)
		f.set(nil, nil)
		cancel()
		if !fired {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return false
		}
		// An act of several transactions (a link is opened on record before it is
		// used) may leave its first ones, and may be past what can still fail.
		if !errors.Is(err, want) && !late {
			t.Errorf("%s at step %d: %v, want %v", name, step, err, want)
		}
		if now := digest(t, r.store); now != before && !late {
			t.Errorf("%s at step %d (%v) left something", name, step, want)
		}
		if err == nil {
			return false
		}
	}
	return true
}
