package main

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// auditedLog is a log of three days, its policy, and a second log under the
// same key that parts from it at the end.
func auditedLog(t *testing.T) (is, twin *setlogtest.Issuer, policy []byte, now uint64) {
	t.Helper()
	now = uint64(time.Now().Unix()) - 3*86400
	is = setlogtest.New(t, "issuer.example/people")
	policy, err := json.Marshal(api.IssuerInfo{Name: is.Name, VKey: is.VKey})
	if err != nil {
		t.Fatal(err)
	}
	for day := range 3 {
		var labels []string
		for i := range 300 {
			labels = append(labels, string(rune('a'+day))+string(rune('0'+i)))
		}
		is.Anchor(now, labels)
		now += 86400
	}
	is.Window = append([]setlog.WindowRoot{{Seq: is.Seq, Root: is.Group.Root(), Superseded: now}}, is.Window...)
	is.Seq++
	is.Publish(now, []setlog.Entry{{Op: setlog.OpPolicy, Document: sha256.Sum256(policy)}})
	twin = is.Fork()
	twin.Anchor(now, []string{"told to others"})
	is.Anchor(now, []string{"told to the auditor"}, 7)
	return is, twin, policy, now
}

// archive writes a log as it is served into a folder.
func archive(t *testing.T, is *setlogtest.Issuer, policy []byte, now uint64) string {
	t.Helper()
	dir := t.TempDir()
	size := int64(len(is.Entries))
	files := map[string][]byte{"checkpoint": is.Checkpoints[size], "head": is.Head(now), sethttp.InfoPath: policy}
	var all []byte
	for n := int64(0); n*setlog.TileWidth < size; n++ {
		part := is.Entries[n*setlog.TileWidth : min((n+1)*setlog.TileWidth, size)]
		b, err := setlog.EntryBundle(part)
		if err != nil {
			t.Fatal(err)
		}
		tile, err := setlog.ParseTilePath("tile/entries/000")
		if err != nil {
			t.Fatal(err)
		}
		tile.N, tile.W = n, len(part)
		files[setlog.TilePath(tile)] = b
		all = append(all, b...)
	}
	files["all"] = all
	for path, b := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAudit(t *testing.T) {
	is, twin, policy, now := auditedLog(t)
	dir := archive(t, is, policy, now)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	seen := write(t, dir, "seen", is.Checkpoints[600])
	for name, args := range map[string][]string{
		"http":   {server.URL},
		"folder": {dir},
		"file":   {"-checkpoint", filepath.Join(dir, "checkpoint"), filepath.Join(dir, "all")},
		"seen":   {"-seen", seen, dir},
	} {
		code, out, errs := call(t, append([]string{"audit", "-issuer", is.VKey}, args...)...)
		if code != 0 || !strings.Contains(out, "NO LIE FOUND") || !strings.Contains(out, "903 entries in 5 batches") || !strings.Contains(out, "900 now; 901 enrolled, 1 removed") {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, errs)
		}
	}

	proof := filepath.Join(dir, "proof")
	forked := write(t, dir, "forked", twin.Checkpoints[int64(len(twin.Entries))])
	code, out, _ := call(t, "audit", "-issuer", is.VKey, "-seen", forked, "-evidence", proof, dir)
	if code != 1 || !strings.Contains(out, "LIE  fork") {
		t.Errorf("fork: exit %d\n%s", code, out)
	}
	text, err := os.ReadFile(proof)
	if err != nil {
		t.Fatal(err)
	}
	if fork, err := setlog.ParseFork(text); err != nil || fork.Verify(is.Verifier) != nil {
		t.Error("the evidence does not stand by itself:", err)
	}
	if code, out, errs := call(t, "audit", "-issuer", is.VKey, "-fork", proof); code != 1 || !strings.Contains(out, "LIE  fork") {
		t.Errorf("evidence: exit %d\n%s%s", code, out, errs)
	}
	if code, out, errs := call(t, "audit", "-issuer", setlogtest.New(t, "other.example/people").VKey, "-fork", proof); code != 2 || out != "" || !strings.Contains(errs, "does not show") {
		t.Errorf("evidence against another key: exit %d\n%s%s", code, out, errs)
	}
	if code, out, _ = call(t, "audit", "-issuer", is.VKey, "-seen", forked, dir); code != 1 || !strings.Contains(out, "perhuman/fork/1\n") {
		t.Errorf("fork: exit %d\n%s", code, out)
	}

	witness := setlogtest.New(t, "witness.example")
	for lie, plan := range map[string]func() []string{
		"tree": func() []string {
			path := filepath.Join(dir, "tile/entries/001")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[100] ^= 1
			return []string{archiveWith(t, dir, "tile/entries/001", b)}
		},
		"policy":    func() []string { return []string{archiveWith(t, dir, sethttp.InfoPath, []byte("{}"))} },
		"head":      func() []string { return []string{archiveWith(t, dir, "head", is.Head(now)[:1000])} },
		"witnesses": func() []string { return []string{"-witness", witness.VKey, dir} },
	} {
		code, out, errs := call(t, append([]string{"audit", "-issuer", is.VKey}, plan()...)...)
		if code != 1 || !strings.Contains(out, "LIE  "+lie+"\n") {
			t.Errorf("%s: exit %d\n%s%s", lie, code, out, errs)
		}
	}
	for name, args := range map[string][]string{
		"no key":      {dir},
		"no such":     {"-issuer", is.VKey, filepath.Join(dir, "nowhere")},
		"unsigned":    {"-issuer", is.VKey, filepath.Join(dir, "all")},
		"nobody home": {"-issuer", is.VKey, "http://127.0.0.1:1"},
		"file short":  {"-issuer", is.VKey, "-checkpoint", filepath.Join(dir, "checkpoint"), seen},
	} {
		if code, out, errs := call(t, append([]string{"audit"}, args...)...); code != 2 {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, errs)
		}
	}
}

// archiveWith copies an archive and replaces one file.
func archiveWith(t *testing.T, dir, path string, b []byte) string {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, path), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}
