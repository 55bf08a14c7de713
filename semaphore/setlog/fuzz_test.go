package setlog_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// T21: every parser either refuses, or gives something that marshals to the very
// bytes it read. Seeds are the golden vectors.

func seed(f *testing.F, names ...string) {
	f.Helper()
	vs := vectors(f)
	for name, b := range vs {
		for _, want := range names {
			if name == want || strings.HasPrefix(name, want+"/") {
				f.Add(b)
			}
		}
	}
	f.Add([]byte{})
}

func same(t *testing.T, in, out []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("parsed, but does not marshal: %v", err)
	}
	if !bytes.Equal(in, out) {
		t.Fatalf("two encodings:\n in %q\nout %q", in, out)
	}
}

func FuzzT21Entry(f *testing.F) {
	seed(f, "entry")
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := setlog.ParseEntry(b)
		if err != nil {
			if e != (setlog.Entry{}) {
				t.Fatal("failed parse gives an entry")
			}
			return
		}
		out, err := e.MarshalBinary()
		same(t, b, out, err)
	})
}

func FuzzT21EntryBundle(f *testing.F) {
	seed(f, "bundle")
	f.Fuzz(func(t *testing.T, b []byte) {
		if es, err := setlog.ParseEntryBundle(b); err == nil {
			out, err := setlog.EntryBundle(es)
			same(t, b, out, err)
		}
	})
}

func FuzzT21Checkpoint(f *testing.F) {
	vs := vectors(f)
	text, _, _ := bytes.Cut(vs["checkpoint"], []byte("\n\n"))
	f.Add(append(text, '\n'))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := setlog.ParseCheckpointText(string(b)); err == nil {
			same(t, b, []byte(c.Text()), nil)
		}
	})
}

func FuzzT21RootProof(f *testing.F) {
	seed(f, "root-proof", "head")
	is := setlogtest.New(f, "issuer.example/people")
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := setlog.ParseRootProof(b)
		if err != nil {
			return
		}
		out, err := p.MarshalText()
		same(t, b, out, err)
		p.Verify(is.Verifier) // must come back
	})
}

func FuzzT21Head(f *testing.F) {
	head := string(vectors(f)["head"])
	f.Add([]byte(head[:strings.LastIndex(head, "\n\n")+1]))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := setlog.ParseHeadText(string(b))
		if err != nil {
			return
		}
		text, err := h.Text()
		same(t, b, []byte(text), err)
	})
}

func FuzzT21SignedNotes(f *testing.F) {
	seed(f, "head", "checkpoint")
	is := setlogtest.New(f, "issuer.example/people")
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := setlog.OpenHead(b, is.Verifier); err == nil {
			if text, err := h.Text(); err != nil || !bytes.HasPrefix(b, []byte(text)) {
				t.Fatal("head", err)
			}
		}
		if c, err := setlog.OpenCheckpoint(b, is.Verifier); err == nil && !bytes.HasPrefix(b, []byte(c.Text())) {
			t.Fatal("checkpoint")
		}
	})
}

func FuzzT21Fork(f *testing.F) {
	seed(f, "fork")
	is := setlogtest.New(f, "issuer.example/people")
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := setlog.ParseFork(b)
		if err != nil {
			return
		}
		out, err := e.MarshalText()
		same(t, b, out, err)
		e.Verify(is.Verifier)
	})
}

func FuzzT21State(f *testing.F) {
	seed(f, "follower-state")
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := setlog.StateRoundTrip(b); err == nil {
			same(t, b, out, nil)
		}
	})
}

func FuzzT21VKey(f *testing.F) {
	seed(f, "vkey")
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := setlog.ParseVKey(string(b)); err == nil && !strings.HasPrefix(string(b), v.Name()+"+") {
			t.Fatal(v.Name())
		}
	})
}

func FuzzT21Paths(f *testing.F) {
	for _, p := range []string{"tile/0/x001/234.p/5", "tile/entries/000", "set/12/tile/8/345"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if tile, err := setlog.ParseTilePath(p); err == nil && setlog.TilePath(tile) != p {
			t.Fatal(tile)
		}
		if seq, level, n, err := setlog.ParseSetTilePath(p); err == nil && setlog.SetTilePath(seq, level, n) != p {
			t.Fatal(seq, level, n)
		}
	})
}

func FuzzT21Leaves(f *testing.F) {
	seed(f, "set-tile")
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := setlog.ParseLeaves(b); err == nil {
			same(t, b, setlog.MarshalLeaves(l), nil)
		}
	})
}

// FuzzT21Tiles feeds hostile tiles to the consistency check: it must come back,
// and never call an honest pair a fork.
func FuzzT21Tiles(f *testing.F) {
	seed(f, "tile", "bundle")
	is := goldenIssuer(f)
	tree := is.Tree(5)
	f.Fuzz(func(t *testing.T, b []byte) {
		fetch := func(path string) ([]byte, error) { return b, nil }
		if err := setlog.CheckConsistency(is.Checkpoints[2], is.Checkpoints[5], fetch); err != nil {
			if _, fork := err.(*setlog.ErrFork); fork {
				t.Fatal(err)
			}
		}
		setlog.NewEntryReader(tree, fetch).FindSeq(2)
	})
}
