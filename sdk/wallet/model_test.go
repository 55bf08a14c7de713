package wallet_test

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Any sequence of requests, repeats and outcomes keeps the rules of slots:
// no slot is shown to two challenges (except the one of k = 1 after NotSpent),
// never more than k, quota_exhausted exactly when none is left, and nothing
// after two refusals in a row.
func TestSlotRulesHold(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 300)
	rapid.Check(t, func(rt *rapid.T) {
		x := w.synced(nil)
		k := rapid.IntRange(1, 5).Draw(rt, "k")
		policy := scope.PerEpoch(time.Hour, k)
		type shown struct {
			request wallet.Request
			answer  wallet.Answer
			settled bool
		}
		var all []shown
		left, refused := k, 0
		slots := map[uint32]bool{}
		free := map[uint32]bool{} // shown and said not to be spent
		for range rapid.IntRange(1, 14).Draw(rt, "steps") {
			switch what := rapid.IntRange(0, 4).Draw(rt, "what"); {
			case what <= 2 || len(all) == 0:
				r := w.request(policy)
				a, err := x.Answer(ctx, r)
				switch {
				case left == 0:
					wantCode(rt, err, wallet.QuotaExhausted)
					continue
				case refused >= 2:
					wantCode(rt, err, wallet.SlotsRefused)
					continue
				case err != nil:
					rt.Fatal(err)
				case slots[a.Slot] && !(k == 1 && free[a.Slot]):
					rt.Fatalf("slot %d shown twice", a.Slot)
				case int(a.Slot) >= k:
					rt.Fatalf("slot %d of %d", a.Slot, k)
				}
				slots[a.Slot], free[a.Slot] = true, false
				left--
				all = append(all, shown{request: r, answer: a})
			case what == 3: // in doubt: the same again
				s := rapid.SampledFrom(all).Draw(rt, "which")
				a, err := x.Answer(ctx, s.request)
				if k == 1 && s.answer.Response != all[len(all)-1].answer.Response {
					// Its slot was shown anew and the older answer is gone. If that was
					// not spent either, this request is as good as a new one.
					if err == nil && !a.Resent {
						slots[a.Slot], free[a.Slot] = true, false
						left--
						all = append(all, shown{request: s.request, answer: a})
					}
					continue
				}
				if err != nil || a.Response != s.answer.Response || !a.Resent {
					rt.Fatalf("not the same bytes: %v", err)
				}
			default:
				s := &all[len(all)-1]
				o := wallet.Outcome(rapid.IntRange(1, 3).Draw(rt, "outcome"))
				err := x.Settle(ctx, s.answer.Book(action), s.request.Challenge, o)
				if s.settled {
					continue
				}
				if err != nil {
					rt.Fatal(err)
				}
				s.settled = true
				switch o {
				case wallet.Accepted:
					refused = 0
				case wallet.AlreadyUsed:
					refused++
				case wallet.NotSpent:
					free[s.answer.Slot] = true
					if k == 1 {
						left++
					}
				}
			}
		}
	})
}

// T21: a state is taken or refused, never a panic; what is taken comes back.
func FuzzState(f *testing.F) {
	w := newWorld(f, 300)
	f.Add(w.synced(nil).State())
	f.Add([]byte("perhuman/wallet/1 -\n"))
	f.Fuzz(func(t *testing.T, state []byte) {
		cfg := w.config()
		cfg.State = append([]byte{}, state...)
		x, err := wallet.New(cfg)
		if err != nil {
			if wallet.CodeOf(err) != wallet.RequestInvalid || x != nil {
				t.Fatalf("%v", err)
			}
			return
		}
		if string(x.State()) != string(state) {
			t.Fatalf("another state came back:\n%q\n%q", state, x.State())
		}
	})
}
