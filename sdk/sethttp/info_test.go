package sethttp

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// keep gives a folder of files as Config.Kept.
func keep(dir string) func(*Config) {
	return func(c *Config) {
		c.State = FileState(filepath.Join(dir, "state"))
		c.Kept = func(name string) State { return FileState(filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))) }
	}
}

// The metadata is fetched once for all, read again by Run, and outlives both a
// restart and an issuer that is silent.
func TestInfo(t *testing.T) {
	s := serve(t)
	dir := t.TempDir()
	src, _ := source(t, s, keep(dir), func(c *Config) { c.InfoEvery = 20 * time.Millisecond })
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if info, err := src.Info(context.Background()); err != nil || info.Bound != 1 {
				t.Errorf("%+v %v", info, err)
			}
		})
	}
	wg.Wait()
	if n := s.count(InfoPath); n > 2 {
		t.Errorf("%d fetches", n)
	}
	s.do(func(*setlogtest.Issuer) {
		s.info = func(i *api.IssuerInfo) { i.Bound, i.RekeyPeriod, i.Cooldown = 2, 86400, 3600 }
	})
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- src.Run(ctx) }()
	waitFor(t, func() bool { info, _ := src.Info(t.Context()); return info.Bound == 2 && info.Cooldown == 3600 })
	s.do(func(*setlogtest.Issuer) { s.codes[InfoPath] = 503 })
	seen := s.count(InfoPath)
	waitFor(t, func() bool { return s.count(InfoPath) > seen })
	if info, err := src.Info(t.Context()); err != nil || info.Bound != 2 {
		t.Errorf("a silent issuer: %+v %v", info, err)
	}
	stop()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	again, _ := source(t, s, keep(dir))
	if info, err := again.Info(t.Context()); err != nil || info.Bound != 2 {
		t.Errorf("after a restart: %+v %v", info, err)
	}
	fresh, _ := source(t, s)
	if _, err := fresh.Info(t.Context()); err == nil {
		t.Error("nothing was ever read, and still there is something")
	}
	before := s.count(InfoPath)
	for range 50 {
		wg.Go(func() { _, _ = fresh.Info(context.Background()) })
	}
	wg.Wait()
	if n := s.count(InfoPath) - before; n > 3 {
		t.Errorf("a silent issuer was asked %d times at once", n)
	}
}

func TestInfoRefuses(t *testing.T) {
	for name, bend := range map[string]func(*api.IssuerInfo){
		"another key":                 func(i *api.IssuerInfo) { i.VKey = strings.Replace(i.VKey, "+", "+0", 1) },
		"another name":                func(i *api.IssuerInfo) { i.Name = "other.example" },
		"no bound":                    func(i *api.IssuerInfo) { i.Bound = 0 },
		"re-keys without a cool-down": func(i *api.IssuerInfo) { i.RekeyPeriod = 86400 },
	} {
		s := serve(t)
		s.info = bend
		src, _ := source(t, s)
		if info, err := src.Info(t.Context()); !errors.Is(err, ErrInfo) {
			t.Errorf("%s: %+v %v", name, info, err)
		}
	}
}

// A frozen root is found once, kept, and needs the issuer no more; neither the
// window nor min_valid_seq matters to it.
func TestSnapshotRoot(t *testing.T) {
	s := serve(t)
	frozen := s.is.Group.Root()
	s.do(func(is *setlogtest.Issuer) {
		is.Anchor(t0+1, []string{"d"}, 0)
		is.Anchor(t0+2, []string{"e"})
		is.Window, is.MinValid = nil, 3
	})
	dir := t.TempDir()
	src, sec := source(t, s, keep(dir))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			root, info, err := src.SnapshotRoot(context.Background(), 1)
			if err != nil || root != frozen || info.Seq != 1 || info.Live != 3 {
				t.Errorf("%s %+v %v", root, info, err)
			}
		})
	}
	wg.Wait()
	if _, err := src.Root(t.Context(), frozen, at(2)); err == nil {
		t.Error("the moving set has that root still")
	}
	if _, _, err := src.SnapshotRoot(t.Context(), 4); !errors.Is(err, setlog.ErrRootUnknown) {
		t.Error("a set that is not frozen yet:", err)
	}
	s.do(func(is *setlogtest.Issuer) { is.Anchor(t0+3, []string{"f"}) })
	if root, _, err := src.SnapshotRoot(t.Context(), 4); err != nil || root != s.is.Group.Root() {
		t.Error("the next set:", err)
	}
	s.http.Close()
	sec.Store(1_000_000)
	if root, _, err := src.SnapshotRoot(t.Context(), 1); err != nil || root != frozen {
		t.Error("from memory:", err)
	}
	again, _ := source(t, s, keep(dir))
	if root, _, err := again.SnapshotRoot(t.Context(), 1); err != nil || root != frozen {
		t.Error("after a restart:", err)
	}
	if _, _, err := again.SnapshotRoot(t.Context(), 2); !errors.Is(err, setlog.ErrStale) {
		t.Error("a silent issuer:", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := again.SnapshotRoot(ctx, 3); err == nil {
		t.Error("nobody waits, and still there is an answer")
	}
	// What was kept is checked again: nobody freezes another set in the file.
	other := setlogtest.New(t, "other.example")
	other.Anchor(t0, []string{"x"})
	text, err := other.Proof(0).MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if err := FileState(filepath.Join(dir, "snapshot-1")).Save(text); err != nil {
		t.Fatal(err)
	}
	third, _ := source(t, s, keep(dir))
	if root, _, err := third.SnapshotRoot(t.Context(), 1); err == nil {
		t.Errorf("a foreign proof was believed: %s", root)
	}
}

func TestSourcePeek(t *testing.T) {
	s := serve(t)
	src, _ := source(t, s)
	if err := src.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := s.count("head")
	if _, err := src.Peek(semaphore.Element{1}, at(0)); !errors.Is(err, setlog.ErrRootUnknown) {
		t.Error(err)
	}
	if _, err := src.Peek(s.is.Group.Root(), at(0)); err != nil || s.count("head") != before {
		t.Error("a look fetched something", err)
	}
}

// A policy of witnesses holds over the network: heads that too few cosigned are
// not taken, and the roots are stale.
func TestWitnessedSource(t *testing.T) {
	s := serve(t)
	other := setlogtest.New(t, "witness.example")
	w, err := setlog.NewWitnesses(1, []string{other.VKey})
	if err != nil {
		t.Fatal(err)
	}
	src, _ := source(t, s, func(c *Config) { c.Witnesses = w })
	if _, err := src.Root(t.Context(), s.is.Group.Root(), at(0)); !errors.Is(err, setlog.ErrStale) || !errors.Is(err, setlog.ErrWitnesses) {
		t.Error(err)
	}
	s.do(func(is *setlogtest.Issuer) {
		size := int64(len(is.Entries))
		tree := is.Tree(size)
		if is.Checkpoints[size], err = (setlog.Checkpoint{Origin: is.Name, Size: size, Hash: tree.Hash}).Sign(is.Signer, other.Signer); err != nil {
			t.Error(err)
		}
		s.now++
	})
	if _, err := src.Root(t.Context(), s.is.Group.Root(), at(1)); err != nil {
		t.Error(err)
	}
}
