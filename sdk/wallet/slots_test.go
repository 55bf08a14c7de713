package wallet_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// What was made for a challenge is sent again also when nothing new may be
// proven under the set that it was made with.
func TestRepeatAfterTheSetGotOld(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 300)
	x := w.synced(nil)
	w.now = w.now.Add(wallet.DefaultMaxStaleness - time.Minute)
	r := w.request(scope.PerDay(5))
	a, err := x.Answer(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(2 * time.Minute)
	_, err = x.Prepare(ctx, w.request(scope.PerDay(5)))
	wantCode(t, err, wallet.RootsStale)
	if p, err := x.Prepare(ctx, r); err != nil || !p.Resend || p.Left != 5 {
		t.Fatalf("prompt: %+v, %v", p, err)
	}
	if again, err := x.Answer(ctx, r); err != nil || again.Response != a.Response {
		t.Fatalf("answer: %+v, %v", again, err)
	}
}

func TestSlotsUntilQuota(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 300)
	store := wallet.NewMemory()
	x := w.synced(func(c *wallet.Config) { c.Store = store })
	seen := map[semaphore.Element]bool{}
	var slots []uint32
	for i := range 5 {
		r := w.request(scope.PerDay(5))
		p, err := x.Prepare(ctx, r)
		if err != nil || p.Left != 5-i || p.RP != rp || p.Crowd != 301 || !p.KeyChecked {
			t.Fatalf("prompt %d: %+v, %v", i, p, err)
		}
		a, err := x.Answer(ctx, r)
		if err != nil || seen[a.Nullifier] || a.Resent {
			t.Fatalf("answer %d: %+v, %v", i, a, err)
		}
		seen[a.Nullifier] = true
		slots = append(slots, a.Slot)
		again, err := x.Answer(ctx, r)
		if err != nil || again.Response != a.Response || !again.Resent || again.Slot != a.Slot || again.Nullifier != a.Nullifier {
			t.Fatalf("a repeat is not the same: %+v, %v", again, err)
		}
		// Whoever looks at the question again is told what stood there before.
		if p, err := x.Prepare(ctx, r); err != nil || p.Left != 5-i || p.Crowd != 301 || !p.Resend {
			t.Fatalf("prompt %d of a repeat: %+v, %v", i, p, err)
		}
	}
	_, err := x.Answer(ctx, w.request(scope.PerDay(5)))
	wantCode(t, err, wallet.QuotaExhausted)
	_, err = x.Prepare(ctx, w.request(scope.PerDay(5)))
	wantCode(t, err, wallet.QuotaExhausted)

	// Raising the cap adds slots and refills none.
	a, err := x.Answer(ctx, w.request(scope.PerDay(6)))
	if err != nil || slices.Contains(slots, a.Slot) {
		t.Fatal(a, err)
	}
	_, err = x.Answer(ctx, w.request(scope.PerDay(6)))
	wantCode(t, err, wallet.QuotaExhausted)

	// Another period and another action have books of their own.
	r := w.request(scope.PerEpoch(time.Hour, 5))
	if _, err := x.Answer(ctx, r); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(24 * time.Hour)
	w.set.Resign(w.now, nil)
	if _, err := x.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Answer(ctx, w.request(scope.PerDay(5))); err != nil {
		t.Fatal(err)
	}

	// A wallet that starts again with the same store remembers.
	y := w.synced(func(c *wallet.Config) { c.Store = store })
	for range 4 {
		if _, err := y.Answer(ctx, w.request(scope.PerDay(5))); err != nil {
			t.Fatal(err)
		}
	}
	_, err = y.Answer(ctx, w.request(scope.PerDay(5)))
	wantCode(t, err, wallet.QuotaExhausted)
}

func TestOnceAndReturning(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 300)
	x := w.synced(nil)
	if _, err := x.Answer(ctx, w.request(scope.Once())); err != nil {
		t.Fatal(err)
	}
	_, err := x.Answer(ctx, w.request(scope.Once()))
	wantCode(t, err, wallet.QuotaExhausted)

	var nullifier semaphore.Element
	for i := range 3 {
		r := w.request(scope.Returning())
		a, err := x.Answer(ctx, r)
		if err != nil || (i > 0 && a.Nullifier != nullifier) {
			t.Fatal(a, err)
		}
		nullifier = a.Nullifier
		again, err := x.Answer(ctx, r)
		if err != nil || again.Response != a.Response || !again.Resent {
			t.Fatal(again, err)
		}
	}
}

// A verifier that calls everything already used sees two slots, not k.
func TestLyingVerifierSeesTwoSlots(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 300)
	x := w.synced(nil)
	shown := 0
	for range 10 {
		r := w.request(scope.PerDay(10))
		a, err := x.Answer(ctx, r)
		if err != nil {
			wantCode(t, err, wallet.SlotsRefused)
			continue
		}
		shown++
		if err := x.Settle(ctx, a.Book(action), r.Challenge, wallet.AlreadyUsed); err != nil {
			t.Fatal(err)
		}
	}
	if shown != 2 {
		t.Fatalf("%d slots shown to a verifier that refuses each", shown)
	}
}

func TestSettle(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 300)
	x := w.synced(nil)
	answer := func(p scope.Policy) (wallet.Answer, string) {
		t.Helper()
		r := w.request(p)
		a, err := x.Answer(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return a, r.Challenge
	}
	settle := func(a wallet.Answer, challenge string, o wallet.Outcome) error {
		return x.Settle(ctx, a.Book(action), challenge, o)
	}
	// An accepted proof between two refusals: the verifier is honest.
	for _, o := range []wallet.Outcome{wallet.AlreadyUsed, wallet.Accepted, wallet.AlreadyUsed, wallet.Accepted} {
		if a, c := answer(scope.PerDay(9)); settle(a, c, o) != nil {
			t.Fatal("settle")
		}
	}
	// Not spent: with one slot it is free again, with more it is not shown twice.
	a, c := answer(scope.Once())
	if err := settle(a, c, wallet.NotSpent); err != nil {
		t.Fatal(err)
	}
	b, c := answer(scope.Once())
	if b.Nullifier != a.Nullifier || b.Response == a.Response {
		t.Fatal("the one slot has one nullifier, and a new challenge a new proof")
	}
	if err := settle(b, c, wallet.Accepted); err != nil {
		t.Fatal(err)
	}
	wantCode(t, settle(b, c, wallet.NotSpent), wallet.StoreUnavailable) // an outcome stays
	_, err := x.Answer(ctx, w.request(scope.Once()))
	wantCode(t, err, wallet.QuotaExhausted)
	two := scope.PerEpoch(time.Hour, 2)
	a, c = answer(two)
	if err := settle(a, c, wallet.NotSpent); err != nil {
		t.Fatal(err)
	}
	if b, _ := answer(two); b.Slot == a.Slot {
		t.Fatal("a verifier that claims to have spent nothing sees one nullifier twice")
	}
	_, err = x.Answer(ctx, w.request(two))
	wantCode(t, err, wallet.QuotaExhausted)
	wantCode(t, settle(a, w.request(two).Challenge, wallet.Accepted), wallet.StoreUnavailable)
	wantCode(t, settle(a, "?", wallet.Accepted), wallet.RequestInvalid)
	wantCode(t, settle(a, c, wallet.Shown), wallet.RequestInvalid)
}

// broken is a store whose disk fails at Take.
type broken struct{ *wallet.Memory }

func (broken) Take(context.Context, wallet.Book, wallet.Use) error { return errors.New("disk full") }

func TestNothingShownThatIsNotWritten(t *testing.T) {
	w := newWorld(t, 300)
	x := w.synced(func(c *wallet.Config) { c.Store = broken{wallet.NewMemory()} })
	a, err := x.Answer(context.Background(), w.request(scope.PerDay(5)))
	wantCode(t, err, wallet.StoreUnavailable)
	if a.Response != "" {
		t.Fatal("a response was returned although its slot was not written down")
	}
}

// T10 for slots: wallets of one person on one store never show a slot twice,
// and never more than k.
func TestT10WalletsShareAStore(t *testing.T) {
	w := newWorld(t, 300)
	const k = 12
	store := wallet.NewMemory()
	var wallets []*wallet.Wallet
	for range 4 {
		wallets = append(wallets, w.synced(func(c *wallet.Config) { c.Store = store }))
	}
	requests := make(chan wallet.Request, 40)
	for range cap(requests) {
		requests <- w.request(scope.PerDay(k))
	}
	close(requests)
	var mu sync.Mutex
	seen := map[uint32]int{}
	var wg sync.WaitGroup
	for _, x := range wallets {
		wg.Go(func() {
			for r := range requests {
				a, err := x.Answer(context.Background(), r)
				if c := wallet.CodeOf(err); c != "" && c != wallet.QuotaExhausted && c != wallet.StoreUnavailable {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					seen[a.Slot]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for slot, n := range seen {
		if n != 1 || slot >= k {
			t.Errorf("slot %d shown %d times", slot, n)
		}
	}
	if len(seen) != k {
		t.Errorf("%d of %d slots shown", len(seen), k)
	}
}

// Properties of the order: a permutation, secret, stable under a raised k,
// rotated by the device.
func TestSlotOrder(t *testing.T) {
	w := newWorld(t, 300)
	order := func(t testing.TB, device []byte, key []byte, k int) []uint32 {
		x, err := wallet.New(func() wallet.Config { c := w.config(); c.Device = device; return c }())
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Unlock(key); err != nil {
			t.Fatal(err)
		}
		o, err := wallet.SlotOrder(x, wallet.Book{RP: rp, Action: action, Period: scope.PerDay(k).Period(w.now)}, uint32(k))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	rapid.Check(t, func(rt *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "key")
		device := rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(rt, "device")
		k := rapid.IntRange(1, 40).Draw(rt, "k")
		o := order(t, device, key, k)
		sorted := slices.Clone(o)
		slices.Sort(sorted)
		for i, slot := range sorted {
			if slot != uint32(i) {
				rt.Fatalf("not a permutation: %v", o)
			}
		}
		if !slices.Equal(o, order(t, device, key, k)) {
			rt.Fatal("not a function of secret, device and book")
		}
		plain := order(t, nil, key, k)
		if i := slices.Index(o, plain[0]); !slices.Equal(plain, append(slices.Clone(o[i:]), o[:i]...)) {
			rt.Fatalf("a device does not rotate: %v, %v", o, plain)
		}
		more := slices.DeleteFunc(order(t, nil, key, k+3), func(s uint32) bool { return s >= uint32(k) })
		if !slices.Equal(more, plain) {
			rt.Fatalf("raising k reorders: %v, %v", plain, more)
		}
	})
	// Not the same for everybody: of 64 people, the first of 8 slots is spread out.
	firsts := map[uint32]int{}
	for i := range 64 {
		firsts[order(t, nil, append([]byte("a secret of sixteen"), byte(i)), 8)[0]]++
	}
	if len(firsts) < 6 {
		t.Fatalf("first slots %v", firsts)
	}
}
