package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/humantest/virtual"
)

// A sound machine, database and issuer; then one thing after the other that is
// not as it should be.
func TestDoctor(t *testing.T) {
	now, age := time.Now, time.Duration(0)
	issuer, err := virtual.New("issuer.localhost/people", strings.NewReader(strings.Repeat("k", 32)), func() time.Time { return now().Add(-age) }, 8)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(issuer)
	defer srv.Close()
	dir := t.TempDir()
	db := write(t, dir, "humans.db", []byte("x"))
	secret := write(t, dir, "secret", []byte("word\n"))
	sound := []string{"doctor", "-issuer", issuer.VKey(), "-at", srv.URL, "-db", db, "-secret", secret}
	code, out, errs := call(t, sound...)
	if code != 0 || strings.Contains(out, "FAIL") || strings.Contains(out, "warn") {
		t.Fatalf("a sound deployment: exit %d\n%s%s", code, out, errs)
	}
	for _, name := range []string{"Poseidon", "Baby Jubjub", "proofs", "database", "durability", "secret", "issuer"} {
		if !strings.Contains(out, "ok    "+name) {
			t.Errorf("nothing is said about %s:\n%s", name, out)
		}
	}
	code, lines, _ := call(t, "doctor", "-json", "-db", db)
	for line := range strings.Lines(lines) {
		var f struct{ Result, Check, Says string }
		if err := json.Unmarshal([]byte(line), &f); err != nil || code != 0 || f.Result != "ok" || f.Check == "" || f.Says == "" {
			t.Errorf("%d %s", code, line)
		}
	}
	if strings.Contains(out, "word") {
		t.Error("a secret is printed")
	}

	open := write(t, dir, "open", []byte("word\n"))
	if err := os.Chmod(open, 0o644); err != nil { // #nosec G302 -- what is found fault with
		t.Fatal(err)
	}
	_, otherKey := issuer.VKey(), strings.Replace(issuer.VKey(), "people", "others", 1)
	for _, c := range []struct {
		name   string
		before func()
		args   []string
		code   int
		says   string
	}{
		{"secret for all to read", nil, []string{"-secret", open}, 1, "FAIL  secret"},
		{"secret missing", nil, []string{"-secret", filepath.Join(dir, "none")}, 1, "FAIL  secret"},
		{"database for all to read", nil, []string{"-db", open}, 0, "chmod 600"},
		{"database not there", nil, []string{"-db", filepath.Join(dir, "none.db")}, 0, "warn  database"},
		{"no folder", nil, []string{"-db", filepath.Join(dir, "none", "x.db")}, 1, "FAIL  durability"},
		{"not a key", nil, []string{"-issuer", "nonsense"}, 1, "FAIL  issuer"},
		{"another key", nil, []string{"-issuer", otherKey, "-at", srv.URL}, 1, "FAIL  issuer"},
		{"not a relying party", nil, []string{"-rp", "https://x.example"}, 1, "FAIL  relying party"},
		{"old head", func() { age = time.Hour }, []string{"-issuer", issuer.VKey(), "-at", srv.URL}, 0, "warn  clock"},
		{"issuer down", func() { issuer.SetDown(true) }, []string{"-issuer", issuer.VKey(), "-at", srv.URL}, 1, "FAIL  issuer"},
	} {
		if c.before != nil {
			c.before()
		}
		code, out, _ := call(t, append([]string{"doctor"}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%s: exit %d, want %d and %q:\n%s", c.name, code, c.code, c.says, out)
		}
	}
}
