package setlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// TestT50AppendOnly: every pair of checkpoints that a run signed is consistent,
// by our tile reader and by tlog's own proofs.
func TestT50AppendOnly(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	for i := range 25 {
		var labels []string
		for j := range 1 + (i*7)%31 {
			labels = append(labels, fmt.Sprint(i, ".", j))
		}
		is.Anchor(uint64(t0+i), labels)
	}
	var sizes []int64
	for n := range is.Checkpoints {
		sizes = append(sizes, n)
	}
	if last := int64(len(is.Entries)); last <= setlog.TileWidth {
		t.Fatalf("the run must cross a tile: %d entries", last)
	}
	pairs := 0
	for _, a := range sizes {
		for _, b := range sizes {
			if err := setlog.CheckConsistency(is.Checkpoints[a], is.Checkpoints[b], is.Fetch); err != nil {
				t.Fatalf("%d and %d: %v", a, b, err)
			}
			if a > b {
				continue
			}
			p, err := tlog.ProveTree(b, a, setlog.TreeReader(is.Tree(b), is.Fetch))
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckTree(p, b, is.Tree(b).Hash, a, is.Tree(a).Hash); err != nil {
				t.Fatalf("%d and %d: %v", a, b, err)
			}
			pairs++
		}
	}
	if pairs != 25*26/2 {
		t.Errorf("%d pairs", pairs)
	}
}

// TestT51Fork: two issuers with one key; a follower shown both keeps evidence
// that verifies without any server, whichever branch is longer, and trusts the
// issuer no more.
func TestT51Fork(t *testing.T) {
	for _, c := range []struct {
		name        string
		first, then int // batches that each branch adds to the shared ones
	}{{"same size", 1, 1}, {"second longer", 1, 3}, {"second shorter", 3, 1}, {"far longer", 1, 40}} {
		t.Run(c.name, func(t *testing.T) {
			is := setlogtest.New(t, "issuer.example")
			for i := range 5 {
				is.Anchor(uint64(t0+i), []string{fmt.Sprint("shared ", i), fmt.Sprint("shared too ", i)})
			}
			twin := is.Fork()
			for i := range c.first {
				is.Anchor(uint64(t0+10+i), []string{fmt.Sprint("ours ", i)})
			}
			for i := range c.then {
				labels := []string{fmt.Sprint("theirs ", i)}
				for j := range c.then {
					labels = append(labels, fmt.Sprint("theirs ", i, ".", j))
				}
				if c.then == 1 {
					labels = labels[:1]
				}
				twin.Anchor(uint64(t0+10+i), labels)
			}
			var saved []byte
			f := follow(t, is, func(cfg *setlog.FollowerConfig) {
				cfg.Persist = func(b []byte) error { saved = bytes.Clone(b); return nil }
			})
			if err := f.Update(is.Head(t0+60), at(60), is.Fetch); err != nil {
				t.Fatal(err)
			}
			// Whoever shows the shorter branch cannot serve our tiles; in that
			// case the evidence comes from our own log's tiles.
			fetch := twin.Fetch
			if c.then < c.first {
				fetch = is.Fetch
			}
			err := f.Update(twin.Head(t0+61), at(61), fetch)
			var fork *setlog.ErrFork
			if !errors.As(err, &fork) {
				t.Fatalf("not seen: %v", err)
			}
			text, err := fork.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			offline, err := setlog.ParseFork(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := offline.Verify(is.Verifier); err != nil {
				t.Fatalf("evidence does not stand: %v\n%s", err, text)
			}
			if err := offline.Verify(setlogtest.New(t, "other.example").Verifier); !errors.Is(err, setlog.ErrSignature) {
				t.Error("evidence against somebody else:", err)
			}

			// Latched, also over a restart.
			again := follow(t, is, func(cfg *setlog.FollowerConfig) { cfg.State = saved })
			for _, g := range []*setlog.Follower{f, again} {
				if _, err := g.Root(is.Group.Root(), at(61)); !errors.As(err, &fork) {
					t.Error("root answered after a fork:", err)
				}
				if err := g.Update(is.Head(t0+62), at(62), is.Fetch); !errors.As(err, &fork) {
					t.Error("head taken after a fork:", err)
				}
				if g.Fork() == nil || !errors.As(g.Learn(is.Group.Root(), is.Fetch), &fork) || !errors.As(g.Fresh(at(61)), &fork) {
					t.Error("fork forgotten")
				}
			}
		})
	}
}

// TestForkEvidenceRefuses: what does not prove a fork must not look like proof.
func TestForkEvidenceRefuses(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(t0, []string{"a", "b", "c"})
	is.Anchor(t0+1, []string{"d", "e"})
	small, large := is.Checkpoints[3], is.Checkpoints[5]
	proof, err := tlog.ProveTree(5, 3, is.Hashes)
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]*setlog.ErrFork{
		"an honest log":     {Smaller: small, Larger: large, Prefix: is.Tree(3).Hash, Proof: proof},
		"a made-up prefix":  {Smaller: small, Larger: large, Prefix: tlog.Hash{1}, Proof: proof},
		"twice the same":    {Smaller: large, Larger: large, Prefix: is.Tree(5).Hash},
		"the wrong order":   {Smaller: large, Larger: small, Prefix: tlog.Hash{1}, Proof: proof},
		"not checkpoints":   {Smaller: []byte("x"), Larger: []byte("y")},
		"a proof too short": {Smaller: small, Larger: large, Prefix: tlog.Hash{1}, Proof: proof[:1]},
	} {
		if err := e.Verify(is.Verifier); err == nil {
			t.Errorf("%s proves a fork", name)
		}
		if e.Error() == "" {
			t.Error("no message")
		}
	}
}

// TestConsistencyNeedsTiles: a server that withholds or corrupts tiles proves
// nothing, and the head is not taken.
func TestConsistencyNeedsTiles(t *testing.T) {
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(t0, []string{"a", "b", "c"})
	f := follow(t, is)
	if err := f.Update(is.Head(t0), at(0), is.Fetch); err != nil {
		t.Fatal(err)
	}
	is.Anchor(t0+1, []string{"d"})
	next := is.Head(t0 + 1)
	is.Refuse = func(string) error { return errGone }
	if err := f.Update(next, at(1), is.Fetch); !errors.Is(err, errGone) {
		t.Error("withheld:", err)
	}
	is.Refuse = nil
	for name, bend := range map[string]func([]byte) []byte{
		"flipped": func(b []byte) []byte { b[0] ^= 1; return b },
		"short":   func(b []byte) []byte { return b[:len(b)-1] },
		"long":    func(b []byte) []byte { return append(b, 0) },
		"empty":   func([]byte) []byte { return nil },
	} {
		corrupt := func(path string) ([]byte, error) {
			b, err := is.Fetch(path)
			return bend(bytes.Clone(b)), err
		}
		err := f.Update(next, at(1), corrupt)
		var fork *setlog.ErrFork
		if !errors.Is(err, setlog.ErrProof) || errors.As(err, &fork) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := f.Update(next, at(1), is.Fetch); err != nil {
		t.Error("the honest answer afterwards:", err)
	}
}
