package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/sdk/witness"
)

// The command makes a key, cosigns what the issuer then publishes, and an audit
// that asks for this witness is content.
func TestWitness(t *testing.T) {
	is, _, policy, now := auditedLog(t)
	dir := archive(t, is, policy, now)
	keyFile := filepath.Join(t.TempDir(), "key")
	code, vkey, errs := call(t, "witness", "keygen", "-out", keyFile, "witness.example/w1")
	if code != 0 {
		t.Fatal(errs)
	}
	vkey = strings.TrimSpace(vkey)

	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan int, 1)
	var failed bytes.Buffer
	go func() {
		done <- run(ctx, []string{"witness", "-addr", "127.0.0.1:0", "-key", keyFile, "-state", filepath.Join(t.TempDir(), "state"), "-log", is.VKey},
			env{out: write, err: &failed, rand: rand.Reader})
		write.Close()
	}()
	url := ""
	lines := bufio.NewScanner(read)
	for url == "" && lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "on    "); ok {
			url = at
		}
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	if url == "" {
		t.Fatal(<-done, failed.String())
	}
	size := int64(len(is.Entries))
	resp, err := http.Post(url, "text/plain", bytes.NewReader(witness.MarshalRequest(0, nil, is.Checkpoints[size])))
	if err != nil {
		t.Fatal(err)
	}
	line, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "checkpoint"), append(bytes.Clone(is.Checkpoints[size]), line...), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, "audit", "-issuer", is.VKey, "-witness", vkey, dir)
	if code != 0 || !strings.Contains(out, "witnesses   witness.example/w1 at 20") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	stop()
	if code := <-done; code != 0 {
		t.Errorf("exit %d: %s", code, failed.String())
	}
	for name, args := range map[string][]string{
		"no log":    {"-key", keyFile, "-state", t.TempDir()},
		"no key":    {"-log", is.VKey, "-state", t.TempDir()},
		"wrong key": {"-log", is.VKey, "-state", t.TempDir(), "-key", filepath.Join(dir, "checkpoint")},
	} {
		if code, _, _ := call(t, append([]string{"witness", "-addr", "127.0.0.1:0"}, args...)...); code != 2 {
			t.Errorf("%s: exit %d", name, code)
		}
	}
}
