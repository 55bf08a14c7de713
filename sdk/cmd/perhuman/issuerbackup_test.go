package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// A database that a service could hold open is copied beside it, checked, and
// read into another one; a changed copy is named as damaged.
func TestIssuerBackup(t *testing.T) {
	dir := t.TempDir()
	db, to := filepath.Join(dir, "issuer.db"), filepath.Join(dir, "copy")
	s, err := sqlite.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	_, vkey, err := setlog.GenerateKey(rand.Reader, "issuer.test/people")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Bind(t.Context(), issuer.Binding{Origin: "issuer.test/people", VKey: vkey}); err != nil {
		t.Fatal(err)
	}
	do := func(want int, args ...string) string {
		t.Helper()
		var out, text bytes.Buffer
		if code := run(t.Context(), append([]string{"issuer"}, args...), env{out: &out, err: &text}); code != want {
			t.Fatalf("%q: exit status %d: %s", args, code, text.String())
		}
		return out.String()
	}
	if out := do(0, "backup", "-db", db, to); !bytes.Contains([]byte(out), []byte(vkey)) {
		t.Errorf("%s", out)
	}
	do(2, "backup", "-db", db, to) // it exists
	do(0, "backup", "check", "-db", db)
	do(0, "restore", "-db", filepath.Join(dir, "new.db"), to)
	do(2, "restore", "-db", filepath.Join(dir, "new.db"), to) // it is not empty
	do(0, "backup", "check", "-db", filepath.Join(dir, "new.db"))
	b, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	do(2, "backup", "check", "-file", to)
	do(2, "restore", "-db", filepath.Join(dir, "third.db"), to)
}
