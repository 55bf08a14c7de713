package setlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// rotation is an issuer about to change its key, and what a follower of the old
// key remembers of it.
type rotation struct {
	*setlogtest.Issuer
	old    note.Verifier
	oldKey string
	memory []byte
}

func beforeRotation(t *testing.T) *rotation {
	t.Helper()
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(t0, []string{"a", "b"})
	is.Anchor(t0+10, []string{"c"})
	f := follow(t, is)
	if err := f.Update(is.Head(t0+11), at(11), is.Fetch); err != nil {
		t.Fatal(err)
	}
	return &rotation{is, is.Verifier, is.VKey, f.State()}
}

// moved is the follower with its pin changed and its memory kept.
func (r *rotation) moved(t *testing.T, saved *[]byte) *setlog.Follower {
	t.Helper()
	return follow(t, r.Issuer, func(c *setlog.FollowerConfig) {
		c.State = r.memory
		if saved != nil {
			c.Persist = func(b []byte) error { *saved = bytes.Clone(b); return nil }
		}
	})
}

// T52: a follower that is given the new key goes on from what it knew, once a
// head has come that both keys signed.
func TestT52MemoryOverRotation(t *testing.T) {
	r := beforeRotation(t)
	before := r.Group.Root()
	r.Rotate("next key")
	var saved []byte
	f := r.moved(t, &saved)
	if err := f.Fresh(at(12)); !errors.Is(err, setlog.ErrStale) || !errors.Is(err, setlog.ErrUnvouched) {
		t.Error("it decides by the memory of a key that nobody pins:", err)
	}
	if h, ok := f.Head(); !ok || h.Seq != 2 || f.VKey() != r.VKey {
		t.Errorf("memory: %+v", h)
	}
	if err := f.Update(r.Head(t0+13), at(13), r.Fetch); !errors.Is(err, setlog.ErrSignature) {
		t.Error("a checkpoint that the new key has not signed:", err)
	}
	r.Anchor(t0+20, []string{"d"})
	if err := f.Update(r.Head(t0+21), at(21), r.Fetch); err != nil {
		t.Fatal(err)
	}
	for _, root := range []struct {
		name string
		of   func() (setlog.RootInfo, error)
		seq  uint64
	}{
		{"newest", func() (setlog.RootInfo, error) { return f.Root(r.Group.Root(), at(22)) }, 3},
		{"known from before", func() (setlog.RootInfo, error) { return f.Root(before, at(22)) }, 2},
	} {
		if info, err := root.of(); err != nil || info.Seq != root.seq {
			t.Errorf("%s: %+v, %v", root.name, info, err)
		}
	}
	// The overlap ends; so does what was kept for it.
	r.Also = nil
	r.Anchor(t0+30, []string{"e"})
	again := follow(t, r.Issuer, func(c *setlog.FollowerConfig) { c.State = saved })
	for _, g := range []*setlog.Follower{f, again} {
		if err := g.Update(r.Head(t0+31), at(31), r.Fetch); err != nil {
			t.Error("after the overlap:", err)
		}
	}
	if back, err := setlog.NewFollower(setlog.FollowerConfig{VKey: r.oldKey, State: f.State()}); err != nil {
		t.Error(err)
	} else if err := back.Update(r.Head(t0+32), at(32), r.Fetch); !errors.Is(err, setlog.ErrSignature) {
		t.Error("after the overlap, the old key:", err)
	}
}

// A follower of the old key that has seen the overlap holds a head of both keys:
// it is moved without waiting for another.
func TestT52MovedInOverlap(t *testing.T) {
	r := beforeRotation(t)
	f, err := setlog.NewFollower(setlog.FollowerConfig{VKey: r.oldKey, State: r.memory})
	if err != nil {
		t.Fatal(err)
	}
	r.Rotate("next key")
	r.Anchor(t0+20, []string{"d"})
	if err := f.Update(r.Head(t0+21), at(21), r.Fetch); err != nil {
		t.Fatal(err)
	}
	r.memory = f.State()
	g := r.moved(t, nil)
	if info, err := g.Root(r.Group.Root(), at(22)); err != nil || info.Seq != 3 {
		t.Errorf("%+v, %v", info, err)
	}
	r.Also = nil
	r.Anchor(t0+30, []string{"e"})
	if err := g.Update(r.Head(t0+31), at(31), r.Fetch); err != nil {
		t.Error(err)
	}
}

// A rotation does not hide a fork: the old key signed both histories, and that
// is what the evidence shows, to anybody who knows that key. A follower with
// fresh memory sees nothing, which is why memory is kept.
func TestT52ForkInRotation(t *testing.T) {
	for name, shorter := range map[string]bool{"longer": false, "shorter": true} {
		t.Run(name, func(t *testing.T) {
			r := beforeRotation(t)
			twin := r.Fork()
			f := follow(t, r.Issuer, func(c *setlog.FollowerConfig) { c.State = r.memory })
			for n := range 3 {
				r.Anchor(uint64(t0+20+n), []string{fmt.Sprint("ours ", n), fmt.Sprint("and ours ", n)}[:1+n%2])
			}
			if err := f.Update(r.Head(t0+23), at(23), r.Fetch); err != nil {
				t.Fatal(err)
			}
			r.memory = f.State()
			twin.Rotate("next key")
			twin.Anchor(t0+20, []string{"theirs"})
			if !shorter {
				for n := range 9 {
					twin.Anchor(uint64(t0+21+n), []string{fmt.Sprint("theirs ", n), fmt.Sprint("and theirs ", n)})
				}
			}
			ours := r.Fetch
			r.Issuer = twin
			if err := follow(t, twin).Update(twin.Head(t0+40), at(40), twin.Fetch); err != nil {
				t.Fatal("fresh memory:", err)
			}
			var saved []byte
			g := r.moved(t, &saved)
			fetch := twin.Fetch
			if shorter {
				fetch = ours
			}
			var fork *setlog.ErrFork
			if err := g.Update(twin.Head(t0+40), at(40), fetch); !errors.As(err, &fork) {
				t.Fatal("not seen:", err)
			}
			text, err := fork.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			offline, err := setlog.ParseFork(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := offline.Verify(r.old); err != nil {
				t.Errorf("evidence under the key that signed both: %v", err)
			}
			// Latched: over a restart, after the overlap, and under the next key too.
			twin.Also = nil
			twin.Anchor(t0+50, []string{"later"})
			again := follow(t, twin, func(c *setlog.FollowerConfig) { c.State = saved })
			for _, h := range []*setlog.Follower{g, again} {
				if err := h.Update(twin.Head(t0+51), at(51), twin.Fetch); !errors.As(err, &fork) {
					t.Error("taken after a fork:", err)
				}
				if _, err := h.Root(twin.Group.Root(), at(51)); !errors.As(err, &fork) {
					t.Error("answered after a fork:", err)
				}
			}
			if !bytes.Equal(again.State(), saved) {
				t.Error("the state of a fork changed")
			}
		})
	}
}

// A fork that the follower of the old key has seen is not forgotten because the
// key changes.
func TestT52ForkBeforeRotation(t *testing.T) {
	r := beforeRotation(t)
	twin := r.Fork()
	f := follow(t, r.Issuer, func(c *setlog.FollowerConfig) { c.State = r.memory })
	r.Anchor(t0+20, []string{"ours"})
	twin.Anchor(t0+20, []string{"theirs"})
	if err := f.Update(r.Head(t0+21), at(21), r.Fetch); err != nil {
		t.Fatal(err)
	}
	var fork *setlog.ErrFork
	if err := f.Update(twin.Head(t0+22), at(22), twin.Fetch); !errors.As(err, &fork) {
		t.Fatal(err)
	}
	r.memory = f.State()
	r.Rotate("next key")
	r.Anchor(t0+30, []string{"d"})
	if err := r.moved(t, nil).Update(r.Head(t0+31), at(31), r.Fetch); !errors.As(err, &fork) {
		t.Error(err)
	}
}

// Without an overlap nothing says that the new key's log is the one followed:
// it is refused whether it goes on from it or not, and leaves no trace. So is one
// in which the old key did not sign the checkpoint too, one that lowers what was
// seen, and the key of another name.
func TestT52NoOverlap(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *rotation) []byte // gives the head
		want   error
	}{
		"the same log": {func(r *rotation) []byte {
			r.Rotate("next key")
			r.Also = nil
			r.Anchor(t0+20, []string{"d"})
			return r.Head(t0 + 21)
		}, setlog.ErrUnvouched},
		"another log": {func(r *rotation) []byte {
			r.Issuer = setlogtest.New(t, "issuer.example")
			r.Rotate("next key")
			r.Also = nil
			for n := range 5 {
				r.Anchor(uint64(t0+20+n), []string{fmt.Sprint("x ", n)})
			}
			return r.Head(t0 + 30)
		}, setlog.ErrUnvouched},
		"a checkpoint of the new key alone": {func(r *rotation) []byte {
			r.Rotate("next key")
			both := r.Also
			r.Also = nil
			r.Anchor(t0+20, []string{"d"})
			r.Also = both
			return r.Head(t0 + 21)
		}, setlog.ErrUnvouched},
		"a head of the new key alone": {func(r *rotation) []byte {
			r.Rotate("next key")
			r.Anchor(t0+20, []string{"d"})
			r.Also = nil
			return r.Head(t0 + 21)
		}, setlog.ErrUnvouched},
		"rolled back": {func(r *rotation) []byte {
			r.Issuer = setlogtest.New(t, "issuer.example")
			r.Anchor(t0, []string{"a", "b"})
			r.Rotate("next key")
			r.Checkpoints[2], _ = setlog.Checkpoint{Origin: r.Name, Size: 2, Hash: r.Tree(2).Hash}.Sign(r.Signer, r.Also[0])
			return r.Head(t0 + 21)
		}, setlog.ErrRollback},
	} {
		t.Run(name, func(t *testing.T) {
			r := beforeRotation(t)
			head := c.change(r)
			f := r.moved(t, nil)
			if err := f.Update(head, at(40), r.Fetch); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if !bytes.Equal(f.State(), r.memory) || f.Fork() != nil {
				t.Error("it left something")
			}
			if err := f.Fresh(at(41)); !errors.Is(err, setlog.ErrUnvouched) {
				t.Error(err)
			}
		})
	}
}
