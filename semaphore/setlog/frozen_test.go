package setlog_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// A frozen root is found however long ago it was, below min_valid_seq too, and
// its proof stands with nothing but the key.
func TestSeqProof(t *testing.T) {
	is := setlogtest.New(t, "issuer.example/people")
	f := follow(t, is)
	if _, err := f.SeqProof(1, is.Fetch); !errors.Is(err, setlog.ErrStale) {
		t.Error("before the first head:", err)
	}
	var roots []semaphore.Element
	for i := range int64(5) {
		is.Anchor(uint64(t0+i), []string{fmt.Sprint("a", i), fmt.Sprint("b", i), fmt.Sprint("c", i)})
		roots = append(roots, is.Group.Root())
	}
	is.MinValid, is.Window = 5, nil
	if err := f.Update(is.Head(t0+5), at(5), is.Fetch); err != nil {
		t.Fatal(err)
	}
	for i, root := range roots {
		p, err := f.SeqProof(uint64(i+1), is.Fetch)
		if err != nil || p.Entry.Root != root || p.Entry.Seq != uint64(i+1) || p.Entry.Live != uint64(3*i+3) {
			t.Fatalf("%d: %+v %v", i+1, p.Entry, err)
		}
		if err := f.CheckProof(p); err != nil {
			t.Error(err)
		}
		text, err := p.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		again, err := setlog.ParseRootProof(text)
		if err != nil || f.CheckProof(again) != nil {
			t.Error(err)
		}
		p.Entry.Root[31] ^= 1
		if f.CheckProof(p) == nil {
			t.Error("another root passes")
		}
	}
	for _, seq := range []uint64{0, 6, 1 << 40} {
		if _, err := f.SeqProof(seq, is.Fetch); !errors.Is(err, setlog.ErrRootUnknown) {
			t.Errorf("%d: %v", seq, err)
		}
	}
	// A lying server changes nothing.
	lying := func(path string) ([]byte, error) {
		b, err := is.Fetch(path)
		if err == nil && len(b) > 0 {
			b = append([]byte(nil), b...)
			b[len(b)/2] ^= 1
		}
		return b, err
	}
	if p, err := f.SeqProof(2, lying); err == nil && p.Entry.Root != roots[1] {
		t.Error("another root out of a lying server")
	}
}

// Repin zeroes whoever left after the freeze, and nobody else.
func TestRepin(t *testing.T) {
	is := setlogtest.New(t, "issuer.example/people")
	is.Anchor(t0, []string{"a", "b", "c"})
	is.Anchor(t0+1, []string{"d", "e"}, 0)
	frozen := is.Group.Root()
	is.Anchor(t0+2, []string{"f"}, 3)
	is.Anchor(t0+3, []string{"g"}, 1, 5) // 5 came after the freeze
	f := follow(t, is)
	if err := f.Update(is.Head(t0+3), at(3), is.Fetch); err != nil {
		t.Fatal(err)
	}
	root, zeroed, err := f.Repin(2, is.Fetch)
	if err != nil || zeroed != 2 {
		t.Fatalf("%d %v", zeroed, err)
	}
	g, err := semaphore.NewGroup(setlogtest.Commitment("a"), setlogtest.Commitment("b"), setlogtest.Commitment("c"), setlogtest.Commitment("d"), setlogtest.Commitment("e"))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 3, 1} {
		if i == 3 && g.Root() != frozen {
			t.Error("the frozen set is not what it was")
		}
		if err := g.Remove(i); err != nil {
			t.Fatal(err)
		}
	}
	if root != g.Root() {
		t.Error("another root than the list with two more zeros")
	}
	if same, zeroed, err := f.Repin(4, is.Fetch); err != nil || zeroed != 0 || same != is.Group.Root() {
		t.Errorf("at the head: %d %v", zeroed, err)
	}
	if _, _, err := f.Repin(9, is.Fetch); !errors.Is(err, setlog.ErrRootUnknown) {
		t.Error(err)
	}
}
