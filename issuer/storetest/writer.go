package storetest

import (
	"errors"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// fenced: T06, the older of two writers writes nothing and signs nothing.
func fenced(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	r.enrol(t, r.person())
	r.anchor(t)
	req := r.Start(t, r.i, r.person())
	second := s.Second(t, r.store)
	t.Cleanup(func() { _ = second.Close() })
	j, err := issuer.New(t.Context(), r.config(second))
	if err != nil {
		t.Fatal(err)
	}
	before := digest(t, second)
	if _, err := r.i.Enrol(t.Context(), req); !errors.Is(err, issuer.ErrFenced) || api.CodeOf(err) != api.StoreUnavailable {
		t.Errorf("the older writer: %v", err)
	}
	if _, err := r.i.Anchor(t.Context()); !errors.Is(err, issuer.ErrFenced) {
		t.Errorf("the older writer anchors: %v", err)
	}
	if _, err := r.i.Head(); !errors.Is(err, issuer.ErrFenced) {
		t.Errorf("the older writer signs a head: %v", err)
	}
	if digest(t, second) != before {
		t.Error("the older writer wrote something")
	}
	if _, err := j.Enrol(t.Context(), req); err != nil {
		t.Errorf("the newer writer: %v", err)
	}
	if _, err := j.Anchor(t.Context()); err != nil {
		t.Errorf("the newer writer: %v", err)
	}
}

// wrongOwner: T06, a database belongs to one name, one signing key, one operator.
func wrongOwner(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	before := digest(t, r.store)
	for _, c := range []struct {
		name   string
		change func(*issuer.Config)
		want   error
	}{
		{"name", func(c *issuer.Config) {
			w := testkit.NewNamedWorld(t, 1, "issuer.test/others")
			c.Name, c.Signer, c.Capture = "issuer.test/others", w.Signer, w.Policy
		}, issuer.ErrWrongOrigin},
		{"key", func(c *issuer.Config) { c.Signer = testkit.NewWorld(t, 2).Signer }, issuer.ErrWrongKey},
		{"operator", func(c *issuer.Config) { c.Operator = testkit.NewWorld(t, 2).Operator.Text() }, issuer.ErrWrongOperator},
	} {
		cfg := r.config(r.store)
		c.change(&cfg)
		if _, err := issuer.New(t.Context(), cfg); !errors.Is(err, c.want) {
			t.Errorf("other %s: %v", c.name, err)
		}
	}
	if digest(t, r.store) != before {
		t.Error("a refused start changed something")
	}
	cfg := r.config(r.store)
	cfg.Signer, cfg.Retiring = testkit.NewWorld(t, 2).Signer, []string{r.Signer}
	if _, err := issuer.New(t.Context(), cfg); err != nil {
		t.Errorf("a key that retires the old one: %v", err)
	}
	if _, err := issuer.New(t.Context(), r.config(r.store)); !errors.Is(err, issuer.ErrWrongKey) {
		t.Errorf("the retired key: %v", err)
	}
}

// busy: T13, a database that does not come free in time gives ErrBusy, and
// nothing is lost or done twice.
func busy(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	req := r.Start(t, r.i, r.person())
	before := digest(t, r.store)
	release := s.Busy(t, r.store)
	if _, err := r.i.Enrol(t.Context(), req); !errors.Is(err, issuer.ErrBusy) || api.CodeOf(err) != api.StoreUnavailable {
		t.Errorf("while another writes: %v", err)
	}
	if err := r.i.Removal(t.Context(), 0, true); !errors.Is(err, issuer.ErrBusy) {
		t.Errorf("while another writes: %v", err)
	}
	release()
	if digest(t, r.store) != before {
		t.Error("something was written")
	}
	if got, err := r.i.Enrol(t.Context(), req); err != nil || got.Repeated {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
	r.anchor(t)
	dumped(t, r.store)
}

// refusing: T05, a database that refuses writes and then takes them again: acts
// fail whole, what is published is served on, and nothing has to be restarted.
func refusing(t *testing.T, s Store) {
	for name, refuse := range s.Refusing {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, s.Open(t))
			r.enrol(t, r.person())
			r.anchor(t)
			r.enrol(t, r.person())
			before := digest(t, r.store)
			undo := refuse(t, r.store)
			failures := 0
			for range 50 { // a disk that is nearly full takes some
				if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person())); err != nil {
					failures++
					if c := api.CodeOf(err); c != api.StoreUnavailable && c != api.InDoubt {
						t.Errorf("answered %v", err)
					}
				}
			}
			if failures == 0 {
				t.Error("the fault did not fire")
			}
			_, err := r.i.Anchor(t.Context())
			if err == nil && name != "full" {
				t.Error("it anchored")
			}
			if _, err := r.i.Head(); err != nil {
				t.Errorf("what is published: %v", err)
			}
			undo()
			if failures == 50 && err != nil && digest(t, r.store) != before {
				t.Error("something was written")
			}
			if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person())); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			r.anchor(t)
			if got := report(t, r.store); got.Waiting != 0 || got.Live < 3 {
				t.Errorf("%+v", got)
			}
			r.over(t, s.Reopen(t, r.store))
		})
	}
}
