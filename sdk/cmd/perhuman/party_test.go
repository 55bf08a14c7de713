package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
)

// Three organisations make their folders, one puts the group together, a party
// serves until it is told to stop, and its folder is whole.
func TestParty(t *testing.T) {
	dir := t.TempDir()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := base64.RawURLEncoding.EncodeToString(public)
	args := []string{"party", "group", "-issuer", "issuer.example/people", "-compare", "face", "-front", key, "-device-root", capture.ClassVirtual + "=" + key, "-virtual"}
	for _, name := range []string{"a", "b", "c"} {
		code, entry, errs := call(t, "party", "init", "-dir", filepath.Join(dir, name), "-address", name+".example:7443")
		if code != 0 {
			t.Fatal(errs)
		}
		if strings.Contains(entry, "root") {
			t.Error("the entry holds the secret")
		}
		file := filepath.Join(dir, name+".json")
		if err := os.WriteFile(file, []byte(entry), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if code, _, errs := call(t, "party", "init", "-dir", filepath.Join(dir, "a"), "-address", "a.example:7443"); code != 2 || !strings.Contains(errs, "not empty") {
		t.Errorf("a folder twice: %d %s", code, errs)
	}
	code, text, errs := call(t, args...)
	if code != 0 {
		t.Fatal(errs)
	}
	if g, err := party.ParseGroup([]byte(text)); err != nil || g.Parties[2].Address != "c.example:7443" {
		t.Fatalf("%+v %v", g, err)
	}
	group := filepath.Join(dir, "group.json")
	if err := os.WriteFile(group, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	same := append(append([]string{}, args[:len(args)-1]...), args[len(args)-2])
	if code, _, errs := call(t, same...); code != 2 || !strings.Contains(errs, "twice") {
		t.Errorf("one party twice: %d %s", code, errs)
	}

	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan int, 1)
	var failed bytes.Buffer
	go func() {
		done <- run(ctx, []string{"party", "serve", "-group", group, "-addr", "127.0.0.1:0"},
			env{out: write, err: &failed, rand: rand.Reader, getenv: func(name string) string {
				return map[string]string{"PERHUMAN_DIR": filepath.Join(dir, "b")}[name]
			}})
		_ = write.Close()
	}()
	lines := bufio.NewScanner(read)
	for lines.Scan() && !strings.Contains(lines.Text(), "mutual TLS") {
	}
	check := []string{"party", "check", "-dir", filepath.Join(dir, "b"), "-group", group}
	if code, _, errs := call(t, check...); code != 1 || !strings.Contains(errs, "in use") {
		t.Errorf("a folder that is served: %d %s", code, errs)
	}
	stop()
	go func() { _, _ = io.Copy(io.Discard, read) }()
	if code := <-done; code != 0 {
		t.Fatalf("%d %s", code, failed.String())
	}
	code, out, errs := call(t, check...)
	if code != 0 || !strings.Contains(out, "party 1 of issuer.example/people, face") || !strings.Contains(out, "members 0") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if code, _, errs := call(t, "party", "receipt", "-group", group, "AAAA"); code != 1 || !strings.Contains(errs, "bytes") {
		t.Errorf("no receipt: %d %s", code, errs)
	}
}
