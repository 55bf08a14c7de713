package issuer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/plain"
	"github.com/perhuman/perhuman/sdk/api"
)

var errCrash = errors.New("the process ends here")

// mortal is a store whose process ends at an act: before it, or when it is on the
// disk already.
type mortal struct {
	issuer.Store
	at    string
	after bool
	kill  bool // truly
}

func (m *mortal) end() {
	if m.kill {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		fmt.Println("still alive:", err)
		select {}
	}
}

func (m *mortal) act(name string, do func() error) error {
	switch {
	case m.at != name:
		return do()
	case m.after:
		err := do()
		m.end()
		return errors.Join(issuer.ErrInDoubt, errCrash, err)
	}
	m.end()
	return errCrash
}

func (m *mortal) Destroy(ctx context.Context, d issuer.Deletion, s issuer.Serial) error {
	return m.act("destroy", func() error { return m.Store.Destroy(ctx, d, s) })
}

func (m *mortal) SetCacheKey(ctx context.Context, sealed []byte) error {
	return m.act("key", func() error { return m.Store.SetCacheKey(ctx, sealed) })
}

// dying is what a process does until it ends: it destroys who is due, and writes
// a cache.
func dying(t *testing.T, c *cachedCrowd, step mortal) (err error) {
	t.Helper()
	m := &during{Matcher: plain.New(c.Operator), then: func() {
		if step.at == "pieces" {
			put(t, c.cache+".new", []byte("what was written so far"))
			step.end()
		}
	}}
	c.start(t, func(i *issuer.Issuer) {
		if err = i.Release(t.Context()); err == nil {
			err = i.WriteGalleryCache(t.Context())
		}
	}, func(cfg *issuer.Config) {
		m, s := m, step
		s.Store = cfg.Store
		cfg.Store, cfg.Matcher = &s, m
	})
	return err
}

const (
	dyingFolder = "PERHUMAN_TEST_DYING"
	dyingStep   = "PERHUMAN_TEST_DYING_AT"
)

// TestGalleryCacheChild is empty unless this process is a child that dies.
func TestGalleryCacheChild(t *testing.T) {
	where := os.Getenv(dyingFolder)
	if where == "" {
		return
	}
	step := mortal{kill: true}
	var later time.Duration
	if _, err := fmt.Sscan(os.Getenv(dyingStep), &step.at, &step.after, (*int64)(&later)); err != nil {
		t.Fatal(err)
	}
	c := &cachedCrowd{kept: &kept{World: testkit.NewWorld(t, 1), db: where, file: where + ".set"}, cache: where + ".gallery"}
	c.Clock.Move(later)
	t.Fatal("it came through: ", dying(t, c, step))
}

// killed runs dying in a process of its own, which is killed at the step.
func killed(t *testing.T, c *cachedCrowd, step mortal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestGalleryCacheChild$") // #nosec G204 -- this test
	later := c.Clock.Now().Sub(testkit.NewClock().Now())
	cmd.Env = append(os.Environ(), dyingFolder+"="+c.db, dyingStep+"="+fmt.Sprintln(step.at, step.after, int64(later)))
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != -1 || ctx.Err() != nil { // -1: by a signal
		t.Fatalf("the child was not killed: %v, %s", err, said)
	}
}

// A process that ends at any step of a destruction, or of a writing after it, by
// an error or by kill -9: once the tombstone is on record no copy of the file
// opens, until then nobody is lost.
func TestGalleryCacheCrash(t *testing.T) {
	for _, step := range []mortal{
		{at: "destroy"}, {at: "destroy", after: true}, {at: "key"}, {at: "key", after: true},
		{at: "destroy", kill: true}, {at: "destroy", after: true, kill: true},
		{at: "pieces", kill: true}, {at: "key", kill: true}, {at: "key", after: true, kill: true},
	} {
		t.Run(fmt.Sprintf("%s, written %v, killed %v", step.at, step.after, step.kill), func(t *testing.T) {
			c := newCachedCrowd(t)
			old := read(t, c.cache)
			var id string
			c.start(t, func(i *issuer.Issuer) {
				d, _, err := i.Delete(t.Context(), testkit.Deletion(t, i, testkit.NewPerson(2).ID))
				if err != nil {
					t.Fatal(err)
				}
				id = d.ID
				if _, err := i.Anchor(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
			c.Clock.Move(3 * day)
			if step.kill {
				killed(t, c, step)
			} else if err := dying(t, c, step); !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			destroyed := step.at != "destroy" || step.after
			_ = os.Remove(c.cache)
			put(t, c.cache, old)
			if yes := c.opens(t); yes == destroyed {
				t.Errorf("destroyed %v, and a copy of the file opens: %v", destroyed, yes)
			}
			c.start(t, func(i *issuer.Issuer) {
				left := int64(byIris + byFace)
				if destroyed {
					left--
				}
				if g := i.Gallery(); g.Templates != left {
					t.Errorf("%+v, want %d", g, left)
				}
				if err := i.Release(t.Context()); err != nil {
					t.Fatal(err)
				}
				if d, err := i.DeletionStatus(t.Context(), id); err != nil || d.Status != api.DeletionDestroyed {
					t.Errorf("%+v, %v", d, err)
				}
				if err := i.WriteGalleryCache(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
			c.start(t, func(i *issuer.Issuer) {
				if c.heard("cache") {
					t.Error(c.said)
				}
				c.everybody(t, i, 2)
			})
		})
	}
}

// Whatever happens to the file, and whichever of its older copies stands in its
// place, a start has exactly the people on record, and no copy from before the
// last destruction opens.
func TestGalleryCacheAnyOrder(t *testing.T) {
	c := newCachedCrowd(t)
	r := rand.New(rand.NewPCG(4, 1))
	here, next, copies := []uint64{0, 1, 2, 3, 4}, uint64(200), [][]byte{read(t, c.cache)}
	used := 0
	for round := range 24 {
		switch what := r.IntN(3); {
		case what == 0: // as it is
		case what == 1:
			put(t, c.cache, copies[r.IntN(len(copies))])
		default:
			b := slices.Clone(copies[r.IntN(len(copies))])
			b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
			put(t, c.cache, b[:len(b)-r.IntN(2)*r.IntN(len(b))])
		}
		destroyed := false
		c.start(t, func(i *issuer.Issuer) {
			if g := i.Gallery(); !g.Open || g.Templates != int64(len(here)+byFace) {
				t.Fatalf("round %d: %+v, want %d and %d; %q", round, g, len(here), byFace, c.said)
			}
			if _, err := os.Stat(c.cache); err == nil && !c.heard("cache") {
				used++
			}
			someone := here[r.IntN(len(here))]
			c.another++
			_, err := i.Enrol(t.Context(), irisRequest(t, c.World, i, testkit.NewPerson(c.another), eyesOfPerson(someone, c.another)))
			if code(err) != api.AlreadyEnrolled {
				t.Fatalf("round %d, person %d: %v", round, someone, err)
			}
			switch r.IntN(4) {
			case 0:
				if len(here) > 2 {
					if _, err := i.Anchor(t.Context()); err != nil { // who just came in
						t.Fatal(err)
					}
					c.destroys(t, i, someone)
					here = slices.DeleteFunc(here, func(n uint64) bool { return n == someone })
					destroyed = true
				}
			default:
				next++
				if _, err := i.Enrol(t.Context(), irisRequest(t, c.World, i, testkit.NewPerson(next), eyesOfPerson(next, 0))); err != nil {
					t.Fatal(err)
				}
				here = append(here, next)
			}
			if r.IntN(2) == 0 {
				if err := i.WriteGalleryCache(t.Context()); err != nil {
					t.Fatal(err)
				}
				copies = append(copies, read(t, c.cache))
			}
		})
		if destroyed {
			now, err := os.ReadFile(c.cache)
			for n, b := range copies {
				if err == nil && slices.Equal(b, now) {
					continue // of after it
				}
				put(t, c.cache, b)
				if c.opens(t) {
					t.Errorf("round %d: copy %d opens after a destruction", round, n)
				}
			}
			_ = os.Remove(c.cache)
			if err == nil {
				put(t, c.cache, now)
			}
		}
	}
	if used < 3 {
		t.Errorf("a cache was used in %d rounds", used)
	}
}
