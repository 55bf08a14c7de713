package issuer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

func grep(t *testing.T, dir, name string, secret []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, secret) {
			t.Errorf("%s stands in the clear in %s", name, filepath.Base(f))
		}
	}
}

// enrolCrowd enrols people first..first+n-1 and anchors them.
func enrolCrowd(t testing.TB, w *testkit.World, i *issuer.Issuer, first, n uint64) {
	t.Helper()
	var reqs []api.EnrolmentRequest
	for k := range n {
		reqs = append(reqs, w.Start(t, i, testkit.NewPerson(first+k)))
	}
	results, err := i.EnrolMany(t.Context(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// What the issuer publishes satisfies a follower and an auditor at every step:
// growth over tile borders, removals normal and urgent, re-signed heads.
func TestPublishedHistory(t *testing.T) {
	w, i := start(t)
	f, err := setlog.NewFollower(setlog.FollowerConfig{VKey: w.VKey})
	if err != nil {
		t.Fatal(err)
	}
	fetch := func(path string) ([]byte, error) {
		tile, err := setlog.ParseTilePath(path)
		if err != nil {
			return nil, err
		}
		return i.Tile(t.Context(), tile)
	}
	follow := func() setlog.Head {
		t.Helper()
		h := head(t, w, i)
		signed, err := i.Head()
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Update(signed.Note, w.Clock.Now(), fetch); err != nil {
			t.Fatalf("the follower refuses the head of seq %d: %v", h.Seq, err)
		}
		if info, err := f.Root(h.Root, w.Clock.Now()); h.Live > 0 && (err != nil || !info.Current || info.Live != h.Live) {
			t.Errorf("the follower says %+v, %v", info, err)
		}
		tiles(t, i, h)
		audit(t, i, h)
		return h
	}
	follow()
	next := uint64(1)
	for _, n := range []uint64{1, 1, 3, 120, 3, 140, 2} {
		w.Clock.Move(time.Second)
		enrolCrowd(t, w, i, next, n)
		next += n
		follow()
	}
	w.Clock.Move(time.Second)
	if err := i.Removal(t.Context(), 5, false); err != nil {
		t.Fatal(err)
	}
	if h := head(t, w, i); h.Live != 270 {
		t.Errorf("a normal removal did not wait: live %d", h.Live)
	}
	before := head(t, w, i)
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h := follow(); h.Live != 269 || h.MinValidSeq != 0 || len(h.Window) == 0 || h.Window[0].Seq != before.Seq {
		t.Errorf("after a normal removal: live %d, min_valid_seq %d", h.Live, h.MinValidSeq)
	}
	w.Clock.Move(time.Second)
	if err := i.Removal(t.Context(), 6, true); err != nil {
		t.Fatal(err)
	}
	if h := follow(); h.Live != 268 || h.MinValidSeq != h.Seq || len(h.Window) != 0 {
		t.Errorf("after an urgent removal: live %d, min_valid_seq %d, window %d", h.Live, h.MinValidSeq, len(h.Window))
	}
	for _, index := range []uint64{5, 6, 1000} {
		if err := i.Removal(t.Context(), index, true); code(err) != api.NotFound {
			t.Errorf("removal of %d: %v", index, err)
		}
	}
	// Who was removed cannot simply come back.
	if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(1).Again(5000))); code(err) != api.AlreadyEnrolled {
		t.Errorf("%v", err)
	}
}

// tiles checks leaves and every set tile against the head's root, as a wallet
// does.
func tiles(t *testing.T, i *issuer.Issuer, h setlog.Head) {
	t.Helper()
	pieces, size, err := i.Leaves(h.Seq)
	if err != nil {
		t.Fatal(err)
	}
	all := bytes.Join(pieces, nil)
	leaves, err := setlog.ParseLeaves(all)
	if err != nil || size != len(all) || uint64(len(leaves)) != h.Size {
		t.Fatalf("%d leaves, %v", len(leaves), err)
	}
	g, err := semaphore.NewGroup(leaves...)
	if err != nil || g.Root() != h.Root || g.Depth() != h.Depth {
		t.Fatalf("leaves do not hash to the root: %v", err)
	}
	get := func(level int, n uint64) ([]byte, error) { return i.SetTile(h.Seq, level, n) }
	for p := uint64(0); p < h.Size; p += 17 {
		if _, err := setlog.SetPath(h.Root, h.Size, p, get); err != nil {
			t.Fatalf("path of %d: %v", p, err)
		}
	}
	for level := 0; level <= 24; level += 8 {
		for n := range uint64(3) {
			b, err := get(level, n)
			if width := setlog.SetTileWidth(h.Size, level, n); len(b) != 32*width || (width == 0) != (code(err) == api.NotFound) {
				t.Errorf("tile %d/%d: %d bytes, width %d, %v", level, n, len(b), width, err)
			}
		}
	}
}

// audit replays the public entries.
func audit(t *testing.T, i *issuer.Issuer, h setlog.Head) {
	t.Helper()
	var r setlog.Replay
	for n := int64(0); n < h.LogSize(); n += setlog.TileWidth {
		b, err := i.Tile(t.Context(), tlog.Tile{H: setlog.TileHeight, L: setlog.EntriesLevel, N: n / setlog.TileWidth, W: int(min(h.LogSize()-n, setlog.TileWidth))})
		if err != nil {
			t.Fatal(err)
		}
		entries, err := setlog.ParseEntryBundle(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Apply(entries...); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	if g, _ := r.Group(); g.Root() != h.Root || r.Live() != h.Live || r.Seq() != h.Seq {
		t.Error("the audit comes to another set")
	}
}

// T30 on the issuer's side: heads are fresh every second, windows end on time,
// set tiles go after five minutes, and a clock that runs backwards signs
// nothing.
func TestT30Clock(t *testing.T) {
	w, i := start(t, func(c *issuer.Config) { c.Window = 10 * time.Minute })
	enrolCrowd(t, w, i, 1, 2)
	first := head(t, w, i)
	w.Clock.Move(time.Second)
	enrolCrowd(t, w, i, 3, 2)
	h := head(t, w, i)
	again, _ := i.Head()
	more, _ := i.Head()
	if again.ETag != more.ETag || !bytes.Equal(again.Note, more.Note) {
		t.Error("the head was signed twice within a second")
	}
	w.Clock.Move(time.Second)
	if next := head(t, w, i); next.Issued != h.Issued+1 || next.Seq != h.Seq {
		t.Errorf("issued %d after %d", next.Issued, h.Issued)
	}
	w.Clock.Move(-time.Hour)
	if back := head(t, w, i); back.Issued != h.Issued+1 {
		t.Errorf("issued %d with the clock turned back", back.Issued)
	}
	if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(100))); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Anchor(t.Context()); !errors.Is(err, issuer.ErrClock) {
		t.Errorf("anchored with the clock turned back: %v", err)
	}
	w.Clock.Move(time.Hour)
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Error(err)
	}
	w.Clock.Move(setlogTileLife - 2*time.Second)
	if _, err := i.SetTile(first.Seq, 0, 0); err != nil {
		t.Errorf("a tile superseded under five minutes ago: %v", err)
	}
	w.Clock.Move(2 * time.Second)
	if _, err := i.SetTile(first.Seq, 0, 0); code(err) != api.Gone {
		t.Errorf("a tile superseded five minutes ago: %v", err)
	}
	if _, _, err := i.Leaves(99); code(err) != api.NotFound {
		t.Errorf("leaves of the future: %v", err)
	}
	if n := len(head(t, w, i).Window); n != 3 {
		t.Errorf("%d roots in the window", n)
	}
	w.Clock.Move(time.Hour)
	if n := len(head(t, w, i).Window); n != 0 {
		t.Errorf("%d roots in the window after an hour", n)
	}
}

const setlogTileLife = 5 * time.Minute

// The log says which metadata document was in force.
func TestPolicyEntries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	w := testkit.NewWorld(t, 1)
	store := openStore(t, path)
	i := open(t, w, store)
	first := head(t, w, i)
	if first.RootProof.Entry.Document != sha256.Sum256(i.Document()) {
		t.Error("the policy entry is of another document")
	}
	info := i.Info()
	if info.Matcher != "plain" || info.MatcherNote == "" || info.Depth != 20 || info.Bound != 2 || len(info.Evidence) != 2 || info.VKey != w.VKey {
		t.Errorf("%+v", info)
	}
	if i = open(t, w, store); head(t, w, i).Seq != 1 {
		t.Error("an unchanged policy was entered again")
	}
	i = open(t, w, store, func(c *issuer.Config) {
		c.ErrorRates = []api.ErrorRate{{Modality: "face", Claim: "EER .13 %", Data: "75 pictures"}}
	})
	if h := head(t, w, i); h.Seq != 2 || h.RootProof.Entry.Document != sha256.Sum256(i.Document()) {
		t.Errorf("a changed policy: %+v", h.RootProof.Entry)
	}
}

// Run anchors on time, waits for MinBatch, and anchors the rest at the end.
func TestRun(t *testing.T) {
	w, i := start(t, func(c *issuer.Config) { c.Anchor, c.MinBatch = 5*time.Millisecond, 2 })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- i.Run(ctx) }()
	enrol := func(n uint64) {
		t.Helper()
		if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(n))); err != nil {
			t.Fatal(err)
		}
	}
	until := func(live uint64) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); head(t, w, i).Live != live; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("live %d, want %d", head(t, w, i).Live, live)
			}
		}
	}
	enrol(1)
	time.Sleep(50 * time.Millisecond)
	until(0)
	enrol(2)
	until(2)
	enrol(3)
	w.Clock.Move(24 * time.Hour) // the day ends: one is enough
	until(3)
	w.Clock.Move(time.Second)
	enrol(4)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	until(4)
}
