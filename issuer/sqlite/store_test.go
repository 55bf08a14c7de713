package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/backup"
	"github.com/perhuman/perhuman/issuer/storetest"
)

func openAt(t testing.TB, path string) issuer.Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStoreChild(t *testing.T) { storetest.Child(t, openAt) }

func under(s issuer.Store) *Store {
	if u, ok := s.(interface{ Unwrap() issuer.Store }); ok {
		s = u.Unwrap()
	}
	return s.(*Store)
}

func TestStore(t *testing.T) {
	fresh := func(t testing.TB) string { return filepath.Join(t.TempDir(), "issuer.db") }
	faulty := func(t testing.TB) (issuer.Store, *storetest.Faults) {
		s, f := openFaulty(t, fresh(t))
		out := &storetest.Faults{}
		f.set(out.Statement, out.Commit)
		return s, out
	}
	// The lock file of a database that two processes may open at once.
	unlock := func(t testing.TB, s issuer.Store) string {
		path := under(s).path
		if err := os.Remove(path + ".lock"); err != nil {
			t.Fatal(err)
		}
		return path
	}
	storetest.Run(t, storetest.Store{
		Kills: 6,
		Open:  func(t testing.TB) issuer.Store { s, _ := faulty(t); return s }, // waits a second at most when busy
		Reopen: func(t testing.TB, s issuer.Store) issuer.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return openAt(t, under(s).path)
		},
		Second: func(t testing.TB, s issuer.Store) issuer.Store { return openAt(t, unlock(t, s)) },
		Faulty: faulty,
		Busy: func(t testing.TB, s issuer.Store) func() {
			other, _ := openFaulty(t, unlock(t, s))
			tx, err := other.w.BeginTx(context.Background(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := tx.Rollback(); err != nil {
					t.Error(err)
				}
			}
		},
		Refusing: map[string]func(testing.TB, issuer.Store) func(){
			"full": func(t testing.TB, s issuer.Store) func() {
				pragma(t, s, `PRAGMA max_page_count = 1`) // as it is: not a page more
				return func() { pragma(t, s, `PRAGMA max_page_count = 1000000`) }
			},
			"read-only": func(t testing.TB, s issuer.Store) func() {
				pragma(t, s, `PRAGMA query_only = 1`)
				return func() { pragma(t, s, `PRAGMA query_only = 0`) }
			},
		},
		Tamper: func(t testing.TB, s issuer.Store, query string) {
			pragma(t, s, `DROP TRIGGER IF EXISTS openings_hold; DROP TRIGGER IF EXISTS openings_stay`)
			pragma(t, s, query)
		},
		Where: fresh,
		At:    openAt,
	})
}

func pragma(t testing.TB, s issuer.Store, query string) {
	t.Helper()
	if _, err := under(s).w.Exec(query); err != nil {
		t.Fatal(err)
	}
}

// T03: each kind of write that SQLite does here.
func TestT03Sweep(t *testing.T) {
	storetest.Sweep(t, storetest.Store{
		Where: func(t testing.TB) string { return filepath.Join(t.TempDir(), "issuer.db") }, At: openAt,
	}, "pwrite64", "fsync", "ftruncate")
}

// A reader beside the writer sees what the writer's own backup sees.
func TestReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	s := openAt(t, path)
	defer func() { _ = s.Close() }()
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if report, err := backup.FsckStore(t.Context(), r); err == nil || len(report.Faults) != 1 {
		t.Errorf("an empty database: %+v, %v", report, err)
	}
	if _, err := r.r.Exec(`DELETE FROM intakes`); err == nil {
		t.Error("a reader wrote")
	}
	if _, err := OpenReader(filepath.Join(t.TempDir(), "none.db")); err == nil {
		t.Error("a database was made")
	}
}
