package sqlite

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// T06: a second process, or a second store in this one, is refused; a third may
// have the database once the first is gone.
func TestT06SecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, issuer.ErrLocked) {
		t.Errorf("second store: %v", err)
	}
	other := func() string {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"=open", pathEnv+"="+path)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if out := other(); !strings.HasPrefix(out, "OPEN true") {
		t.Errorf("second process: %s", out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out := other(); !strings.HasPrefix(out, "OPEN false <nil>") {
		t.Errorf("after the first has gone: %s", out)
	}
}

// T06: a writer whose lock was lost is fenced off: it writes nothing and signs
// nothing any more.
func TestT06Fenced(t *testing.T) {
	r := newRig(t)
	path := r.path(t)
	if err := os.Remove(path + ".lock"); err != nil { // as if the lock did not hold
		t.Fatal(err)
	}
	req := r.Start(t, r.i, r.person())
	other, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	j, err := issuer.New(t.Context(), r.Config(other, r.Matcher()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.i.Enrol(t.Context(), req); !errors.Is(err, issuer.ErrFenced) || api.CodeOf(err) != api.StoreUnavailable {
		t.Errorf("the older writer: %v", err)
	}
	if _, err := r.i.Anchor(t.Context()); !errors.Is(err, issuer.ErrFenced) {
		t.Errorf("the older writer anchors: %v", err)
	}
	if _, err := r.i.Head(); !errors.Is(err, issuer.ErrFenced) {
		t.Errorf("the older writer signs a head: %v", err)
	}
	if _, err := j.Enrol(t.Context(), req); err != nil {
		t.Errorf("the newer writer: %v", err)
	}
}

func (r *rig) path(t *testing.T) (path string) {
	t.Helper()
	if err := r.store.r.QueryRow(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&path); err != nil {
		t.Fatal(err)
	}
	return path
}

// T06: a database belongs to one name, one signing key, one operator.
func TestT06WrongOwner(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		name   string
		change func(*issuer.Config)
		want   error
	}{
		{"name", func(c *issuer.Config) {
			w := testkit.NewNamedWorld(t, 1, "issuer.test/others")
			c.Name, c.Signer, c.Capture = "issuer.test/others", w.Signer, w.Policy
		}, issuer.ErrWrongOrigin},
		{"key", func(c *issuer.Config) { c.Signer = testkit.NewWorld(t, 2).Signer }, issuer.ErrWrongKey},
		{"operator", func(c *issuer.Config) { c.Operator = testkit.NewWorld(t, 2).Operator.Text() }, issuer.ErrWrongOperator},
	} {
		cfg := r.Config(r.store, r.Matcher())
		c.change(&cfg)
		if _, err := issuer.New(t.Context(), cfg); !errors.Is(err, c.want) {
			t.Errorf("other %s: %v", c.name, err)
		}
	}
	if r.sound(t).Entries != 1 {
		t.Error("a refused start changed something")
	}
}

// T06: what contradicts itself, or the last checkpoint, does not start.
func TestT06TamperedStore(t *testing.T) {
	for name, tamper := range map[string]string{
		"leaf":       `UPDATE members SET commitment = (SELECT root FROM roots WHERE seq = 2) WHERE idx = 1`,
		"removed":    `UPDATE members SET removed_seq = 2 WHERE idx = 1`,
		"lost leaf":  `DELETE FROM members WHERE idx = 2`,
		"root":       `UPDATE roots SET root = (SELECT commitment FROM members WHERE idx = 0) WHERE seq = 2`,
		"live":       `UPDATE roots SET live = live - 1 WHERE seq = 2`,
		"hash":       `UPDATE hashes SET hash = (SELECT hash FROM hashes WHERE n = 0) WHERE n = 3`,
		"lost hash":  `DELETE FROM hashes WHERE n = 3`,
		"entry":      `UPDATE changes SET entry = (SELECT entry FROM changes WHERE change_no = 1) WHERE change_no = 2`,
		"old root":   `DELETE FROM roots WHERE seq = 2`,
		"checkpoint": `UPDATE roots SET checkpoint = (SELECT checkpoint FROM roots WHERE seq = 1) WHERE seq = 2`,
		"template":   `UPDATE templates SET sealed = (SELECT sealed FROM templates ORDER BY serial LIMIT 1)`,
	} {
		r := newRig(t)
		for range 3 {
			if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person())); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.store.w.Exec(tamper); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err := issuer.New(t.Context(), r.Config(r.store, r.Matcher()))
		if !errors.Is(err, issuer.ErrCorrupt) && !errors.Is(err, issuer.ErrWrongOperator) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// T05 in part: a database that has gone missing under its process is not made
// anew behind its back.
func TestT05Deleted(t *testing.T) {
	r := newRig(t)
	path := r.path(t)
	before := r.Start(t, r.i, r.person())
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + end); err != nil {
			t.Fatal(err)
		}
	}
	// The open connection would still write, into a file without a name.
	if _, err := r.i.Enrol(t.Context(), before); api.CodeOf(err) != api.StoreUnavailable {
		t.Errorf("answered %v", err)
	}
	r.store.w.SetMaxIdleConns(0) // a new connection must find nothing
	r.store.w.SetConnMaxLifetime(time.Nanosecond)
	if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person())); api.CodeOf(err) != api.StoreUnavailable {
		t.Errorf("answered %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the database was made anew: %v", err)
	}
}

// T05: a database that was emptied under us is refused, now and at the next
// start, and nothing is made in its place.
func TestT05Truncated(t *testing.T) {
	r := newRig(t)
	path := r.path(t)
	if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person())); err != nil {
		t.Fatal(err)
	}
	if _, err := r.i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.w.Exec(truncateWAL); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person())); err == nil {
		t.Error("an intake went into an emptied database")
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("%v, %v: something was written", info, err)
	}
	if err := r.store.Close(); err != nil {
		t.Log(err) // what there is to say about such a file
	}
	again := func(what string) {
		t.Helper()
		if s, err := Open(path); !errors.Is(err, ErrLost) {
			t.Errorf("%s database: %v", what, err)
			if err == nil {
				_ = s.Close()
			}
		}
	}
	again("an emptied")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	again("a lost")
	if err := os.Remove(path + ".lock"); err != nil { // the operator begins anew
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// T13: a database that does not come free in time gives ErrBusy, and nothing
// is lost or done twice.
func TestT13Busy(t *testing.T) {
	r := newRig(t)
	path := r.path(t)
	if err := os.Remove(path + ".lock"); err != nil { // let the other one in
		t.Fatal(err)
	}
	blocker, _ := openFaulty(t, path)
	tx, err := blocker.w.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person())); !errors.Is(err, issuer.ErrBusy) || api.CodeOf(err) != api.StoreUnavailable {
		t.Errorf("while another writes: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.i.Enrol(t.Context(), r.Start(t, r.i, r.person())); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	r.sound(t)
}

// Only its owner can read the database, and the reading connections cannot
// write it.
func TestFileAndReaders(t *testing.T) {
	r := newRig(t)
	for _, end := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(r.path(t) + end)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%q: %v, %v", end, info.Mode(), err)
		}
	}
	if _, err := r.store.r.Exec(`DELETE FROM intakes`); err == nil {
		t.Error("a reading connection wrote")
	}
	for pragma, want := range map[string]string{`PRAGMA journal_mode`: "wal", `PRAGMA synchronous`: "2", `PRAGMA secure_delete`: "1"} {
		var got string
		if err := r.store.w.QueryRow(pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %s, %v", pragma, got, err)
		}
	}
}
