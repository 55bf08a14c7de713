package wallet_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/internal/testset"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// A wallet that is opened again proves with what the last one kept, and asks
// nobody: under the last head while it is young enough, and under a frozen set
// for ever.
func TestResumeProvesOffline(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 300)
	before := w.synced(nil)
	if _, err := before.Freeze(ctx, 1); err != nil {
		t.Fatal(err)
	}
	state, paths := before.State(), before.Paths()
	w.now = w.now.Add(wallet.DefaultMaxStaleness - time.Second)
	w.set.Anchor(w.now, testset.Crowd(310)[300:]) // the set moves on, unseen
	w.set.Reads()

	x := w.wallet(func(c *wallet.Config) { c.State = state })
	st, err := x.Resume(paths)
	if err != nil || st != (wallet.Status{Member: true, Position: 300, Seq: 1, Live: 301, Crowd: 301}) {
		t.Fatal(st, err)
	}
	if got := x.Issued(); got != uint64(start.Unix()) {
		t.Fatal(got)
	}
	if p, err := x.Prepare(ctx, w.request(scope.PerDay(5))); err != nil || p.Crowd != 301 {
		t.Fatal(p, err)
	}
	for _, p := range []scope.Policy{scope.PerDay(5), scope.Snapshot(1, scope.Once())} {
		if a, err := x.Answer(ctx, w.request(p)); err != nil || a.Response == "" {
			t.Fatal(err)
		}
	}
	w.now = w.now.Add(2 * time.Second)
	_, err = x.Answer(ctx, w.request(scope.PerDay(5)))
	wantCode(t, err, wallet.RootsStale)
	if _, err := x.Answer(ctx, w.request(scope.Snapshot(1, scope.Returning()))); err != nil {
		t.Fatal("a frozen set does not age:", err)
	}
	if got := w.set.Reads(); len(got) != 0 {
		t.Fatalf("read %v", got)
	}
	// With a network it goes on from there.
	if st, err := x.Sync(ctx); err != nil || !st.Member || st.Seq != 2 {
		t.Fatal(st, err)
	}
	if !bytes.Equal(x.Paths()[:49], paths[:49]) || bytes.Equal(x.Paths(), paths) {
		t.Fatal("the paths did not move on")
	}
}

// What was kept for somebody else, or for another head, is as if it were not
// there; what was altered too.
func TestResumeBelievesNothing(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 300)
	before := w.synced(nil)
	state, paths := before.State(), before.Paths()
	w.now = w.now.Add(time.Second)
	w.set.Anchor(w.now, testset.Crowd(310)[300:])
	if _, err := before.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	later := before.State()
	resumed := func(state, paths, key []byte) wallet.Status {
		t.Helper()
		x := w.wallet(func(c *wallet.Config) { c.State = state })
		if err := x.Unlock(key); err != nil {
			t.Fatal(err)
		}
		st, err := x.Resume(paths)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	for name, st := range map[string]wallet.Status{
		"another head":   resumed(later, paths, w.key),
		"another person": resumed(state, paths, bytes.Repeat([]byte{9}, 32)),
		"nothing":        resumed(state, nil, w.key),
	} {
		if st.Member || st.Seq == 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
	if st := resumed(state, paths, w.key); !st.Member {
		t.Fatal(st)
	}
	for i := 17; i < len(paths); i++ {
		if i >= 17+32+8 && i < 17+32+24 {
			continue // position and crowd: the one is a hint, which Sync notices to be wrong, the other this wallet's own count
		}
		bent := bytes.Clone(paths)
		bent[i] ^= 1
		x := w.wallet(func(c *wallet.Config) { c.State = state })
		st, err := x.Resume(bent)
		if st.Member || err != nil && wallet.CodeOf(err) != wallet.RequestInvalid {
			t.Fatalf("byte %d altered: %+v %v", i, st, err)
		}
	}
	x := w.wallet(nil)
	_, err := x.Resume(paths)
	wantCode(t, err, wallet.NotSynced)
}

// Whatever was kept, Resume refuses or gives a status, and what it took is what
// it gives out again.
func FuzzResume(f *testing.F) {
	w := newWorld(f, 20)
	before := w.synced(func(c *wallet.Config) { c.MinCrowd = 2 })
	state := before.State()
	f.Add(before.Paths())
	f.Add([]byte("perhuman/paths/1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg := w.config()
		cfg.State = state
		x, err := wallet.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		x.Watch(w.commitment())
		st, err := x.Resume(b)
		if err != nil {
			if st.Member || wallet.CodeOf(err) != wallet.RequestInvalid {
				t.Fatal(st, err)
			}
			return
		}
		if again, err := x.Resume(x.Paths()); err != nil || again != st {
			t.Fatal(again, st, err)
		}
	})
}
