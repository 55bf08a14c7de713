package wallet_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/internal/testset"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// A wallet that is given the issuer's next key keeps what it has seen of the
// log: it goes on, sees a fork across the change, and refuses a key that the one
// before does not vouch for.
func TestWalletOverRotation(t *testing.T) {
	later := start.Add(10 * time.Second)
	for name, c := range map[string]struct {
		change func(w *world)
		want   error // *setlog.ErrFork for any fork
	}{
		"overlap": {func(w *world) {
			w.set.Issuer().Rotate("next key")
			w.set.Anchor(later, testset.Crowd(310)[305:])
		}, nil},
		"fork": {func(w *world) {
			w.set = testset.New(t, "issuer.example/people") // its key, another history
			w.set.Issuer().Rotate("next key")
			w.set.Anchor(later, append(testset.Crowd(301), w.commitment()))
		}, &setlog.ErrFork{}},
		"no overlap": {func(w *world) {
			w.set.Issuer().Rotate("next key")
			w.set.Issuer().Also = nil
			w.set.Anchor(later, testset.Crowd(310)[305:])
		}, setlog.ErrUnvouched},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 300)
			state := w.synced(nil).State()
			if got := wallet.StateOf(state); got != "issuer.example/people" {
				t.Errorf("the state is of %q", got)
			}
			c.change(w)
			w.now = later
			x := w.wallet(func(cfg *wallet.Config) { cfg.State = state })
			st, err := x.Sync(context.Background())
			var fork *setlog.ErrFork
			switch {
			case c.want == nil:
				if err != nil || !st.Member || wallet.StateOf(x.State()) != "issuer.example/people" {
					t.Errorf("%+v, %v", st, err)
				}
			case errors.As(c.want, &fork):
				if !errors.As(err, &fork) {
					t.Errorf("not seen: %v", err)
				}
			case !errors.Is(err, c.want):
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// Slots are counted per site, action and period, never per key of an issuer:
// what was used under the old key stays used under the next one, also when the
// old key does not vouch for it and the person begins its log anew.
func TestSlotsOutliveRotation(t *testing.T) {
	ctx := context.Background()
	for name, overlap := range map[string]bool{"overlap": true, "no overlap": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 300)
			store := wallet.NewMemory()
			x := w.synced(func(c *wallet.Config) { c.Store = store })
			a, err := x.Answer(ctx, w.request(scope.PerDay(2)))
			if err != nil {
				t.Fatal(err)
			}
			state := x.State()

			w.set.Issuer().Rotate("next key")
			if !overlap {
				w.set.Issuer().Also = nil
				state = nil // the log is begun anew: with its state the next key is refused
			}
			w.now = start.Add(10 * time.Second)
			w.set.Anchor(w.now, testset.Crowd(310)[305:])
			y := w.synced(func(c *wallet.Config) { c.Store, c.State = store, state })
			b, err := y.Answer(ctx, w.request(scope.PerDay(2)))
			if err != nil || b.Slot == a.Slot || b.Nullifier == a.Nullifier {
				t.Fatalf("slot %d, then %d: %v", a.Slot, b.Slot, err)
			}
			_, err = y.Answer(ctx, w.request(scope.PerDay(2)))
			wantCode(t, err, wallet.QuotaExhausted)
		})
	}
}

func TestStateOf(t *testing.T) {
	for _, b := range []string{"", "x", "perhuman/wallet/1 -\n", "perhuman/wallet/1 -\nperhuman/follower/1 x\n"} {
		if got := wallet.StateOf([]byte(b)); got != "" {
			t.Errorf("%q is of %q", b, got)
		}
	}
}
