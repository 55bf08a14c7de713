package storetest

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// holder stands between an issuer and its store. While it holds, it keeps what
// the issuer made for an act on somebody's leaving and does not pass it on, so
// that a test can do that one act by itself.
type holder struct {
	issuer.Store
	hold     bool
	unmarked bool // intakes go in as they did before there were marks

	deletion issuer.Deletion
	serial   *issuer.Serial
	mark     []byte
	marks    []issuer.TemplateMark
}

var errHeld = errors.New("held")

func (h *holder) Intake(ctx context.Context, batch []issuer.Intake, decide func(int) (api.Code, error)) ([]issuer.IntakeResult, error) {
	for n := range batch {
		if h.unmarked {
			batch[n].Mark = nil
		}
	}
	return h.Store.Intake(ctx, batch, decide)
}

func (h *holder) Delete(ctx context.Context, d issuer.Deletion, serial *issuer.Serial, mark []byte) (issuer.Deletion, bool, error) {
	if h.hold {
		h.deletion, h.serial, h.mark = d, serial, mark
		return d, false, errHeld
	}
	return h.Store.Delete(ctx, d, serial, mark)
}

func (h *holder) Mark(ctx context.Context, marks []issuer.TemplateMark) error {
	if h.hold {
		h.marks = marks
		return errHeld
	}
	return h.Store.Mark(ctx, marks)
}

func (h *holder) Destroy(ctx context.Context, d issuer.Deletion, serial issuer.Serial) error {
	if h.hold {
		h.deletion, h.serial = d, &serial
		return errHeld
	}
	return h.Store.Destroy(ctx, d, serial)
}

// everyStepOfLeaving: T14 for the acts of a store that let somebody go, each on
// its own: opening a link, marking, deleting, destroying. What is written is what
// an issuer made for it.
func (r *rig) everyStepOfLeaving(t *testing.T, f *Faults) (steps int) {
	t.Helper()
	ctx := t.Context()
	h := &holder{Store: r.store, unmarked: true}
	// restart reads the store again, as a process does that finds what was written
	// by another one.
	restart := func() (err error) {
		r.i, err = issuer.New(ctx, r.config(h))
		return err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	held := func(err error) {
		t.Helper()
		if !errors.Is(err, errHeld) {
			t.Fatalf("%v, want an act to be held", err)
		}
	}
	must(restart())
	gone := r.person()
	r.enrol(t, gone)
	r.enrol(t, r.person())
	r.anchor(t)

	h.hold, h.unmarked = true, false
	held(restart()) // marks what has none
	if len(h.marks) != 2 {
		t.Fatalf("%d templates to be marked", len(h.marks))
	}
	steps += r.everyStepOf(t, f, "mark", func() func(context.Context) error {
		return func(ctx context.Context) error { return r.store.Mark(ctx, h.marks) }
	})
	must(restart())

	opened := issuer.Opening{At: 1_760_000_000, Reason: issuer.OpenedForRecovery, Subject: []byte("sealed")}
	steps += r.everyStepOf(t, f, "link of a template", func() func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := r.store.LeafLink(ctx, h.marks[0].Serial, opened)
			return err
		}
	})
	steps += r.everyStepOf(t, f, "link of a member", func() func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := r.store.SerialLink(ctx, gone.ID.Commitment(), opened)
			return err
		}
	})

	going := testkit.Deletion(t, r.i, gone.ID)
	_, _, err := r.i.Delete(ctx, going)
	held(err)
	steps += r.everyStepOf(t, f, "deletion", func() func(context.Context) error {
		return func(ctx context.Context) error {
			_, repeated, err := r.store.Delete(ctx, h.deletion, h.serial, h.mark)
			if repeated {
				t.Error("a deletion that failed was there before")
			}
			return err
		}
	})
	h.hold = false
	must(restart())
	if d, repeated, err := r.i.Delete(ctx, going); err != nil || !repeated || d.Status != api.DeletionRemoved {
		t.Errorf("the request again: %+v, %v, repeated %v", d, err, repeated)
	}

	h.hold = true
	r.Clock.Move(48 * time.Hour)
	held(r.i.Release(ctx))
	must(r.store.SetCacheKey(ctx, []byte("sealed")))
	steps += r.everyStepOf(t, f, "destruction", func() func(context.Context) error {
		return func(ctx context.Context) error {
			err := r.store.Destroy(ctx, h.deletion, *h.serial)
			key, kerr := r.store.CacheKey(t.Context())
			d, derr := r.store.Deletion(t.Context(), h.deletion.ID)
			if kerr != nil || derr != nil || (d.Destroyed != 0) != (len(key) == 0) {
				t.Errorf("%v: destroyed at %d, and the key of the gallery cache is %q: %v, %v", err, d.Destroyed, key, kerr, derr)
			}
			return err
		}
	})
	h.hold = false
	must(r.i.Release(ctx))
	if d, err := r.store.Deletion(ctx, h.deletion.ID); err != nil || string(d.Tombstone) != string(h.deletion.Tombstone) || d.Destroyed == 0 {
		t.Errorf("%+v, %v: not the first tombstone", d, err)
	}
	must(restart())
	return steps
}

// hungUp: whoever asks to be deleted and hangs up at any statement is a member
// as before, or gone from the set: never on record as leaving and left in until
// the next period. A statement that fails costs that period at most, and the
// request again gets the one deletion.
func hungUp(t *testing.T, s Store) {
	store, f := s.Faulty(t)
	r := newRig(t, store)
	for _, cancelled := range []bool{true, false} {
		undone, done := 0, 0
		for step := 1; ; step++ {
			p := r.person()
			r.enrol(t, p)
			r.anchor(t)
			index, _ := r.i.Position(p.ID.Commitment())
			going := testkit.Deletion(t, r.i, p.ID)
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			f.set(func() error {
				if n++; n != step {
					return nil
				}
				if cancelled {
					cancel()
					return nil
				}
				return errInjected
			}, nil)
			_, _, err := r.i.Delete(ctx, going)
			f.set(nil, nil)
			cancel()
			if err == nil && n < step {
				break // it has no such statement
			}
			recorded := false
			if nonce, err := base64.RawURLEncoding.DecodeString(going.Session); err != nil {
				t.Fatal(err)
			} else if e, err := store.SessionIntake(t.Context(), issuer.Nonce(nonce)); err != nil {
				t.Fatal(err)
			} else if e != nil {
				recorded = true
			}
			_, member := r.i.Position(p.ID.Commitment())
			switch {
			case !recorded && (err == nil || !member):
				t.Errorf("at step %d, cancelled %v: not on record, member %v, answered %v", step, cancelled, member, err)
			case recorded && cancelled && member:
				t.Errorf("at step %d: hung up, on record, and still a member", step)
			}
			d, repeated, err := r.i.Delete(t.Context(), going)
			if err != nil || repeated != recorded || d.Status != api.DeletionRemoved {
				t.Errorf("at step %d, cancelled %v: the request again: %+v, %v, repeated %v", step, cancelled, d, err, repeated)
			}
			if _, member := r.i.Position(p.ID.Commitment()); member {
				t.Errorf("at step %d, cancelled %v: leaf %d is still there", step, cancelled, index)
			}
			if recorded {
				done++
			} else {
				undone++
			}
			dumped(t, store)
		}
		if undone == 0 || done == 0 {
			t.Errorf("cancelled %v: %d deletions were not on record at their fault, %d were", cancelled, undone, done)
		}
	}
	// The same of an urgent removal by the operator.
	for step, fired := 1, true; fired; step++ {
		p := r.person()
		r.enrol(t, p)
		r.anchor(t)
		index, _ := r.i.Position(p.ID.Commitment())
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		f.set(func() error {
			if n++; n == step {
				cancel()
			}
			return nil
		}, nil)
		err := r.i.Removal(ctx, index, true)
		f.set(nil, nil)
		cancel()
		fired = n >= step
		if _, member := r.i.Position(p.ID.Commitment()); report(t, store).Waiting != 0 || member == (err == nil) {
			t.Errorf("removal at step %d: %v, still a member: %v, something waits: %+v", step, err, member, report(t, store))
		}
	}
}
