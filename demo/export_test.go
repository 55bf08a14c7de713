package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// TestExportIsTheSet reads the set as a JavaScript wallet would, over HTTP,
// and compares it with the root that the issuer signed.
func TestExportIsTheSet(t *testing.T) {
	const people = 5
	cfg := config{dir: filepath.Join(t.TempDir(), "var"), crowd: people}
	var err error
	if cfg.port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	s := &story{cfg: cfg, out: io.Discard}
	if err := s.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()

	get := func() (int, []byte) {
		r, err := http.NewRequest(http.MethodGet, s.cfg.url("127.0.0.1")+"/demo/export", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = hostPort(issuerHost, cfg.port)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b
	}
	var levels [][]string
	var body []byte
	for end := time.Now().Add(30 * time.Second); len(levels) == 0 || len(levels[0]) < people; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the set stays at %s", body)
		}
		status, b := get()
		if status != http.StatusOK {
			continue
		}
		levels, body = nil, b
		if err := json.Unmarshal(b, &levels); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
	set, err := semaphore.ParseGroup(body)
	if err != nil {
		t.Fatal(err)
	}
	served, err := s.world.issuer.Head()
	if err != nil {
		t.Fatal(err)
	}
	key, err := setlog.ParseVKey(s.world.issuer.VKey())
	if err != nil {
		t.Fatal(err)
	}
	head, err := setlog.OpenHead(served.Note, key)
	if err != nil {
		t.Fatal(err)
	}
	if set.Root() != head.Root || set.Size() != people || head.Live != people {
		t.Errorf("root %s of %d leaves; the issuer signed %s", set.Root(), set.Size(), head.Root)
	}
	for n, id := range s.world.crowd {
		if set.IndexOf(id.Commitment()) < 0 {
			t.Errorf("crowd member %d is not in the export", n)
		}
	}
	if len(levels[len(levels)-1]) != 1 || levels[len(levels)-1][0] != head.Root.String() {
		t.Errorf("the last level is %q", levels[len(levels)-1])
	}
}
