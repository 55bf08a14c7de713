package setlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

const t0 = 1_790_000_000

var errGone = errors.New("410")

func at(sec int64) time.Time { return time.Unix(t0+sec, 0) }

func follow(t testing.TB, is *setlogtest.Issuer, bend ...func(*setlog.FollowerConfig)) *setlog.Follower {
	t.Helper()
	cfg := setlog.FollowerConfig{VKey: is.VKey}
	for _, b := range bend {
		b(&cfg)
	}
	f, err := setlog.NewFollower(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFollowerFollows(t *testing.T) {
	is := setlogtest.New(t, "issuer.example/people")
	f := follow(t, is)
	if _, err := f.Root(setlogtest.Commitment("x"), at(0)); !errors.Is(err, setlog.ErrStale) {
		t.Error("before the first head:", err)
	}
	var roots []semaphore.Element
	for i := range int64(6) {
		is.Anchor(uint64(t0+i), []string{fmt.Sprint("person ", i, "a"), fmt.Sprint("person ", i, "b")})
		roots = append(roots, is.Group.Root())
		if err := f.Update(is.Head(uint64(t0+i)), at(i), is.Fetch); err != nil {
			t.Fatal(err)
		}
	}
	for i, root := range roots {
		info, err := f.Root(root, at(6))
		want := setlog.RootInfo{Seq: uint64(i + 1), Live: uint64(2*i + 2), Current: i == 5}
		if err != nil || info != want {
			t.Errorf("root %d: %+v, %v", i, info, err)
		}
		p, err := f.RootProof(root, is.Fetch)
		if err != nil {
			t.Fatal(err)
		}
		if _, e, err := p.Verify(is.Verifier); err != nil || e.Root != root {
			t.Error("root proof:", err)
		}
	}
	if _, err := f.Root(setlogtest.Commitment("made up"), at(6)); !errors.Is(err, setlog.ErrRootUnknown) {
		t.Error("made-up root:", err)
	}
	if _, err := f.Root(semaphore.Element{}, at(6)); !errors.Is(err, setlog.ErrRootZero) {
		t.Error("root 0:", err)
	}
	if h, ok := f.Head(); !ok || h.Seq != 6 || f.Name() != is.Name || f.VKey() != is.VKey {
		t.Error("head", h.Seq)
	}
}

// TestRootZeroOfEmptySet: a set may begin with a policy; its root 0 is followed
// but never good.
func TestRootZeroOfEmptySet(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	is.Seq = 1
	is.Publish(t0, []setlog.Entry{{Op: setlog.OpPolicy, Document: [32]byte{1}}})
	f := follow(t, is)
	if err := f.Update(is.Head(t0), at(0), is.Fetch); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Root(semaphore.Element{}, at(0)); !errors.Is(err, setlog.ErrRootZero) {
		t.Error(err)
	}
}

// TestT30Window: a superseded root is good until exactly the window has passed,
// on a fake clock.
func TestT30Window(t *testing.T) {
	for _, window := range []time.Duration{0, 10 * time.Minute} { // 0: the default of an hour
		is := setlogtest.New(t, "issuer.example")
		is.Anchor(t0, []string{"a"})
		old := is.Group.Root()
		f := follow(t, is, func(c *setlog.FollowerConfig) { c.Window = window })
		if err := f.Update(is.Head(t0), at(0), is.Fetch); err != nil {
			t.Fatal(err)
		}
		is.Anchor(t0+60, []string{"b"}) // old is superseded at +60
		w := int64(3600)
		if window > 0 {
			w = int64(window / time.Second)
		}
		for _, c := range []struct {
			at   int64
			want error
		}{{60, nil}, {60 + w - 1, nil}, {60 + w, setlog.ErrRootExpired}, {60 + w + 1, setlog.ErrRootExpired}} {
			if err := f.Update(is.Head(uint64(t0+c.at)), at(c.at), is.Fetch); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Root(old, at(c.at)); !errors.Is(err, c.want) {
				t.Errorf("window %s, %+d s after superseding: %v, want %v", window, c.at-60, err, c.want)
			}
			if info, err := f.Root(is.Group.Root(), at(c.at)); err != nil || !info.Current {
				t.Errorf("the newest root never ages: %v", err)
			}
		}
	}
}

// TestT30Clocks: heads too old or from the future decide nothing.
func TestT30Clocks(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(t0, []string{"a"})
	root := is.Group.Root()
	f := follow(t, is)
	if err := f.Update(is.Head(t0+600), at(0), is.Fetch); !errors.Is(err, setlog.ErrFuture) {
		t.Error("issuer ten minutes ahead:", err)
	}
	if err := f.Update(is.Head(t0+31), at(0), is.Fetch); !errors.Is(err, setlog.ErrFuture) {
		t.Error("31 s ahead:", err)
	}
	if err := f.Update(is.Head(t0+30), at(0), is.Fetch); err != nil {
		t.Error("30 s ahead is skew:", err)
	}
	for _, c := range []struct {
		now  int64
		want error
	}{{-1, setlog.ErrStale}, {0, nil}, {149, nil}, {150, nil}, {151, setlog.ErrStale}, {630, setlog.ErrStale}} {
		if _, err := f.Root(root, at(c.now)); !errors.Is(err, c.want) {
			t.Errorf("now %+d s: %v, want %v", c.now, err, c.want)
		}
		if err := f.Fresh(at(c.now)); !errors.Is(err, c.want) {
			t.Errorf("fresh at %+d s: %v", c.now, err)
		}
	}
	// An issuer ten minutes behind is followed, but its heads are stale.
	late := follow(t, is)
	if err := late.Update(is.Head(t0), at(600), is.Fetch); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Root(root, at(600)); !errors.Is(err, setlog.ErrStale) {
		t.Error("ten minutes behind:", err)
	}
}

func TestMinValidSeq(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	f := follow(t, is)
	var roots []semaphore.Element
	for i := range int64(3) {
		is.Anchor(uint64(t0+i), []string{fmt.Sprint(i)})
		roots = append(roots, is.Group.Root())
		if err := f.Update(is.Head(uint64(t0+i)), at(i), is.Fetch); err != nil {
			t.Fatal(err)
		}
	}
	is.MinValid = 2
	if err := f.Update(is.Head(t0+4), at(4), is.Fetch); err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{setlog.ErrRootExpired, nil, nil} {
		if _, err := f.Root(roots[i], at(4)); !errors.Is(err, want) {
			t.Errorf("seq %d: %v", i+1, err)
		}
	}
}

// TestNeverLowers: nothing that must grow is ever taken lower, and the old head
// stays.
func TestNeverLowers(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(t0, []string{"a", "b"})
	short := is.Fork()
	is.Anchor(t0+1, []string{"c"})
	is.MinValid = 2
	f := follow(t, is)
	if err := f.Update(is.Head(t0+10), at(10), is.Fetch); err != nil {
		t.Fatal(err)
	}
	held := f.SignedHead()
	for name, c := range map[string]struct {
		signed []byte
		fetch  setlog.Fetch
		want   error
	}{
		"a lagging copy":          {short.Head(t0 + 5), is.Fetch, setlog.ErrOldHead},
		"the same second's first": {short.Head(t0 + 10), is.Fetch, setlog.ErrOldHead},
		"a restored backup":       {short.Head(t0 + 20), is.Fetch, setlog.ErrRollback},
		"the same, without tiles": {short.Head(t0 + 20), short.Fetch, setlog.ErrRollback},
		"min_valid_seq lowered": {func() []byte {
			h := is.UnsignedHead(t0 + 20)
			h.MinValidSeq = 1
			b, _ := h.Sign(is.Signer)
			return b
		}(), is.Fetch, setlog.ErrRollback},
		"issued lowered": {is.Head(t0 + 9), is.Fetch, setlog.ErrOldHead},
		"set size lowered": {func() []byte {
			h := is.UnsignedHead(t0 + 20)
			h.Size, h.Depth = 2, 1
			h.Live = 3
			b, _ := h.Sign(is.Signer)
			return b
		}(), is.Fetch, setlog.ErrMalformed},
		"set size raised without a batch": {func() []byte {
			h := is.UnsignedHead(t0 + 20)
			h.Size, h.Depth = 4, 2
			b, _ := h.Sign(is.Signer)
			return b
		}(), is.Fetch, setlog.ErrHead},
	} {
		err := f.Update(c.signed, at(20), c.fetch)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(f.SignedHead(), held) {
			t.Fatalf("%s: head replaced", name)
		}
	}
	// The memory outlives the process.
	again := follow(t, is, func(c *setlog.FollowerConfig) { c.State = f.State() })
	if err := again.Update(short.Head(t0+20), at(20), is.Fetch); !errors.Is(err, setlog.ErrRollback) {
		t.Error("after a restart:", err)
	}
}

// TestWindowLies: superseded times never grow, and the window must agree with
// what was proven.
func TestWindowLies(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(t0, []string{"a"})
	first := is.Group.Root()
	f := follow(t, is, func(c *setlog.FollowerConfig) { c.Window = 100 * time.Second })
	if err := f.Update(is.Head(t0), at(0), is.Fetch); err != nil {
		t.Fatal(err)
	}
	is.Anchor(t0+10, []string{"b"})
	if err := f.Update(is.Head(t0+10), at(10), is.Fetch); err != nil {
		t.Fatal(err)
	}
	is.Window[0].Superseded = t0 + 90 // the issuer now says: later
	if err := f.Update(is.Head(t0+110), at(110), is.Fetch); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Root(first, at(110)); !errors.Is(err, setlog.ErrRootExpired) {
		t.Error("an expired root came back:", err)
	}
	is.Window[0].Root = setlogtest.Commitment("other")
	if err := f.Update(is.Head(t0+111), at(111), is.Fetch); !errors.Is(err, setlog.ErrHead) {
		t.Error("window with another root:", err)
	}
	// Left out of the window: superseded when its last head was issued.
	is.Window = nil
	g := follow(t, is, func(c *setlog.FollowerConfig) { c.Window = 100 * time.Second })
	if err := g.Update(is.Head(t0+20), at(20), is.Fetch); err != nil {
		t.Fatal(err)
	}
	second := is.Group.Root()
	is.Anchor(t0+60, []string{"c"})
	is.Window = nil
	if err := g.Update(is.Head(t0+60), at(60), is.Fetch); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Root(second, at(119)); err != nil {
		t.Error(err)
	}
	if _, err := g.Root(second, at(120)); !errors.Is(err, setlog.ErrRootExpired) {
		t.Error(err)
	}
}

// TestLearn: a follower that slept proves the roots it missed from tiles.
func TestLearn(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	var roots []semaphore.Element
	for i := range 40 {
		var labels []string
		for j := range 1 + i%23 {
			labels = append(labels, fmt.Sprint(i, ".", j))
		}
		is.Anchor(uint64(t0+i), labels)
		roots = append(roots, is.Group.Root())
	}
	f := follow(t, is)
	if err := f.Update(is.Head(t0+40), at(40), is.Fetch); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 38, 20, 5, 21} {
		if _, err := f.Root(roots[i], at(40)); !errors.Is(err, setlog.ErrRootUnknown) {
			t.Fatalf("a listed root is good without a proof: %v", err)
		}
		if !f.Learnable(roots[i]) {
			t.Fatal("not learnable")
		}
		is.Refuse = func(string) error { return errGone }
		if err := f.Learn(roots[i], is.Fetch); !errors.Is(err, errGone) {
			t.Fatalf("tiles gone: %v", err)
		}
		is.Refuse = nil
		if err := f.Learn(roots[i], is.Fetch); err != nil {
			t.Fatal(err)
		}
		if info, err := f.Root(roots[i], at(40)); err != nil || info.Seq != uint64(i+1) || info.Current {
			t.Fatalf("%+v, %v", info, err)
		}
	}
	if err := f.Learn(roots[20], is.Fetch); err != nil || f.Learnable(roots[20]) {
		t.Error("learned twice:", err)
	}
	if err := f.Learn(setlogtest.Commitment("made up"), is.Fetch); !errors.Is(err, setlog.ErrRootUnknown) {
		t.Error(err)
	}
	// After a restart the proofs are made again from tiles.
	again := follow(t, is, func(c *setlog.FollowerConfig) { c.State = f.State() })
	if !bytes.Equal(again.State(), f.State()) {
		t.Error("state does not survive")
	}
	p, err := again.RootProof(roots[20], is.Fetch)
	if err != nil {
		t.Fatal(err)
	}
	if _, e, err := p.Verify(is.Verifier); err != nil || e.Root != roots[20] {
		t.Error(err)
	}
	if _, err := again.RootProof(roots[19], is.Fetch); !errors.Is(err, setlog.ErrRootUnknown) {
		t.Error(err)
	}
}

// TestT54RootNotInLog: an issuer that signs a window with a root its log does
// not hold gets it accepted nowhere, and tiles that were doctored to hold it are
// refused.
func TestT54RootNotInLog(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(t0, []string{"a"})
	is.Anchor(t0+1, []string{"b"})
	private := setlogtest.Commitment("a root for one person only")
	is.Window[0].Root = private
	f := follow(t, is)
	if err := f.Update(is.Head(t0+1), at(1), is.Fetch); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Root(private, at(1)); !errors.Is(err, setlog.ErrRootUnknown) {
		t.Error("signed but not logged:", err)
	}
	if err := f.Learn(private, is.Fetch); !errors.Is(err, setlog.ErrHead) {
		t.Error("learned:", err)
	}
	doctored := func(path string) ([]byte, error) {
		b, err := is.Fetch(path)
		if err == nil && strings.HasPrefix(path, "tile/entries/") {
			es, _ := setlog.ParseEntryBundle(b)
			es[0].Root = private
			return setlog.EntryBundle(es)
		}
		return b, err
	}
	if err := f.Learn(private, doctored); !errors.Is(err, setlog.ErrProof) {
		t.Error("doctored bundle:", err)
	}
	if _, err := f.Root(private, at(1)); !errors.Is(err, setlog.ErrRootUnknown) {
		t.Error(err)
	}
	// No head text with it as the newest root can be opened: TestHeadRefuses.
}

func TestPersistFirst(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(t0, []string{"a"})
	var saved []byte
	fail := errors.New("disk full")
	broken := true
	f := follow(t, is, func(c *setlog.FollowerConfig) {
		c.Persist = func(b []byte) error {
			if broken {
				return fail
			}
			saved = bytes.Clone(b)
			return nil
		}
	})
	if err := f.Update(is.Head(t0), at(0), is.Fetch); !errors.Is(err, fail) {
		t.Error(err)
	}
	if _, ok := f.Head(); ok {
		t.Error("a head that was not persisted took effect")
	}
	broken = false
	if err := f.Update(is.Head(t0), at(0), is.Fetch); err != nil || !bytes.Equal(saved, f.State()) {
		t.Error(err)
	}
}

func TestStateRefuses(t *testing.T) {
	is := goldenIssuer(t)
	f := follow(t, is)
	fresh := f.State()
	if err := f.Update(is.Head(t0+1203), at(1203), is.Fetch); err != nil {
		t.Fatal(err)
	}
	state := f.State()
	for name, b := range map[string][]byte{
		"empty":     {},
		"truncated": state[:len(state)/2],
		"cut head":  state[:len(state)-10],
		"known":     bytes.Replace(state, []byte("known 1"), []byte("known 2"), 1),
		"bit":       bytes.Replace(state, []byte("\nlive 2\n"), []byte("\nlive 3\n"), 1),
		"trailing":  append(slices.Clone(fresh), "x\n"...),
		"too long":  bytes.Repeat([]byte("a"), 16<<20),
	} {
		if _, err := setlog.NewFollower(setlog.FollowerConfig{VKey: is.VKey, State: b}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	other := setlogtest.New(t, "other.example")
	if _, err := setlog.NewFollower(setlog.FollowerConfig{VKey: other.VKey, State: state}); !errors.Is(err, setlog.ErrKey) {
		t.Error("state of another issuer:", err)
	}
	for _, b := range [][]byte{fresh, state} {
		g, err := setlog.NewFollower(setlog.FollowerConfig{VKey: is.VKey, State: b})
		if err != nil || !bytes.Equal(g.State(), b) {
			t.Error(err)
		}
	}
}

// TestUpdateRefusesForeign: heads by other keys, and heads whose embedded
// checkpoint is somebody else's.
func TestUpdateRefusesForeign(t *testing.T) {
	is, other := setlogtest.New(t, "issuer.example"), setlogtest.New(t, "other.example")
	is.Anchor(t0, []string{"a"})
	other.Anchor(t0, []string{"b"})
	f := follow(t, is)
	if err := f.Update(other.Head(t0), at(0), other.Fetch); !errors.Is(err, setlog.ErrSignature) {
		t.Error("other issuer:", err)
	}
	// The issuer's head around a checkpoint that another key signed.
	skey, _, _ := setlog.GenerateKey(setlogtest.Seed("impostor"), is.Name)
	impostor, _ := note.NewSigner(skey)
	h := is.UnsignedHead(t0)
	c, _ := h.Checkpoint()
	h.RootProof.Checkpoint, _ = c.Sign(impostor)
	signed, err := h.Sign(is.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Update(signed, at(0), is.Fetch); !errors.Is(err, setlog.ErrSignature) {
		t.Error("checkpoint by an impostor:", err)
	}
	if err := f.Update([]byte("junk"), at(0), is.Fetch); !errors.Is(err, setlog.ErrMalformed) {
		t.Error(err)
	}
}

// TestConcurrentRoots reads roots while heads arrive (for -race).
func TestConcurrentRoots(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(t0, []string{"a"})
	f := follow(t, is)
	if err := f.Update(is.Head(t0), at(0), is.Fetch); err != nil {
		t.Fatal(err)
	}
	root := is.Group.Root()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := f.Root(root, at(10)); err != nil {
					t.Error(err)
					return
				}
				f.Learnable(root)
				f.State()
			}
		})
	}
	for i := range 20 {
		is.Anchor(uint64(t0+1+i/4), []string{fmt.Sprint("p", i)})
		if err := f.Update(is.Head(uint64(t0+1+i/4)), at(10), is.Fetch); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
}

func BenchmarkFollowerRoot(b *testing.B) {
	is := setlogtest.New(b, "issuer.example")
	is.Anchor(t0, []string{"a"})
	f := follow(b, is)
	if err := f.Update(is.Head(t0), at(0), is.Fetch); err != nil {
		b.Fatal(err)
	}
	root := is.Group.Root()
	for b.Loop() {
		if _, err := f.Root(root, at(1)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenHead(b *testing.B) {
	is := goldenIssuer(b)
	head := is.Head(t0 + 1203)
	for b.Loop() {
		if _, err := setlog.OpenHead(head, is.Verifier); err != nil {
			b.Fatal(err)
		}
	}
}
