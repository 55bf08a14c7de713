package semaphore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
)

// someLeaves are n different leaves, the same for the same first.
func someLeaves(first, n int) []Element {
	out := make([]Element, n)
	for i := range out {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(first+i)))
		copy(out[i][1:], sum[1:])
	}
	return out
}

// oneByOne is the definition of a LeanIMT over the scalar hash.
func oneByOne(leaves []Element) Element {
	for len(leaves) > 1 {
		up := make([]Element, (len(leaves)+1)/2)
		for i := range up {
			if 2*i+1 == len(leaves) {
				up[i] = leaves[2*i]
			} else {
				up[i] = Hash2(leaves[2*i], leaves[2*i+1])
			}
		}
		leaves = up
	}
	return leaves[0]
}

// TestGroupOverChunks crosses a chunk's end with every kind of change, while a
// view is held.
func TestGroupOverChunks(t *testing.T) {
	const size = chunkSize + 300
	leaves := someLeaves(0, size)
	g := new(Group)
	if err := g.AddMany(leaves[:chunkSize-3]); err != nil {
		t.Fatal(err)
	}
	early := g.View()
	root := early.Root()
	for from := chunkSize - 3; from < size; {
		n := min(1+from%7*9, size-from)
		if err := g.AddMany(leaves[from : from+n]); err != nil {
			t.Fatal(err)
		}
		from += n
	}
	if g.Root() != oneByOne(leaves) {
		t.Fatal("root differs")
	}
	full := g.View()
	before, old := full.Root(), slices.Clone(leaves)
	r := rand.New(rand.NewPCG(1, 2))
	fresh := someLeaves(size, 500)
	var changes []Replacement
	for i, at := range r.Perm(size)[:500] {
		m := fresh[i]
		if i%5 == 0 {
			m = Element{}
		}
		changes = append(changes, Replacement{at, m})
		leaves[at] = m
	}
	if err := g.UpdateMany(changes); err != nil {
		t.Fatal(err)
	}
	if err := g.Check(); err != nil || !slices.Equal(g.Level(0), leaves) {
		t.Errorf("after UpdateMany: %v", err)
	}
	if early.Root() != root || full.Root() != before || !slices.Equal(full.Level(0), old) ||
		!slices.Equal(early.Level(0), old[:chunkSize-3]) {
		t.Error("a view has changed")
	}
	for _, v := range []*View{early, full} {
		for _, c := range changes[:50] {
			p, err := v.Proof(c.Position % v.Size())
			if err != nil || p.VerifyAt(c.Position%v.Size(), v.Size()) != nil {
				t.Fatalf("a view's path of %d has changed: %v", c.Position, err)
			}
		}
	}
	for _, at := range []int{0, chunkSize - 1, chunkSize, size - 1} {
		p, err := g.Proof(at)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.VerifyAt(at, size); err != nil {
			t.Errorf("position %d: %v", at, err)
		}
		if m := g.Member(at); !m.IsZero() && g.IndexOf(m) != at {
			t.Errorf("IndexOf at %d: %d", at, g.IndexOf(m))
		}
	}
	if got := g.Nodes(0, chunkSize-2, 5); !slices.Equal(got, leaves[chunkSize-2:chunkSize+3]) {
		t.Error("Nodes over the end of a chunk")
	}
	if g.Nodes(0, size, 1) != nil || g.Nodes(-1, 0, 1) != nil || g.Nodes(99, 0, 1) != nil ||
		g.Nodes(0, 0, 0) != nil || len(g.Nodes(0, size-2, 50)) != 2 {
		t.Error("Nodes outside the level")
	}
	var file bytes.Buffer
	if n, err := g.WriteTo(&file); err != nil || n != int64(file.Len()) {
		t.Fatalf("%d of %d bytes written: %v", n, file.Len(), err)
	}
	back, err := ReadGroup(iotest.HalfReader(&file))
	if err != nil {
		t.Fatal(err)
	}
	for level := range g.Depth() + 1 {
		if !slices.Equal(back.Level(level), g.Level(level)) {
			t.Errorf("level %d from the file differs", level)
		}
	}
	if err := back.Add(fresh[495]); err != nil { // not used above
		t.Fatal(err)
	}
	if back.Size() != size+1 || back.IndexOf(g.Member(77)) != 77 {
		t.Error("the group from the file differs")
	}
}

// TestAddManyFailsWhole: a refused batch leaves the group and its views alone.
func TestAddManyFailsWhole(t *testing.T) {
	g := mustGroup(t, someLeaves(0, 10)...)
	v, root := g.View(), g.Root()
	batch := append(someLeaves(10, 20), someLeaves(3, 1)...)
	if err := g.AddMany(batch); !errors.Is(err, ErrLeafExists) {
		t.Fatal(err)
	}
	if g.Root() != root || g.Size() != 10 || g.IndexOf(batch[0]) != -1 || v.Root() != root {
		t.Error("the group has changed")
	}
	if err := g.AddMany(batch[:20]); err != nil {
		t.Fatal(err)
	}
	if g.Root() != oneByOne(someLeaves(0, 30)) || v.Root() != root || v.Check() != nil {
		t.Error("root differs")
	}
	empty := new(Group)
	if err := empty.AddMany([]Element{batch[0], batch[0]}); !errors.Is(err, ErrLeafExists) || empty.Size() != 0 || empty.Depth() != 0 {
		t.Errorf("empty group: %v, size %d", err, empty.Size())
	}
	if err := empty.UpdateMany(nil); err != nil {
		t.Error(err)
	}
}

// TestViewsWhileWriting is for the race detector.
func TestViewsWhileWriting(t *testing.T) {
	g := mustGroup(t, someLeaves(0, 100)...)
	views := make(chan *View)
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for v := range views {
				for at := 0; at < v.Size(); at += 17 {
					p, err := v.Proof(at)
					if err != nil || p.Root != v.Root() || p.VerifyAt(at, v.Size()) != nil {
						t.Errorf("position %d of %d: %v", at, v.Size(), err)
					}
				}
				if _, err := v.WriteTo(io.Discard); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 15 {
		for range 2 {
			views <- g.View()
		}
		if err := g.AddMany(someLeaves(100+20*i, 20)); err != nil {
			t.Fatal(err)
		}
		if err := g.UpdateMany([]Replacement{{Position: 3 * i}, {Position: 100 + i}}); err != nil {
			t.Fatal(err)
		}
	}
	close(views)
	readers.Wait()
}

// TestBatchesOnManyProcessors: the pieces that goroutines take are the tree.
func TestBatchesOnManyProcessors(t *testing.T) {
	spans := parents([]span{{0, 3}, {1, 2}, {4, 10}, {30, 31}, {31, 40}})
	if !slices.Equal(spans, []span{{0, 5}, {15, 20}}) {
		t.Errorf("parents: %v", spans)
	}
	var flat []span
	pieces := cut(spans, 4)
	for i, p := range pieces {
		n := 0
		for _, s := range p {
			n += s.to - s.from
		}
		if n != 4 && i != len(pieces)-1 {
			t.Errorf("piece %d has %d nodes", i, n)
		}
		flat = append(flat, p...)
	}
	at := func(spans []span) (all []int) {
		for _, s := range spans {
			for i := s.from; i < s.to; i++ {
				all = append(all, i)
			}
		}
		return all
	}
	if !slices.Equal(at(flat), at(spans)) {
		t.Errorf("cut: %v", pieces)
	}
}

func snapshot(t testing.TB, g *Group) []byte {
	t.Helper()
	var file bytes.Buffer
	if _, err := g.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// reseal puts the right checksum behind what was changed.
func reseal(b []byte) []byte {
	sum := sha256.Sum256(b[:len(b)-32])
	return append(b[:len(b)-32:len(b)-32], sum[:]...)
}

func TestReadGroupIsStrict(t *testing.T) {
	good := snapshot(t, mustGroup(t, someLeaves(0, 5)...))
	if want := 16 + 8 + 32*(5+3+2+1) + 32; len(good) != want {
		t.Fatalf("%d bytes, want %d", len(good), want)
	}
	if _, err := ReadGroup(bytes.NewReader(snapshot(t, new(Group)))); err != nil {
		t.Errorf("empty group: %v", err)
	}
	refused := func(name string, b []byte) {
		t.Helper()
		if g, err := ReadGroup(bytes.NewReader(b)); !errors.Is(err, ErrSnapshot) || g != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range good {
		refused("cut", good[:n])
		bad := slices.Clone(good)
		bad[n] ^= 1 << (n % 8)
		refused("flipped", bad)
	}
	refused("longer", append(slices.Clone(good), 0))
	edit := func(name string, at int, b []byte) {
		t.Helper()
		bad := slices.Clone(good)
		copy(bad[at:], b)
		refused(name, reseal(bad))
	}
	const leaves, level1 = 24, 24 + 5*32
	edit("range", leaves, bytes.Repeat([]byte{0xff}, 32))
	edit("twice", leaves, good[leaves+32:leaves+64])
	edit("last node of level 1 is another", level1+64, good[leaves:leaves+32])
	for _, size := range []uint64{0, 4, 6, 9, 1 << 32, 1 << 63} {
		edit("size", 16, binary.BigEndian.AppendUint64(nil, size))
	}
	// An inner node is only found by hashing.
	bad := slices.Clone(good)
	copy(bad[level1:], good[leaves:leaves+32])
	g, err := ReadGroup(bytes.NewReader(reseal(bad)))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Check(); !errors.Is(err, ErrTree) {
		t.Errorf("Check: %v", err)
	}
	// The reader's own trouble is not the file's.
	trouble := errors.New("disk")
	for _, n := range []int64{3, 100, int64(len(good))} {
		r := io.MultiReader(io.LimitReader(bytes.NewReader(good), n), iotest.ErrReader(trouble))
		if _, err := ReadGroup(r); !errors.Is(err, trouble) || errors.Is(err, ErrSnapshot) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	for n := range 5 {
		if _, err := mustGroup(t, someLeaves(0, 5)...).WriteTo(&shortWriter{n}); !errors.Is(err, io.ErrShortWrite) && n < 2 {
			t.Errorf("write %d: %v", n, err)
		}
	}
}

// shortWriter fails after n writes.
type shortWriter struct{ n int }

func (w *shortWriter) Write(b []byte) (int, error) {
	if w.n--; w.n < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}
