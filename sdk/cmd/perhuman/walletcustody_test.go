package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A wallet goes under another passphrase, with all that it holds, and opens with
// no other.
func TestWalletPassphrase(t *testing.T) {
	dir := t.TempDir()
	p := newPeople(t, "issuer.localhost/people", 256)
	old, next := write(t, dir, "old", []byte("the passphrase of before\n")), write(t, dir, "next", []byte("the passphrase of now\n"))
	folder := filepath.Join(dir, "w")
	do := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := call(t, append([]string{"wallet", args[0], "-dir", folder}, args[1:]...)...)
		if code != want {
			t.Fatalf("%v: status %d, want %d: %s%s", args, code, want, out, errs)
		}
		return out
	}
	do(0, "new", "-passphrase-file", old, "-issuer", p.flag())
	was := do(0, "export", "-passphrase-file", old)
	do(2, "passphrase", "-passphrase-file", old)
	do(2, "passphrase", "-passphrase-file", next, "-new-passphrase-file", next)
	if got := do(0, "export", "-passphrase-file", old); got != was {
		t.Error("a wrong passphrase changed the wallet")
	}
	// Killed at any step: the file beside it is half there, or whole and not yet in
	// its place. The old one opens then, and what was left goes with the next change.
	whole, err := os.ReadFile(filepath.Join(folder, purseMain))
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range [][]byte{nil, whole[:len(whole)/2], whole} {
		write(t, folder, fmt.Sprint(".new-", i), b)
	}
	if got := do(0, "export", "-passphrase-file", old); got != was {
		t.Errorf("%q, was %q", got, was)
	}
	do(0, "passphrase", "-passphrase-file", old, "-new-passphrase-file", next)
	do(2, "export", "-passphrase-file", old)
	if got := do(0, "export", "-passphrase-file", next); got != was {
		t.Errorf("%q, was %q", got, was)
	}
	if files, err := filepath.Glob(filepath.Join(folder, ".new-*")); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v %v", files, err)
	}
}

// A wipe takes the secret first, is finished by doing it again wherever it was
// cut, and takes nothing that is not the wallet's.
func TestWalletWipe(t *testing.T) {
	dir := t.TempDir()
	p := newPeople(t, "issuer.localhost/people", 256)
	phrase := write(t, dir, "phrase", []byte("a passphrase of a test\n"))
	folder := filepath.Join(dir, "w")
	in := []string{"-dir", folder, "-passphrase-file", phrase}
	do := func(want int, name string, more ...string) (string, string) {
		t.Helper()
		code, out, errs := call(t, append(append([]string{"wallet", name}, in...), more...)...)
		if code != want {
			t.Fatalf("%s %v: status %d, want %d: %s%s", name, more, code, want, out, errs)
		}
		return out, errs
	}
	do(0, "new", "-issuer", p.flag())
	do(0, "status")
	write(t, folder, purseHistory, []byte("{}\n"))
	made := filepath.Join(dir, "made")
	if err := os.Rename(folder, made); err != nil {
		t.Fatal(err)
	}
	fill := func() {
		t.Helper()
		if err := os.CopyFS(folder, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
	}
	files := func() (names []string) {
		entries, err := os.ReadDir(folder)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	fill()
	all := files()
	if len(all) < 4 {
		t.Fatalf("only %v", all)
	}
	if _, errs := do(0, "wipe"); !strings.Contains(errs, "Nothing was removed") || len(files()) != len(all) {
		t.Errorf("without -yes: %s, %v", errs, files())
	}
	do(0, "wipe", "-yes")
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("left: %v", files())
	}
	do(2, "wipe", "-yes") // no wallet

	// Cut short after each file: the secret is gone from the first step on.
	for cut := range all {
		fill()
		write(t, folder, purseMain, []byte(tombstone))
		gone := 0
		for _, name := range files() {
			if name != purseMain && gone < cut {
				gone++
				if err := os.Remove(filepath.Join(folder, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, errs := do(2, "export"); !strings.Contains(errs, "being wiped") {
			t.Errorf("cut at %d: %s", cut, errs)
		}
		do(2, "new", "-issuer", p.flag())
		do(0, "wipe", "-yes")
		if len(files()) > 0 {
			t.Errorf("cut at %d: left %v", cut, files())
		}
	}

	// A file that cannot be removed ends the wipe: then the secret is gone already.
	fill()
	stuck := filepath.Join(folder, "state-stuck")
	if err := os.MkdirAll(filepath.Join(stuck, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	do(2, "wipe", "-yes")
	if _, errs := do(2, "export"); !strings.Contains(errs, "being wiped") {
		t.Error(errs)
	}
	if err := os.RemoveAll(stuck); err != nil {
		t.Fatal(err)
	}
	do(0, "wipe", "-yes")

	fill()
	write(t, folder, "a-letter", []byte("keep me"))
	if _, errs := do(0, "wipe", "-yes"); !strings.Contains(errs, "other files") || strings.Join(files(), " ") != "a-letter" {
		t.Errorf("%s %v", errs, files())
	}
	do(2, "wipe", "-yes") // a folder that holds no wallet
	if strings.Join(files(), " ") != "a-letter" {
		t.Errorf("a folder without a wallet was wiped: %v", files())
	}
}
