package wallet_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/internal/testset"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

func TestSyncFollowsTheSet(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 300)
	x := w.wallet(nil)
	st, err := x.Sync(ctx)
	if err != nil || st != (wallet.Status{Member: true, Position: 300, Seq: 1, Live: 301, Crowd: 301}) {
		t.Fatal(st, err)
	}
	if got := w.set.Reads(); !slices.Equal(got, []string{"head", "set/1/leaves"}) {
		t.Fatalf("read %v", got)
	}
	// Nothing new: only the head is read. More people: the path follows.
	if _, err := x.Sync(ctx); err != nil || len(w.set.Reads()) != 1 {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	w.set.Anchor(w.now, testset.Crowd(310)[300:])
	st, err = x.Sync(ctx)
	if err != nil || st.Seq != 2 || st.Live != 311 || st.Position != 300 {
		t.Fatal(st, err)
	}
	reads := w.set.Reads()
	if !slices.ContainsFunc(reads, func(p string) bool { return strings.HasPrefix(p, "tile/0/") }) {
		t.Fatalf("consistency was not checked: %v", reads)
	}
	if _, err := x.Answer(ctx, w.request(scope.PerDay(5))); err != nil || len(w.set.Reads()) != 0 {
		t.Fatal("Answer used the network", err)
	}
	// The state brings a new wallet to where the old one was.
	y := w.wallet(func(c *wallet.Config) { c.State = x.State() })
	if st, err := y.Sync(ctx); err != nil || !st.Member || st.Position != 300 {
		t.Fatal(st, err)
	}
	if st, err := w.wallet(nil).Sync(ctx); err != nil || !st.Member {
		t.Fatal(st, err)
	}
}

// A wallet that was offered two histories never proves again, also after a
// restart.
func TestT51ForkStopsTheWallet(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 300)
	var kept []byte
	w.synced(func(c *wallet.Config) { c.Persist = func(b []byte) error { kept = b; return nil } })
	other := testset.New(t, "issuer.example/people") // the same key
	other.Anchor(w.now, append([]semaphore.Element{w.commitment()}, testset.Crowd(300)...))
	other.Anchor(w.now.Add(time.Second), testset.Crowd(301)[300:])
	honest := w.set
	w.now = w.now.Add(2 * time.Second)
	w.set = other
	forked := w.wallet(func(c *wallet.Config) { c.State, c.Persist = kept, func(b []byte) error { kept = b; return nil } })
	_, err := forked.Sync(ctx)
	wantCode(t, err, wallet.ForkDetected)
	fork, ok := errors.AsType[*setlog.ErrFork](err)
	if !ok || fork.Verify(honest.Issuer().Verifier) != nil {
		t.Fatalf("no evidence that stands: %v", err)
	}
	w.set = honest
	back := w.wallet(func(c *wallet.Config) { c.State = kept })
	_, err = back.Sync(ctx)
	wantCode(t, err, wallet.ForkDetected)
	_, err = back.Answer(ctx, w.request(scope.PerDay(5)))
	wantCode(t, err, wallet.ForkDetected)
}

// Every lie about the set is found, and a fetch that fails is no lie.
func TestSyncRefusesLies(t *testing.T) {
	ctx := context.Background()
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	cases := []struct {
		name string
		code wallet.Code
		do   func(w *world)
	}{
		{"head altered", wallet.RootUnproven, func(w *world) {
			w.set.Bend = func(p string, b []byte) []byte {
				if p == "head" {
					return flip(b)
				}
				return b
			}
		}},
		{"root outside the log", wallet.RootUnproven, func(w *world) {
			w.set.Resign(w.now, func(text string) string {
				root := w.set.Issuer().Group.Root()
				return strings.Replace(text, "\nroot "+root.String()+"\n", "\nroot "+semaphore.Hash2(root, root).String()+"\n", 1)
			})
		}},
		{"more live members than logged", wallet.RootUnproven, func(w *world) {
			w.set.Resign(w.now, func(text string) string {
				return strings.Replace(strings.Replace(text, "\nlive 301\n", "\nlive 302\n", 1), "\nsize 301\n", "\nsize 302\n", 1)
			})
		}},
		{"a leaf altered", wallet.RootUnproven, func(w *world) {
			w.set.Bend = func(p string, b []byte) []byte {
				if strings.HasSuffix(p, "leaves") {
					b[32+31] ^= 1
				}
				return b
			}
		}},
		{"a leaf left out", wallet.RootUnproven, func(w *world) {
			w.set.Bend = func(p string, b []byte) []byte {
				if strings.HasSuffix(p, "leaves") {
					return b[32:]
				}
				return b
			}
		}},
		{"leaves cut", wallet.RootUnproven, func(w *world) {
			w.set.Bend = func(p string, b []byte) []byte {
				if strings.HasSuffix(p, "leaves") {
					return b[:len(b)-1]
				}
				return b
			}
		}},
		{"head from the future", wallet.RootsStale, func(w *world) { w.set.Resign(w.now.Add(10*time.Minute), nil) }},
		{"head unreachable", wallet.SourceUnavailable, func(w *world) {
			w.set.Fail = func(p string) error { return errors.New("no route to host") }
		}},
		{"leaves unreachable", wallet.SourceUnavailable, func(w *world) {
			w.set.Fail = func(p string) error {
				if p != "head" {
					return errors.New("no route to host")
				}
				return nil
			}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 300)
			c.do(w)
			x := w.wallet(nil)
			_, err := x.Sync(ctx)
			wantCode(t, err, c.code)
			_, err = x.Answer(ctx, w.request(scope.PerDay(5)))
			wantCode(t, err, wallet.NotSynced)
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		w := newWorld(t, 300)
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		w.set.Fail = func(string) error { return ctx.Err() }
		_, err := w.wallet(nil).Sync(ctx)
		wantCode(t, err, wallet.Cancelled)
	})
	t.Run("older head of a lagging cache", func(t *testing.T) {
		w := newWorld(t, 300)
		w.set.Resign(w.now.Add(10*time.Second), nil)
		x := w.synced(nil)
		w.set.Resign(w.now, nil)
		if st, err := x.Sync(ctx); err != nil || !st.Member {
			t.Fatal(st, err)
		}
	})
	t.Run("older log under a newer date", func(t *testing.T) {
		w := newWorld(t, 300)
		old := testset.New(t, "issuer.example/people") // a copy of the folder, taken here
		old.Anchor(w.now, append(testset.Crowd(300), w.commitment()))
		w.set.Anchor(w.now.Add(time.Second), testset.Crowd(301)[300:])
		x := w.synced(nil)
		old.Resign(w.now.Add(time.Minute), nil)
		w.now = w.now.Add(2 * time.Minute)
		_, err := w.wallet(func(c *wallet.Config) { c.State, c.Source = x.State(), old }).Sync(ctx)
		wantCode(t, err, wallet.RollbackDetected)
	})
	t.Run("set superseded while reading", func(t *testing.T) {
		w := newWorld(t, 300)
		first := true
		w.set.Fail = func(p string) error {
			if p != "head" && first {
				first = false
				return testset.ErrGone
			}
			return nil
		}
		if st, err := w.wallet(nil).Sync(ctx); err != nil || !st.Member {
			t.Fatal(st, err)
		}
	})
}

// Above 4096 leaves a wallet that knows its position reads tiles: the same for
// everybody in its block, and the path is the group's own.
func TestSyncFromTiles(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t, 0)
	members := testset.Crowd(5000)
	const position = 4990 // in the block at the edge
	members[position] = w.commitment()
	w.set.Anchor(w.now, members)
	x := w.wallet(func(c *wallet.Config) { c.Prover, c.Verify = real(), verifier().Verify })
	st, err := x.Sync(ctx)
	if err != nil || st.Position != position || st.Crowd != 5000 {
		t.Fatal(st, err)
	}
	w.set.Reads()
	for range 2 { // grow, so that the second Sync goes by tiles
		w.now = w.now.Add(time.Second)
		w.set.Anchor(w.now, []semaphore.Element{semaphore.Hash2(w.commitment(), semaphore.Element{31: byte(w.now.Unix())})})
	}
	st, err = x.Sync(ctx)
	if err != nil || !st.Member || st.Position != position {
		t.Fatal(st, err)
	}
	var tiles []string
	for _, p := range w.set.Reads() {
		if strings.HasPrefix(p, "set/") {
			tiles = append(tiles, p)
		}
	}
	slices.Sort(tiles)
	want := []string{"set/3/tile/0/16", "set/3/tile/0/17", "set/3/tile/0/18", "set/3/tile/0/19", "set/3/tile/8/0"}
	if !slices.Equal(tiles, want) {
		t.Fatalf("read %v, want %v", tiles, want)
	}
	if st.Crowd != 5002-16*256 {
		t.Fatalf("crowd %d", st.Crowd)
	}
	a, err := x.Answer(ctx, w.request(scope.Once()))
	if err != nil || a.Response == "" {
		t.Fatal(err)
	}

	// A tile that lies is found, in the person's own tile and in a neighbour's.
	for _, bent := range []string{"tile/0/19", "tile/0/16", "tile/8/0"} {
		y := w.wallet(func(c *wallet.Config) { c.State = x.State() })
		w.set.Bend = func(p string, b []byte) []byte {
			if strings.HasSuffix(p, bent) {
				b[31] ^= 1
			}
			return b
		}
		_, err := y.Sync(ctx)
		wantCode(t, err, wallet.RootUnproven)
	}
	w.set.Bend = nil

	// A wrong hint costs a download of all leaves, not the membership.
	state := strings.Replace(string(x.State()), "perhuman/wallet/1 4990\n", "perhuman/wallet/1 17\n", 1)
	y := w.wallet(func(c *wallet.Config) { c.State = []byte(state) })
	if st, err := y.Sync(ctx); err != nil || st.Position != position {
		t.Fatal(st, err)
	}
	// A block that has lost too many hides nobody: the whole set is read.
	w.now = w.now.Add(time.Second)
	var gone []int
	for i := 16 * 256; i < 16*256+700; i++ {
		gone = append(gone, i)
	}
	w.set.Anchor(w.now, nil, gone...)
	w.set.Reads()
	st, err = x.Sync(ctx)
	if err != nil || st.Crowd != 5002-700 || !slices.Contains(w.set.Reads(), "set/4/leaves") {
		t.Fatal(st, err)
	}
}

// Properties of the blocks: everybody in a block asks for the same tiles, a
// block has at least 257 leaves once the set has, and the own tile is in it.
func TestCrowdTiles(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.Uint64Range(1, 1<<26).Draw(rt, "size")
		pos := rapid.Uint64Range(0, size-1).Draw(rt, "position")
		first, end := wallet.CrowdTiles(size, pos)
		if own := pos / 256; own < first || own >= end || end > (size+255)/256 || end-first > 4 {
			rt.Fatalf("tiles %d to %d", first, end)
		}
		if leaves := min(end*256, size) - first*256; size >= 512 && leaves < 512 {
			rt.Fatalf("%d leaves", leaves)
		}
		other := rapid.Uint64Range(first*256, min(end*256, size)-1).Draw(rt, "neighbour")
		if f, e := wallet.CrowdTiles(size, other); f != first || e != end {
			rt.Fatalf("a neighbour reads %d to %d, not %d to %d", f, e, first, end)
		}
	})
}

// With more than 65,536 leaves a path crosses three levels of tiles.
func TestSyncFromThreeLevels(t *testing.T) {
	if os.Getenv("PERHUMAN_LONG") == "" {
		t.Skip("a set of 66,000 takes seconds to build; PERHUMAN_LONG=1 runs it")
	}
	w := newWorld(t, 0)
	members := testset.Crowd(66_000)
	members[65_700] = w.commitment()
	w.set.Anchor(w.now, members)
	x := w.synced(nil)
	w.now = w.now.Add(time.Second)
	w.set.Anchor(w.now, []semaphore.Element{semaphore.Hash2(w.commitment(), w.commitment())})
	w.set.Reads()
	st, err := x.Sync(context.Background())
	if err != nil || !st.Member || slices.Contains(w.set.Reads(), "set/2/leaves") {
		t.Fatal(st, err)
	}
	if _, err := x.Answer(context.Background(), w.request(scope.Once())); err != nil {
		t.Fatal(err)
	}
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t, 300)
	for name, change := range map[string]func(*wallet.Config){
		"key":             func(c *wallet.Config) { c.Issuer = "issuer.example+00000000+AAAA" },
		"state":           func(c *wallet.Config) { c.State = []byte("perhuman/wallet/1 007\n") },
		"foreign state":   func(c *wallet.Config) { c.State = []byte("hello") },
		"another's state": func(c *wallet.Config) { c.State = testState(t) },
		"no source":       func(c *wallet.Config) { c.Source = nil },
	} {
		cfg := w.config()
		change(&cfg)
		if _, err := wallet.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func testState(t *testing.T) []byte {
	other := newWorld(t, 0)
	other.set = testset.New(t, "other.example")
	other.set.Anchor(other.now, append(testset.Crowd(300), other.commitment()))
	return other.synced(nil).State()
}
