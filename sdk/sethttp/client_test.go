package sethttp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

func TestAddresses(t *testing.T) {
	for _, c := range []struct{ name, at, want string }{
		{"issuer.example", "", "https://issuer.example"},
		{"issuer.example/people", "", "https://issuer.example/people"},
		{"issuer.localhost", "", "http://issuer.localhost"},
		{"issuer.localhost:8080/x", "", "http://issuer.localhost:8080/x"},
		{"issuer.example", "https://mirror.example/set/", "https://mirror.example/set"},
		{"issuer.example", "http://issuer.localhost:8080", "http://issuer.localhost:8080"},
		{"issuer.example", "http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"issuer.example", "http://[::1]:8080", "http://[::1]:8080"},
	} {
		if got, err := baseURL(c.name, c.at); err != nil || got != c.want {
			t.Errorf("%q at %q: %q, %v", c.name, c.at, got, err)
		}
	}
	for _, at := range []string{
		"http://issuer.example", "http://localhost.example", "http://xlocalhost", "ftp://issuer.example", "issuer.example", "//issuer.example", "https://",
		"https://user:pw@issuer.example", "https://issuer.example?x=1", "https://issuer.example?", "https://issuer.example#x", "https://issuer.example#",
		"https://issuer.example/a//b", "https://issuer.example/a/../b", "https://issuer.example/%2e%2e/b", "https://issuer.example/a%2fb", "http://10.0.0.1", "https://a b",
	} {
		if got, err := baseURL("issuer.example", at); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %q, %v", at, got, err)
		}
	}
	if _, err := New(Config{VKey: "junk"}); !errors.Is(err, setlog.ErrKey) {
		t.Error(err)
	}
}

// TestLocalhostNames: *.localhost is dialled at 127.0.0.1, with its own Host.
func TestLocalhostNames(t *testing.T) {
	var host string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { host = r.Host }))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(srv.URL, "http://"))
	c, err := NewClient("issuer.localhost:"+port, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.File(t.Context(), "checkpoint"); err != nil || host != "issuer.localhost:"+port {
		t.Error(host, err)
	}
}

func TestClientFiles(t *testing.T) {
	s := serve(t)
	c, err := NewClient(s.is.Name, s.http.URL, s.http.Client())
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	head, err := c.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	h, err := setlog.OpenHead(head, s.is.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := c.Leaves(ctx, h.Seq)
	if err != nil {
		t.Fatal(err)
	}
	if leaves, err := setlog.ParseLeaves(raw); err != nil || len(leaves) != 3 {
		t.Error(err)
	}
	path, err := setlog.SetPath(h.Root, h.Size, 1, func(level int, n uint64) ([]byte, error) { return c.SetTile(ctx, h.Seq, level, n) })
	if err != nil || path.Verify() != nil {
		t.Error(err)
	}
	if b, err := c.Tile(ctx, tlog.Tile{H: 8, L: 0, N: 0, W: 3}); err != nil || len(b) != 96 {
		t.Error(err)
	}
	if b, err := c.Tile(ctx, tlog.Tile{H: 8, L: setlog.EntriesLevel, N: 0, W: 3}); err != nil || len(b) != 3*144 {
		t.Error(err)
	}
	var status *StatusError
	if _, err := c.Leaves(ctx, 99); !errors.As(err, &status) || status.Status != 404 {
		t.Error(err)
	}
	s.codes["set/98"] = http.StatusGone
	if _, err := c.Leaves(ctx, 98); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
}

// TestClientBounds: redirects, huge, slow and broken answers.
func TestClientBounds(t *testing.T) {
	elsewhere := 0
	mux := http.NewServeMux()
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) { elsewhere++ })
	mux.HandleFunc("/huge", func(w http.ResponseWriter, r *http.Request) { io.CopyN(w, zeros{}, maxTile+1) })
	mux.HandleFunc("/most", func(w http.ResponseWriter, r *http.Request) { io.CopyN(w, zeros{}, maxTile) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, zeros{}) })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("x"))
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	c, err := NewClient("issuer.example", srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	var status *StatusError
	if _, err := c.File(t.Context(), "redirect"); !errors.As(err, &status) || status.Status != 302 || elsewhere != 0 {
		t.Error("redirect followed:", err)
	}
	for _, p := range []string{"huge", "endless"} {
		if _, err := c.File(t.Context(), p); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", p, err)
		}
	}
	if b, err := c.File(t.Context(), "most"); err != nil || len(b) != maxTile {
		t.Error(err)
	}
	if _, err := c.File(t.Context(), "cut"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("cut:", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := c.File(ctx, "slow"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("slow:", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestFileState(t *testing.T) {
	dir := t.TempDir()
	st := FileState(filepath.Join(dir, "s"))
	if b, err := st.Load(); b != nil || err != nil {
		t.Error(b, err)
	}
	for _, want := range []string{"one", "the second", ""} {
		if err := st.Save([]byte(want)); err != nil {
			t.Fatal(err)
		}
		if b, err := st.Load(); string(b) != want || b == nil || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "s"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Error("temporary files left", names)
	}
	if err := FileState(filepath.Join(dir, "missing", "s")).Save(nil); err == nil {
		t.Error("saved nowhere")
	}
	if _, err := FileState(dir).Load(); err == nil {
		t.Error("read a folder")
	}
}
