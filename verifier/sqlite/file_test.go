package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := mustOpen(t, path, faults{})
	if _, err := s.Spend(t.Context(), storetest.NewAct(1, 1)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", filepath.Base(name), info.Mode(), err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, path, faults{})
	defer s.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a loose mode stays: %v %v", info.Mode(), err)
	}
}

// T05: the file goes away, is replaced, or is cut short while it is open.
func TestT05FileTakenAway(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"deleted": os.Remove,
		"replaced": func(path string) error {
			other, err := OpenWith(path+".other", Options{})
			if err != nil {
				return err
			}
			return errors.Join(other.Close(), os.Rename(path+".other", path))
		},
		"cut short": func(path string) error { return os.Truncate(path, 4096) },
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s.db")
			s := mustOpen(t, path, faults{})
			defer s.Close()
			a := storetest.NewAct(1, 1)
			if _, err := s.Spend(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			// So that the rows are in the file itself, not in the WAL alone.
			if err := s.submit(t.Context(), nil, func(context.Context, *writer) error { return nil }); err != nil {
				t.Fatal(err)
			}
			other, err := sql.Open("sqlite3", s.dsn("rw"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := other.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				t.Fatal(err)
			}
			if err := other.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Spend(t.Context(), storetest.NewAct(1, 2)); err != nil {
				t.Fatal(err)
			}
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			again := storetest.NewAct(2, 1)
			again.Nullifier, again.Scope = a.Nullifier, a.Scope
			for range 3 {
				if out, err := s.Spend(t.Context(), again); !errors.Is(err, verifier.ErrUnavailable) {
					t.Fatalf("%+v %v", out, err)
				}
			}
			if _, _, err := s.Policy(t.Context(), "live", "forum.example", "ready"); name != "cut short" && !errors.Is(err, verifier.ErrUnavailable) {
				t.Errorf("ready: %v", err)
			}
			if name == "deleted" {
				if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
					t.Fatal("the file was made anew, empty")
				}
			}
		})
	}
}

// T05: an older state of the file is put in its place, in the same inode.
func TestT05FileSetBack(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "s.db"), faults{})
	defer s.Close()
	for i := range uint64(3) {
		if _, err := s.Spend(t.Context(), storetest.NewAct(1, i)); err != nil {
			t.Fatal(err)
		}
	}
	other, err := sql.Open("sqlite3", s.dsn("rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Exec("DELETE FROM spent WHERE id > 1"); err != nil {
		t.Fatal(err)
	}
	again := storetest.NewAct(1, 2)
	again.Nonce[31]++
	for range 2 {
		if out, err := s.Spend(t.Context(), again); !errors.Is(err, verifier.ErrUnavailable) || !errors.Is(err, errSetBack) {
			t.Fatalf("%+v %v", out, err)
		}
	}
	// Another process puts rows into the index and adds one; then that is undone.
	for _, statement := range []string{"UPDATE spent_mark SET upto = 9",
		"INSERT INTO spent SELECT 10, zeroblob(32), scope, environment, message, nonce, key, 1, 1, 1, 0 FROM spent"} {
		if _, err := other.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Spent(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("UPDATE spent_mark SET upto = 0"); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Spent(t.Context(), again); !errors.Is(err, errSetBack) {
		t.Fatalf("a look: %+v %v", out, err)
	}
}

// T05: no room, and then room again.
func TestT05DiskFull(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "s.db"), faults{})
	defer s.Close()
	pages := func(n string) {
		t.Helper()
		err := s.submit(t.Context(), nil, func(ctx context.Context, w *writer) error {
			_, err := w.conn.ExecContext(ctx, "PRAGMA max_page_count = "+n)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	pages("30")
	stored := 0
	for {
		_, err := s.Spend(t.Context(), storetest.NewAct(1, uint64(stored)))
		if err != nil {
			if !errors.Is(err, verifier.ErrUnavailable) || errors.Is(err, verifier.ErrInDoubt) || !strings.Contains(err.Error(), "full") {
				t.Fatal(err)
			}
			break
		}
		if stored++; stored > 100_000 {
			t.Fatal("the disk never got full")
		}
	}
	// The refused act left nothing behind; the connection after it has room.
	out, err := s.Spend(t.Context(), storetest.NewAct(1, uint64(stored)))
	if err != nil || out.Result != verifier.Accepted || out.Replayed {
		t.Fatalf("%+v %v", out, err)
	}
	for n := range stored + 1 {
		if out, err := s.Spent(t.Context(), storetest.NewAct(1, uint64(n))); err != nil || out.Result != verifier.NonceUsed {
			t.Fatalf("act %d of %d: %+v %v", n, stored, out, err)
		}
	}
}

func TestT05ReadOnlyAndForeignFiles(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite3", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE nonces (x)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer.db")
	s := mustOpen(t, newer, faults{})
	if err := s.submit(t.Context(), nil, func(ctx context.Context, w *writer) error {
		_, err := w.conn.ExecContext(ctx, "PRAGMA user_version = 99")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{foreign, text, newer, filepath.Join(dir, "no", "such", "folder.db"), dir} {
		if s, err := Open(path); err == nil {
			t.Errorf("%s was opened", filepath.Base(path))
			_ = s.Close()
		}
	}
}

// T13: another process sits on the file. Callers get a typed error in time,
// and one that gives up while waiting is not left in doubt.
func TestT13Busy(t *testing.T) {
	s, err := OpenWith(filepath.Join(t.TempDir(), "s.db"), Options{BusyTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	other, err := sql.Open("sqlite3", s.dsn("rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	a := storetest.NewAct(1, 1)
	if _, err := s.Spend(t.Context(), a); !errors.Is(err, verifier.ErrUnavailable) || errors.Is(err, verifier.ErrInDoubt) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.Spend(ctx, a); !errors.Is(err, verifier.ErrUnavailable) || errors.Is(err, verifier.ErrInDoubt) {
		t.Fatal(err)
	}
	if out, err := s.Spent(t.Context(), a); err != nil || out.Result != verifier.Accepted {
		t.Fatalf("reads wait for the writer: %+v %v", out, err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Spend(t.Context(), a); err != nil || out.Result != verifier.Accepted || out.Replayed {
		t.Fatalf("%+v %v", out, err)
	}
}

func TestT44StatementsAreConstants(t *testing.T) { storetest.ConstantStatements(t, ".", 15) }

// T13: two processes that have no patience, and 32 callers each. They see typed
// errors and nothing else, nobody is in doubt, and no update is lost: each act
// that is sent until it is answered is won once.
func TestT13BusyStorm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	const rivals, acts = 64, 20
	var busy, won [2]atomic.Int64
	var wg sync.WaitGroup
	var stores [2]*Store
	for p := range stores { // both, before the storm
		var err error
		if stores[p], err = OpenWith(path, Options{BusyTimeout: time.Millisecond, BatchLimit: 4}); err != nil {
			t.Fatal(err)
		}
		defer stores[p].Close()
	}
	for p, s := range stores {
		for g := range rivals / 2 {
			wg.Go(func() {
				for i := range acts {
					a := storetest.NewAct(byte(10+p), uint64(g*acts+i))
					shared := storetest.NewAct(1, uint64(g*acts+i))
					a.Nullifier, a.Scope = shared.Nullifier, shared.Scope
					a.Credential, a.Key = "app", string(a.Nonce[:])
					for {
						out, err := s.Spend(context.Background(), a)
						if err == nil {
							if out.Replayed {
								t.Errorf("an act that was refused had been written: %+v", out)
							}
							if out.Result == verifier.Accepted {
								won[p].Add(1)
							}
							break
						}
						if !errors.Is(err, verifier.ErrUnavailable) || errors.Is(err, verifier.ErrInDoubt) || !strings.Contains(err.Error(), "busy") {
							t.Errorf("%v", err)
							return
						}
						busy[p].Add(1)
					}
				}
			})
		}
	}
	wg.Wait()
	if n := won[0].Load() + won[1].Load(); n != rivals/2*acts {
		t.Errorf("%d of %d nullifiers were won", n, rivals/2*acts)
	}
	if busy[0].Load()+busy[1].Load() == 0 {
		t.Error("nobody was ever busy: this was no storm")
	}
	t.Logf("won %d and %d, busy %d and %d times", won[0].Load(), won[1].Load(), busy[0].Load(), busy[1].Load())
}
