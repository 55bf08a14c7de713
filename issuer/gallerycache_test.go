package issuer_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/plain"
	"github.com/perhuman/perhuman/sdk/api"
)

// cachedCrowd is an issuer on disk with people enrolled by their irises, and a
// few by their faces, which no cache holds.
type cachedCrowd struct {
	*kept
	cache   string
	another uint64 // secrets used up
}

const (
	byIris = 5 // people 0..4
	byFace = 2 // people 20, 21
)

func eyesOfPerson(n, sample uint64) iris.Pair { return synth.New(1).Person(n).Sample(sample) }

func newCachedCrowd(t *testing.T) *cachedCrowd {
	t.Helper()
	c := &cachedCrowd{kept: newKept(t, 0), another: 100}
	c.cache = c.db + ".gallery"
	c.start(t, func(i *issuer.Issuer) {
		for n := range uint64(byIris) {
			if _, err := i.Enrol(t.Context(), irisRequest(t, c.World, i, testkit.NewPerson(n), eyesOfPerson(n, 0))); err != nil {
				t.Fatal(err)
			}
		}
		enrolCrowd(t, c.World, i, 20, byFace)
		if err := i.WriteGalleryCache(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	return c
}

// start runs f with the issuer started again.
func (c *cachedCrowd) start(t *testing.T, f func(i *issuer.Issuer), change ...func(*issuer.Config)) {
	t.Helper()
	c.with(t, f, append([]func(*issuer.Config){quick, func(cfg *issuer.Config) { cfg.GalleryCache = c.cache }}, change...)...)
}

// everybody asks about each: all are known but those who are gone.
func (c *cachedCrowd) everybody(t *testing.T, i *issuer.Issuer, gone ...uint64) {
	t.Helper()
	for n := range uint64(byIris) {
		want := api.AlreadyEnrolled
		for _, g := range gone {
			if g == n {
				want = ""
			}
		}
		c.another++
		_, err := i.Enrol(t.Context(), irisRequest(t, c.World, i, testkit.NewPerson(c.another), eyesOfPerson(n, c.another)))
		if (want != "" || err != nil) && code(err) != want {
			t.Errorf("person %d: %v", n, err)
		}
	}
	for n := range uint64(byFace) {
		c.another++
		if _, err := i.Enrol(t.Context(), c.Start(t, i, testkit.NewPerson(20+n).Again(c.another))); code(err) != api.AlreadyEnrolled {
			t.Errorf("face %d: %v", n, err)
		}
	}
}

func (c *cachedCrowd) heard(what string) bool {
	return strings.Contains(strings.Join(c.said, "\n"), what)
}

// exec changes the database behind the issuer's back.
func (c *cachedCrowd) exec(t *testing.T, query string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+c.db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func missing(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", filepath.Base(name), err)
		}
	}
}

// A start takes the irises from the cache: here their rows cannot be opened any
// more. Who came in after it was written comes from the rows.
func TestGalleryCache(t *testing.T) {
	c := newCachedCrowd(t)
	if info, err := os.Stat(c.cache); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	c.exec(t, `UPDATE templates SET sealed = x'00' WHERE modality = 'iris'`)
	c.start(t, func(i *issuer.Issuer) {
		if g := i.Gallery(); g.Templates != byIris+byFace || c.heard("cache") {
			t.Errorf("%+v, %q", g, c.said)
		}
		if _, err := i.Enrol(t.Context(), irisRequest(t, c.World, i, testkit.NewPerson(50), eyesOfPerson(50, 0))); err != nil {
			t.Fatal(err)
		}
	})
	c.start(t, func(i *issuer.Issuer) {
		c.everybody(t, i)
		if _, err := i.Enrol(t.Context(), irisRequest(t, c.World, i, testkit.NewPerson(51), eyesOfPerson(50, 1))); code(err) != api.AlreadyEnrolled {
			t.Error(err)
		}
	})
	// The control: without the cache, none of that is possible.
	store := openStore(t, c.db)
	cfg := c.Config(store, plain.New(c.Operator))
	if _, err := issuer.New(t.Context(), cfg); !errors.Is(err, issuer.ErrWrongOperator) {
		t.Errorf("the rows were opened: %v", err)
	}
}

// A cache that is damaged, of another issuer, key or moment is not used, and says
// so; the rows are there.
func TestGalleryCacheDamage(t *testing.T) {
	c := newCachedCrowd(t)
	good := read(t, c.cache)
	footer := len(good) - 4 - int(binary.BigEndian.Uint32(good[len(good)-4:]))
	other := newCachedCrowd(t) // another operator's
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at]++
		return b
	}
	for name, b := range map[string][]byte{
		"empty":                 {},
		"four bytes":            {0, 0, 0, 0},
		"the magic alone":       good[:24],
		"another's":             read(t, other.cache),
		"magic":                 flip(0),
		"serials":               flip(24),
		"tag of the serials":    flip(24 + 16*byIris),
		"a template":            flip(footer / 2),
		"tag of the templates":  flip(footer - 1),
		"footer":                flip(footer),
		"people in a piece":     flip(footer + 3),
		"tag of the footer":     flip(len(good) - 5),
		"length of the footer":  flip(len(good) - 1),
		"a footer of gigabytes": flip(len(good) - 4),
		"cut in a template":     append(bytes.Clone(good[:footer-100]), good[footer:]...),
		"a byte more":           append(append(bytes.Clone(good[:footer]), 0), good[footer:]...),
		"no footer":             good[:footer],
		"torn":                  good[:len(good)/3],
	} {
		t.Run(name, func(t *testing.T) {
			put(t, c.cache, b)
			c.start(t, func(i *issuer.Issuer) {
				if g := i.Gallery(); g.Templates != byIris+byFace || !c.heard("the gallery cache is not used") {
					t.Errorf("%+v, %q", g, c.said)
				}
				if name == "a template" { // the last to be read
					c.everybody(t, i)
				}
			})
		})
	}
	put(t, c.cache, good)
	c.start(t, func(i *issuer.Issuer) {
		if c.heard("cache") {
			t.Error(c.said)
		}
	})
}

// destroys deletes a person and waits until the template is destroyed.
func (c *cachedCrowd) destroys(t *testing.T, i *issuer.Issuer, n uint64) {
	t.Helper()
	d, _, err := i.Delete(t.Context(), testkit.Deletion(t, i, testkit.NewPerson(n).ID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Clock.Move(3 * day)
	if err := i.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, err := i.DeletionStatus(t.Context(), d.ID); err != nil || d.Status != api.DeletionDestroyed {
		t.Errorf("%+v, %v", d, err)
	}
}

// opens tells whether the issuer's keys open what stands in a cache.
func (c *cachedCrowd) opens(t *testing.T) (yes bool) {
	t.Helper()
	c.start(t, func(i *issuer.Issuer) { yes = i.UnsealCache() == nil }, func(cfg *issuer.Config) { cfg.Background = true })
	return yes
}

// Destroying a template drops the cache, and its key: a copy of the file opens
// for nobody, whether the issuer had a cache by then, the file could be removed,
// or it was damaged.
func TestGalleryCacheDestroys(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, c *cachedCrowd){
		"as always": func(t *testing.T, c *cachedCrowd) {
			old := read(t, c.cache)
			c.start(t, func(i *issuer.Issuer) {
				put(t, c.cache+".new", append(old[:len(old)/2:len(old)/2], 1, 2, 3)) // a writing that ended in the middle
				c.destroys(t, i, 2)
			})
			missing(t, c.cache, c.cache+".new")
		},
		"without a cache": func(t *testing.T, c *cachedCrowd) {
			c.with(t, func(i *issuer.Issuer) { c.destroys(t, i, 2) }, quick)
		},
		"not to be removed": func(t *testing.T, c *cachedCrowd) {
			if err := os.Remove(c.cache); err != nil {
				t.Fatal(err)
			}
			inside := filepath.Join(c.cache, "a file")
			if err := os.Mkdir(c.cache, 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, inside, nil)
			c.start(t, func(i *issuer.Issuer) { c.destroys(t, i, 2) })
			if err := os.RemoveAll(c.cache); err != nil || !c.heard("gallery cache") {
				t.Error(err, c.said)
			}
		},
		"damaged": func(t *testing.T, c *cachedCrowd) {
			put(t, c.cache, append(read(t, c.cache), 0xff))
			c.start(t, func(i *issuer.Issuer) { c.destroys(t, i, 2) })
		},
		"restored": func(t *testing.T, c *cachedCrowd) { // from a backup, which has no key
			c.exec(t, `DELETE FROM gallery_cache`)
			c.with(t, func(i *issuer.Issuer) { c.destroys(t, i, 2) }, quick)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCachedCrowd(t)
			if !c.opens(t) {
				t.Fatal("the control: it does not open")
			}
			old := read(t, c.cache)
			do(t, c)
			put(t, c.cache, old)
			if c.opens(t) {
				t.Error("a copy of the file opens after the tombstone")
			}
			put(t, c.cache, old)
			c.start(t, func(i *issuer.Issuer) {
				if g := i.Gallery(); g.Templates != byIris+byFace-1 || !c.heard("its key is destroyed") {
					t.Errorf("%+v, %q", g, c.said)
				}
				missing(t, c.cache)
				if err := i.WriteGalleryCache(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
			again := read(t, c.cache)
			put(t, c.cache, old) // beside the key of another file
			if c.opens(t) {
				t.Error("a copy of the file opens under the key of the next one")
			}
			put(t, c.cache, again)
			c.start(t, func(i *issuer.Issuer) {
				if c.heard("cache") {
					t.Error(c.said)
				}
				c.everybody(t, i, 2)
			})
		})
	}
}

// A cache brings nobody back whose row is gone, by whatever way.
func TestGalleryCacheNotOnRecord(t *testing.T) {
	c := newCachedCrowd(t)
	c.exec(t, `DELETE FROM templates WHERE serial = (SELECT min(serial) FROM templates WHERE modality = 'iris')`)
	c.start(t, func(i *issuer.Issuer) {
		if g := i.Gallery(); g.Templates != byIris+byFace-1 || !c.heard("not on record") {
			t.Errorf("%+v, %q", g, c.said)
		}
		missing(t, c.cache)
	})
}

// A disk that fails among the templates, and anything else that goes wrong with
// the cache, costs the cache, not the gallery.
func TestGalleryCacheReadFails(t *testing.T) {
	c := newCachedCrowd(t)
	c.start(t, func(i *issuer.Issuer) {
		if !i.FillFromBroken(t.Context()) {
			t.Error("the rows would not be read")
		}
	}, func(cfg *issuer.Config) { cfg.Background = true })
}

// during is a matcher that is walked slowly: something happens in between.
type during struct {
	*plain.Matcher
	walked int
	then   func()
}

func (d *during) Packed() iter.Seq2[[]issuer.Serial, []byte] {
	pieces := d.Matcher.Packed()
	return func(yield func([]issuer.Serial, []byte) bool) {
		if d.walked++; d.walked == 2 { // the first counts
			d.then()
		}
		pieces(yield)
	}
}

// A writing during which somebody is destroyed leaves no file: what it has read
// includes them.
func TestGalleryCacheRace(t *testing.T) {
	c := newCachedCrowd(t)
	d := &during{Matcher: plain.New(c.Operator)}
	c.start(t, func(i *issuer.Issuer) {
		if _, _, err := i.Delete(t.Context(), testkit.Deletion(t, i, testkit.NewPerson(3).ID)); err != nil {
			t.Fatal(err)
		}
		if _, err := i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Clock.Move(3 * day)
		d.then = func() {
			if err := i.Release(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if err := i.WriteGalleryCache(t.Context()); err == nil || d.walked != 2 {
			t.Errorf("%v after %d walks", err, d.walked)
		}
		missing(t, c.cache, c.cache+".new")
	}, func(cfg *issuer.Config) { cfg.Matcher = d })
	c.start(t, func(i *issuer.Issuer) { c.everybody(t, i, 3) })
}

// Nothing of a template nor a serial stands in the file in the clear.
func TestGalleryCacheAtRest(t *testing.T) {
	c := newCachedCrowd(t)
	m := match.New()
	if err := m.Add(match.Serial{}, match.FromIris(eyesOfPerson(1, 0))); err != nil {
		t.Fatal(err)
	}
	for _, packed := range m.Packed() {
		grep(t, filepath.Dir(c.cache), "template", packed[len(packed)/2:][:16])
	}
	db, err := sql.Open("sqlite3", "file:"+c.db+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var serial []byte
	if err := db.QueryRow(`SELECT serial FROM templates WHERE modality = 'iris'`).Scan(&serial); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(read(t, c.cache), serial) {
		t.Error("a serial stands in the clear")
	}
}

// Run writes the cache once there are enough people for one, and no other time.
func TestRunKeepsTheGalleryCache(t *testing.T) {
	c := newCachedCrowd(t)
	if err := os.Remove(c.cache); err != nil {
		t.Fatal(err)
	}
	for _, least := range []int{byIris + 1, byIris} {
		c.start(t, func(i *issuer.Issuer) {
			if wrote, err := i.FreshenCache(t.Context(), least); wrote != (least == byIris) || err != nil {
				t.Errorf("%d people are enough: %v, %v", least, wrote, err)
			}
			if wrote, err := i.FreshenCache(t.Context(), least); wrote || err != nil {
				t.Errorf("again, with nobody new: %v, %v", wrote, err)
			}
		})
	}
	before := read(t, c.cache)
	c.start(t, func(i *issuer.Issuer) { // a start knows how many the file has
		if wrote, err := i.FreshenCache(t.Context(), byIris); wrote || err != nil {
			t.Errorf("%v, %v", wrote, err)
		}
	})
	if !bytes.Equal(before, read(t, c.cache)) {
		t.Error("it was written again")
	}
}
