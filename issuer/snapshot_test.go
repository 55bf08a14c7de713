package issuer_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// kept is an issuer with a snapshot on disk.
type kept struct {
	*testkit.World
	db, file string
	said     []string
}

func newKept(t *testing.T, people uint64) *kept {
	t.Helper()
	dir := t.TempDir()
	k := &kept{World: testkit.NewWorld(t, 1), db: filepath.Join(dir, "issuer.db"), file: filepath.Join(dir, "set.snapshot")}
	k.with(t, func(i *issuer.Issuer) {
		enrolCrowd(t, k.World, i, 1, people)
		if err := i.WriteSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	return k
}

// with starts an issuer, lets f use it and stops it.
func (k *kept) with(t *testing.T, f func(*issuer.Issuer), change ...func(*issuer.Config)) {
	t.Helper()
	store := openStore(t, k.db)
	defer func() { _ = store.Close() }()
	k.said = nil
	change = append([]func(*issuer.Config){func(c *issuer.Config) {
		c.Snapshots = issuer.SnapshotFile(k.file)
		c.Logf = func(format string, args ...any) { k.said = append(k.said, fmt.Sprintf(format, args...)) }
	}}, change...)
	f(open(t, k.World, store, change...))
}

func (k *kept) unused() bool {
	return strings.Contains(strings.Join(k.said, "\n"), "the snapshot is not used")
}

func published(t *testing.T, w *testkit.World, i *issuer.Issuer) string {
	t.Helper()
	h := head(t, w, i)
	pieces, _, err := i.Leaves(h.Seq)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(h.Seq, h.Root, h.Live, h.Size, h.RootProof.Checkpoint, pieces)
}

// A start from a snapshot, young or old, shows what a start without one shows,
// and goes on.
func TestSnapshotStarts(t *testing.T) {
	k := newKept(t, 300)
	same := func(what string) {
		t.Helper()
		var with, without string
		k.with(t, func(i *issuer.Issuer) { with = published(t, k.World, i) })
		if k.unused() {
			t.Errorf("%s: %v", what, k.said)
		}
		k.with(t, func(i *issuer.Issuer) { without = published(t, k.World, i) }, func(c *issuer.Config) { c.Snapshots = nil })
		if with != without {
			t.Errorf("%s: a start from a snapshot shows something else", what)
		}
	}
	same("young")
	k.with(t, func(i *issuer.Issuer) {
		enrolCrowd(t, k.World, i, 1000, 270)
		for _, n := range []uint64{3, 299, 300, 401} {
			if err := i.Removal(t.Context(), n, n == 300); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	same("old")
	k.with(t, func(i *issuer.Issuer) {
		if err := i.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		enrolCrowd(t, k.World, i, 2000, 2)
		if r, err := i.Enrol(t.Context(), k.Start(t, i, testkit.NewPerson(1).Again(9999))); code(err) != api.AlreadyEnrolled {
			t.Errorf("%+v, %v", r, err)
		}
	})
	same("older")
}

// A snapshot that is missing, torn, damaged anywhere, of another set, another
// operator or another time is not used; the set is rebuilt from the log.
func TestSnapshotsNotBelieved(t *testing.T) {
	k := newKept(t, 40)
	good, err := os.ReadFile(k.file)
	if err != nil {
		t.Fatal(err)
	}
	var want string
	k.with(t, func(i *issuer.Issuer) { want = published(t, k.World, i) })
	if k.unused() {
		t.Fatal(k.said)
	}
	foreign := func(name string, seed byte) []byte {
		t.Helper()
		w := testkit.NewNamedWorld(t, seed, name)
		path := filepath.Join(t.TempDir(), "foreign.snapshot")
		cfg := w.Config(openStore(t, filepath.Join(t.TempDir(), "other.db")), w.Matcher())
		cfg.Name, cfg.Snapshots = name, issuer.SnapshotFile(path)
		i, err := issuer.New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if name == testkit.Name {
			enrolCrowd(t, w, i, 500, 3)
		}
		if err := i.WriteSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	bad := map[string][]byte{
		"empty":                       {},
		"torn":                        good[:len(good)/2],
		"without its end":             good[:len(good)-1],
		"with more at its end":        append(bytes.Clone(good), 0),
		"of another set":              foreign("other.test/people", 1),
		"under another operator":      foreign(testkit.Name, 2),
		"of this operator's other db": foreign(testkit.Name, 1), // same keys, another history
	}
	for at := 0; at < len(good); at += 97 {
		b := bytes.Clone(good)
		b[at] ^= 1
		bad[fmt.Sprintf("byte %d changed", at)] = b
	}
	for what, b := range bad {
		if err := os.WriteFile(k.file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		k.with(t, func(i *issuer.Issuer) {
			if published(t, k.World, i) != want {
				t.Errorf("%s: another set", what)
			}
		})
		if !k.unused() {
			t.Errorf("%s: nobody was told", what)
		}
	}
	if err := os.Remove(k.file); err != nil {
		t.Fatal(err)
	}
	k.with(t, func(i *issuer.Issuer) {
		if published(t, k.World, i) != want || k.unused() {
			t.Error("missing", k.said)
		}
	})
}

// A snapshot that is ahead of the database says that the database is an old
// backup; it is not used.
func TestSnapshotAheadOfTheDatabase(t *testing.T) {
	k := newKept(t, 5)
	old, err := os.ReadFile(k.db)
	if err != nil {
		t.Fatal(err)
	}
	k.with(t, func(i *issuer.Issuer) {
		enrolCrowd(t, k.World, i, 100, 5)
		if err := i.WriteSnapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.WriteFile(k.db, old, 0o600); err != nil {
		t.Fatal(err)
	}
	k.with(t, func(i *issuer.Issuer) {
		if h := head(t, k.World, i); h.Live != 5 {
			t.Errorf("%d members", h.Live)
		}
	})
	if said := strings.Join(k.said, "\n"); !strings.Contains(said, "old backup") {
		t.Error(said)
	}
}

// What a start from a snapshot does not read, Verify reads: a leaf, an entry or
// a hash that was changed below it stops the signing.
func TestVerifyFindsWhatASnapshotHides(t *testing.T) {
	for what, query := range map[string]string{
		"leaf":  `UPDATE members SET removed_seq = 1 WHERE idx = 1`,
		"entry": `UPDATE changes SET entry = (SELECT entry FROM changes WHERE change_no = 3) WHERE change_no = 2`,
		"hash":  `UPDATE hashes SET hash = zeroblob(32) WHERE n = 2`,
	} {
		k := newKept(t, 20)
		db, err := sql.Open("sqlite3", k.db)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(query); err != nil {
			t.Fatal(what, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		k.with(t, func(i *issuer.Issuer) {
			if k.unused() {
				t.Fatal(what, k.said)
			}
			if _, err := i.Head(); err != nil {
				t.Error(what, err)
			}
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			if err := i.Verify(cancelled); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
			if _, err := i.Head(); err != nil {
				t.Errorf("%s: a cancelled look stops the signing: %v", what, err)
			}
			if err := i.Verify(t.Context()); !errors.Is(err, issuer.ErrCorrupt) {
				t.Errorf("%s: %v", what, err)
			}
			if _, err := i.Anchor(t.Context()); err == nil {
				t.Errorf("%s: it still anchors", what)
			}
			if _, err := i.Head(); err == nil {
				t.Errorf("%s: it still signs", what)
			}
		})
	}
}
