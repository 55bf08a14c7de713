package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier/sqlite"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

// The service says that it is not ready until it has heard from the issuer, and
// keeps what it heard in its database.
func TestVerifierFollowsTheIssuer(t *testing.T) {
	dir := t.TempDir()
	log := verifiertest.One().NewLog(t, "issuer.localhost/people", time.Now())
	log.Publish(t, time.Now())
	log.Down(true)
	srv := httptest.NewServer(log)
	defer srv.Close()
	key := filepath.Join(dir, "key")
	if code, _, errs := call(t, "verifier", "keygen", key); code != 0 {
		t.Fatal(errs)
	}
	ctx, stop := context.WithCancel(t.Context())
	out, to := io.Pipe()
	var errs bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"verifier", "-rp", "forum.example", "-issuer", log.VKey, "-at", srv.URL, "-key", key,
			"-db", filepath.Join(dir, "db"), "-addr", "127.0.0.1:0", "-bound", "2", "-action", "post=5/day"},
			env{out: to, err: &errs, rand: rand.Reader})
		_ = to.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		t.Fatalf("it did not start: %v, exit %d, %s", err, <-ended, errs.String())
	}
	url := strings.TrimSpace(line[strings.LastIndex(line, "http://"):])
	ready := func() int {
		resp, err := http.Get(url + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if status := ready(); status != http.StatusServiceUnavailable {
		t.Errorf("ready before it heard from the issuer: %d", status)
	}
	log.Down(false)
	for end := time.Now().Add(30 * time.Second); ready() != http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never gets ready")
		}
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	store, err := sqlite.Open(filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if state, err := store.LoadState(t.Context(), log.VKey); err != nil || len(state) == 0 {
		t.Errorf("%d bytes of state, %v", len(state), err)
	}
}
