package setlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

func TestTilePaths(t *testing.T) {
	for path, tile := range map[string]tlog.Tile{
		"tile/0/000":                     {H: 8, L: 0, N: 0, W: 256},
		"tile/0/x001/x234/067":           {H: 8, L: 0, N: 1234067, W: 256},
		"tile/0/273.p/112":               {H: 8, L: 0, N: 273, W: 112},
		"tile/2/000.p/1":                 {H: 8, L: 2, N: 0, W: 1},
		"tile/entries/000":               {H: 8, L: -1, N: 0, W: 256},
		"tile/entries/x001/x234/067.p/5": {H: 8, L: -1, N: 1234067, W: 5},
	} {
		if got := setlog.TilePath(tile); got != path {
			t.Errorf("%+v: %s", tile, got)
		}
		if got, err := setlog.ParseTilePath(path); err != nil || got != tile {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	for _, path := range []string{
		"", "tile", "tile/0", "tile/0/0", "tile/0/0000", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/data/000", "tile/8/0/000", "/tile/0/000", "tile/0/000/",
		"tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/", "tile/0/001/000", "tile/0/x000/000", "tile/0/x1/000", "tile/entries", "tile/entries/0", "tile/0/+01",
		"tile/0/" + strings.Repeat("x999/", 8) + "999",
	} {
		if tile, err := setlog.ParseTilePath(path); !errors.Is(err, setlog.ErrMalformed) {
			t.Errorf("%q: %+v, %v", path, tile, err)
		}
	}
}

// TestTileIn uses the example of tlog-tiles: a tree of 70,000.
func TestTileIn(t *testing.T) {
	for _, c := range []struct {
		tile tlog.Tile
		in   bool
	}{
		{tlog.Tile{H: 8, L: 0, N: 272, W: 256}, true}, {tlog.Tile{H: 8, L: 0, N: 273, W: 256}, false},
		{tlog.Tile{H: 8, L: 0, N: 273, W: 112}, true}, {tlog.Tile{H: 8, L: 0, N: 273, W: 113}, false},
		{tlog.Tile{H: 8, L: 1, N: 0, W: 256}, true}, {tlog.Tile{H: 8, L: 1, N: 1, W: 17}, true}, {tlog.Tile{H: 8, L: 1, N: 1, W: 18}, false},
		{tlog.Tile{H: 8, L: 2, N: 0, W: 1}, true}, {tlog.Tile{H: 8, L: 2, N: 0, W: 2}, false}, {tlog.Tile{H: 8, L: 3, N: 0, W: 1}, false},
		{tlog.Tile{H: 8, L: -1, N: 273, W: 112}, true}, {tlog.Tile{H: 8, L: -1, N: 274, W: 1}, false}, {tlog.Tile{H: 8, L: 63, N: 0, W: 1}, false},
		{tlog.Tile{H: 8, L: 0, N: 0, W: 0}, false}, {tlog.Tile{H: 4, L: 0, N: 0, W: 1}, false},
	} {
		if got := setlog.TileIn(c.tile, 70_000); got != c.in {
			t.Errorf("%+v: %v", c.tile, got)
		}
	}
}

// TestAppendMatchesRebuild: batches of any size give the hashes of a log written
// in one go, and reading through an overlay proves entries before the commit.
func TestAppendMatchesRebuild(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	for i := range 12 {
		var labels []string
		for j := range 1 + i*5 {
			labels = append(labels, fmt.Sprint(i, ".", j))
		}
		is.Anchor(uint64(t0+i), labels)
	}
	all, tree, err := setlog.Append(0, is.Entries, setlog.Hashes(nil))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all, []tlog.Hash(is.Hashes)) || tree != is.Tree(int64(len(is.Entries))) {
		t.Fatal("hashes depend on the batches")
	}
	if int64(len(all)) != tlog.StoredHashCount(tree.N) {
		t.Fatal("count")
	}
	half := tree.N / 2
	count := tlog.StoredHashCount(half)
	more, tree2, err := setlog.Append(half, is.Entries[half:], setlog.Hashes(all[:count]))
	if err != nil || tree2 != tree {
		t.Fatal(err)
	}
	signed, _ := setlog.Checkpoint{Origin: is.Name, Size: tree.N, Hash: tree.Hash}.Sign(is.Signer)
	over := setlog.Overlay{Base: setlog.Hashes(all[:count]), From: count, New: more}
	for _, i := range []int64{0, half - 1, half, tree.N - 1} {
		p, err := setlog.ProveRoot(is.Entries[i], i, signed, over)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Verify(is.Verifier); err != nil {
			t.Error(err)
		}
	}
	if _, err := setlog.ProveRoot(is.Entries[0], 1, signed, over); !errors.Is(err, setlog.ErrProof) {
		t.Error("proof of another entry:", err)
	}
	if _, err := over.ReadHashes([]int64{tlog.StoredHashCount(tree.N)}); !errors.Is(err, setlog.ErrProof) {
		t.Error(err)
	}
	if _, err := setlog.Hashes(all).ReadHashes([]int64{-1}); !errors.Is(err, setlog.ErrProof) {
		t.Error(err)
	}
	if _, _, err := setlog.Append(0, []setlog.Entry{{}}, setlog.Hashes(nil)); !errors.Is(err, setlog.ErrMalformed) {
		t.Error("invalid entry logged:", err)
	}
}

// TestPartialTileGone: a log may drop a partial tile once the full one is there.
func TestPartialTileGone(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	var labels []string
	for j := range 300 {
		labels = append(labels, fmt.Sprint(j))
	}
	is.Anchor(t0, labels[:200])
	early := is.Tree(200)
	is.Anchor(t0+1, labels[200:])
	is.Refuse = func(path string) error {
		if strings.Contains(path, ".p/") {
			return errGone
		}
		return nil
	}
	r := setlog.NewEntryReader(early, is.Fetch)
	e, err := r.Entry(150)
	if err != nil || e != is.Entries[150] {
		t.Fatal(err)
	}
	if !slices.Contains(is.Fetched, "tile/entries/000") || !slices.Contains(is.Fetched, "tile/0/000") {
		t.Error(is.Fetched)
	}
	if _, err := setlog.NewEntryReader(is.Tree(300), is.Fetch).Entry(299); !errors.Is(err, errGone) {
		t.Error("no full tile yet:", err)
	}
	if _, err := r.Entry(200); !errors.Is(err, setlog.ErrProof) {
		t.Error("beyond the tree:", err)
	}
	is.Refuse = nil
	n := len(is.Fetched)
	r = setlog.NewEntryReader(is.Tree(300), is.Fetch)
	for i := range int64(300) {
		if _, err := r.Entry(i); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(is.Fetched) - n; got > 5 {
		t.Errorf("%d fetches for 300 entries", got)
	}
	if _, _, err := r.FindSeq(3); !errors.Is(err, setlog.ErrProof) {
		t.Error("a batch that is not there:", err)
	}
}

// TestSetPath compares paths from tiles with the group's own, at sizes around
// every edge.
func TestSetPath(t *testing.T) {
	g, err := semaphore.NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[int]bool{}
	for _, n := range []int{1, 2, 3, 5, 8, 127, 128, 255, 256, 257, 258, 300, 511, 512, 513, 600} {
		sizes[n] = true
	}
	for n := 1; n <= 600; n++ {
		if err := g.Add(setlogtest.Commitment(fmt.Sprint(n))); err != nil {
			t.Fatal(err)
		}
		if !sizes[n] {
			continue
		}
		for _, pos := range []int{0, 1, n / 2, n - 2, n - 1, 255, 256, 257} {
			if pos < 0 || pos >= n {
				continue
			}
			checkSetPath(t, g, pos)
		}
	}
	if err := g.Remove(599); err != nil {
		t.Fatal(err)
	}
	checkSetPath(t, g, 598)
}

func checkSetPath(t *testing.T, g *semaphore.Group, pos int) {
	t.Helper()
	tiles := 0
	get := func(level int, n uint64) ([]byte, error) {
		tiles++
		return setlog.SetTile(g, level, n)
	}
	got, err := setlog.SetPath(g.Root(), uint64(g.Size()), uint64(pos), get)
	if err != nil {
		t.Fatalf("size %d, position %d: %v", g.Size(), pos, err)
	}
	want, err := g.Proof(pos)
	if err != nil {
		t.Fatal(err)
	}
	if got.Root != want.Root || got.Leaf != want.Leaf || got.Index != want.Index || !slices.Equal(got.Siblings, want.Siblings) {
		t.Fatalf("size %d, position %d:\n got %+v\nwant %+v", g.Size(), pos, got, want)
	}
	if most := 1 + max(g.Depth()-1, 0)/8; tiles != most {
		t.Errorf("size %d: %d tiles, want %d", g.Size(), tiles, most)
	}
}

// TestSetPathDeep crosses into the third level of tiles.
func TestSetPathDeep(t *testing.T) {
	const n = 1<<16 + 300
	leaves := make([]semaphore.Element, n)
	for i := range leaves {
		leaves[i] = semaphore.Element{28: byte(i >> 24), 29: byte(i >> 16), 30: byte(i >> 8), 31: byte(i)}
		leaves[i][1] = 1 // not zero
	}
	g, err := semaphore.NewGroup(leaves...)
	if err != nil {
		t.Fatal(err)
	}
	for _, pos := range []int{0, 65535, 65536, n - 1} {
		checkSetPath(t, g, pos)
	}
}

func TestSetPathRefuses(t *testing.T) {
	g, _ := semaphore.NewGroup()
	for i := range 600 {
		if err := g.Add(setlogtest.Commitment(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	honest := func(level int, n uint64) ([]byte, error) { return setlog.SetTile(g, level, n) }
	if _, err := setlog.SetPath(g.Root(), 600, 600, honest); !errors.Is(err, setlog.ErrMalformed) {
		t.Error(err)
	}
	if _, err := setlog.SetPath(setlogtest.Commitment("other root"), 600, 5, honest); !errors.Is(err, setlog.ErrProof) {
		t.Error(err)
	}
	for _, size := range []uint64{255, 1000, 512, 1 << 33} {
		if _, err := setlog.SetPath(g.Root(), size, 5, honest); err == nil {
			t.Errorf("size %d taken", size)
		}
	}
	for _, level := range []int{0, 8} {
		for name, bend := range map[string]func([]byte) []byte{
			"flipped": func(b []byte) []byte { b[31] ^= 1; return b },
			"short":   func(b []byte) []byte { return b[:len(b)-32] },
			"odd":     func(b []byte) []byte { return b[:len(b)-1] },
			"over r":  func(b []byte) []byte { b[0] = 0xff; return b },
		} {
			get := func(l int, n uint64) ([]byte, error) {
				b, err := setlog.SetTile(g, l, n)
				if l == level {
					b = bend(bytes.Clone(b))
				}
				return b, err
			}
			if _, err := setlog.SetPath(g.Root(), 600, 5, get); err == nil {
				t.Errorf("level %d, %s: taken", level, name)
			}
		}
	}
	for _, c := range []struct {
		level int
		n     uint64
	}{{1, 0}, {-8, 0}, {16, 0}, {32, 0}, {0, 3}, {8, 1}} {
		if _, err := setlog.SetTile(g, c.level, c.n); !errors.Is(err, setlog.ErrMalformed) {
			t.Errorf("tile %d/%d served: %v", c.level, c.n, err)
		}
	}
}

func TestSetTilePaths(t *testing.T) {
	if p := setlog.SetTilePath(12, 8, 345); p != "set/12/tile/8/345" {
		t.Error(p)
	}
	if p := setlog.LeavesPath(12); p != "set/12/leaves" {
		t.Error(p)
	}
	seq, level, n, err := setlog.ParseSetTilePath("set/12/tile/8/345")
	if err != nil || seq != 12 || level != 8 || n != 345 {
		t.Error(seq, level, n, err)
	}
	for _, p := range []string{"", "set/12/tile/8", "set/12/tile/7/0", "set/12/tile/32/0", "set/012/tile/8/0", "set/-1/tile/8/0", "set/1/tile/8/0/", "/set/1/tile/8/0", "set/1/leaf/8/0", "set/1/tile/8/4294967297"} {
		if _, _, _, err := setlog.ParseSetTilePath(p); !errors.Is(err, setlog.ErrMalformed) {
			t.Errorf("%q: %v", p, err)
		}
	}
}
