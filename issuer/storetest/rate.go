package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
)

// rates: what a device was used for counts with the intakes, over restarts, and
// a refused intake leaves nothing behind but itself.
func rates(t *testing.T, s Store) {
	r := newRig(t, s.Open(t))
	limited := func(store issuer.Store) *issuer.Issuer {
		t.Helper()
		cfg := r.config(store)
		cfg.DeviceRate, cfg.OperatorRate = issuer.Rate{N: 3, Per: time.Hour}, issuer.Rate{N: 100, Per: time.Hour}
		i, err := issuer.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	i := limited(r.store)
	r.Clock.Move(time.Hour - time.Duration(r.Clock.Now().Unix()%3600)*time.Second) // to where a period begins
	enrol := func() error {
		_, err := i.Enrol(t.Context(), r.Start(t, i, r.person()))
		return err
	}
	refused := func() {
		t.Helper()
		var e *api.Error
		if err := enrol(); !errors.As(err, &e) || e.Code != api.RateLimited || e.RetryAfter <= 0 || e.RetryAfter > time.Hour {
			t.Errorf("over the rate: %v", err)
		}
	}
	for range 3 {
		if err := enrol(); err != nil {
			t.Fatal(err)
		}
	}
	before := digest(t, r.store)
	refused()
	if digest(t, r.store) != before {
		t.Error("a refused intake left something behind")
	}
	r.store = s.Reopen(t, r.store)
	t.Cleanup(func() { _ = r.store.Close() })
	i = limited(r.store)
	refused()
	r.Clock.Move(time.Hour)
	if err := enrol(); err != nil {
		t.Errorf("in the next period: %v", err)
	}
}
