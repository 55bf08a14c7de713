package private_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/private"
	"github.com/perhuman/perhuman/sdk/api"
)

// inEpoch checks that all three are settled in one epoch.
func (h *house) inEpoch(want uint64) {
	h.t.Helper()
	var all [3]party.Status
	for i := range h.parties {
		var err error
		if all[i], err = h.parties[i].Status(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		if s := all[i]; s.Epoch != want || len(s.Kept)+len(s.Older) > 0 || s.Refreshing || string(s.Name) != string(all[0].Name) {
			h.t.Errorf("party %d: %+v", i, s)
		}
	}
}

// An issuer refreshes again and again while people come, are recovered and leave:
// everybody stays known and nobody else becomes so.
func TestRefresh(t *testing.T) {
	h := newHouse(t, nil)
	for n := range uint64(3) {
		if err := h.enrol(testkit.NewPerson(n)); err != nil {
			t.Fatal(err)
		}
	}
	for round := range uint64(3) {
		crowd := make([]api.EnrolmentRequest, 4)
		for i := range crowd {
			crowd[i] = h.request(testkit.NewPerson(100 + 10*round + uint64(i)))
		}
		var all sync.WaitGroup
		for _, req := range crowd { // they wait, or are done before
			all.Go(func() {
				if _, err := h.issuer.Enrol(t.Context(), req); err != nil {
					t.Errorf("while it refreshes: %v", err)
				}
			})
		}
		epoch, err := h.matcher.Refresh(t.Context())
		if err != nil || epoch != round+1 {
			t.Fatalf("refresh %d: epoch %d, %v", round, epoch, err)
		}
		all.Wait()
		h.inEpoch(round + 1)
		for n := range uint64(3) {
			wantCode(t, h.enrol(testkit.NewPerson(n).Again(500+10*round+n)), api.AlreadyEnrolled)
		}
		for i := range crowd {
			wantCode(t, h.enrol(testkit.NewPerson(100+10*round+uint64(i)).Again(900+10*round+uint64(i))), api.AlreadyEnrolled)
		}
	}
	if _, err := h.issuer.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close()
	h.open()
	if r, _, err := h.issuer.Recover(t.Context(), h.recovery(testkit.NewPerson(1).Again(79))); err != nil || r.Status != api.RecoveryAnnounced {
		t.Errorf("recovery: %+v %v", r, err)
	}
	if err := h.enrol(testkit.NewPerson(50)); err != nil {
		t.Error(err)
	}
	h.settled(3 + 3*4 + 1)
}

// A party that is away: no refresh, nothing is lost, and it works when it is back.
func TestRefreshAway(t *testing.T) {
	h := newHouse(t, nil)
	if err := h.enrol(testkit.NewPerson(1)); err != nil {
		t.Fatal(err)
	}
	h.matcher.Close()
	h.room.Running(1).Stop()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := h.matcher.Refresh(ctx)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, private.ErrUnavailable) {
		t.Errorf("without a party: %v", err)
	}
	h.room.Serve(t, 1)
	if epoch, err := h.matcher.Refresh(t.Context()); err != nil || epoch != 1 {
		t.Errorf("epoch %d, %v", epoch, err)
	}
	wantCode(t, h.enrol(testkit.NewPerson(1).Again(9)), api.AlreadyEnrolled)
}

// cut is a party whose n-th call of a refresh is lost, on the way there or back.
type cut struct {
	faulty
}

func (f cut) Refresh(ctx context.Context, n uint64) (e mpc.Epoch, err error) {
	err = f.around(func() error { e, err = f.Party.Refresh(ctx, n); return err })
	return e, err
}

func (f cut) Switch(ctx context.Context, e mpc.Epoch) error {
	return f.around(func() error { return f.Party.Switch(ctx, e) })
}

func (f cut) Settle(ctx context.Context, e mpc.Epoch) error {
	return f.around(func() error { return f.Party.Settle(ctx, e) })
}

func (f cut) Drop(ctx context.Context, e mpc.Epoch) error {
	return f.around(func() error { return f.Party.Drop(ctx, e) })
}

func (f cut) Status(ctx context.Context) (s party.Status, err error) {
	err = f.around(func() error { s, err = f.Party.Status(ctx); return err })
	return s, err
}

// Every message of a refresh to one party is lost once, on the way there or back,
// and the issuer is started again: after the next enrolment all three are in one
// epoch, and know who they knew.
func TestRefreshLostMessages(t *testing.T) {
	for _, after := range []bool{false, true} {
		var mu sync.Mutex
		left := 0
		h := newHouse(t, func(i int, p private.Party) private.Party {
			if i != 2 {
				return p
			}
			return cut{faulty{Party: p, mu: &mu, left: &left, after: after}}
		})
		if err := h.enrol(testkit.NewPerson(1)); err != nil {
			t.Fatal(err)
		}
		h.matcher.Close()
		fired, known := 0, uint64(0)
		for n := 1; ; n++ {
			mu.Lock()
			left = n
			mu.Unlock()
			_, err := h.matcher.Refresh(t.Context())
			mu.Lock()
			missed := left > 0
			left = 0
			mu.Unlock()
			if missed {
				if err != nil {
					t.Errorf("nothing was lost: %v", err)
				}
				break
			}
			fired++
			h.close()
			h.open()
			wantCode(t, h.enrol(testkit.NewPerson(1).Again(uint64(1000+n))), api.AlreadyEnrolled)
			if err := h.enrol(testkit.NewPerson(uint64(100 + n))); err != nil {
				t.Errorf("message %d: %v", n, err)
			}
			h.matcher.Close()
			s, err := h.parties[0].Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if s.Epoch < known || s.Epoch > known+1 {
				t.Errorf("message %d: epoch %d after %d", n, s.Epoch, known)
			}
			known = s.Epoch
			h.inEpoch(known)
		}
		if fired < 5 {
			t.Errorf("%d messages were lost", fired)
		}
		h.settled(1 + fired)
	}
}
