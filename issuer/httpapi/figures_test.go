package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"crypto/rand"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// The environment of a server process of the bench.
const (
	tilesEnv = "PERHUMAN_TILES_DIR"  // holds issuer.db and the folder files
	kindEnv  = "PERHUMAN_TILES_KIND" // "issuer" or "files"
)

func TestMain(m *testing.M) {
	if os.Getenv(kindEnv) != "" {
		os.Args = []string{os.Args[0], "-test.run=^TestTileServer$", "-test.timeout=600s"}
	}
	os.Exit(m.Run())
}

// TestTileServer is empty unless this process is a server of the bench. It
// serves until its standard input ends; /cpu says what processor time it took.
func TestTileServer(t *testing.T) {
	dir := os.Getenv(tilesEnv)
	var h http.Handler
	switch os.Getenv(kindEnv) {
	case "files":
		h = http.FileServer(http.Dir(filepath.Join(dir, "files")))
	case "issuer":
		store, err := sqlite.Open(filepath.Join(dir, "issuer.db"))
		if err != nil {
			t.Fatal(err)
		}
		w := testkit.NewWorld(t, 1)
		i, err := issuer.New(t.Context(), w.Config(store, w.Matcher()))
		if err != nil {
			t.Fatal(err)
		}
		h = New(i, Options{Rand: rand.Reader})
	default:
		return // only a server has work here
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // #nosec G112 -- one client, ours
		if r.URL.Path != "/cpu" {
			h.ServeHTTP(w, r)
			return
		}
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		_, _ = io.WriteString(w, strconv.FormatInt(u.Utime.Nano()+u.Stime.Nano(), 10))
	})}
	go func() { _ = server.Serve(l) }()
	fmt.Println("ADDR", l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// tileServer is such a process and one connection to it.
type tileServer struct {
	conn net.Conn
	r    *bufio.Reader
}

func startTileServer(t *testing.T, kind, dir string) *tileServer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), tilesEnv+"="+dir, kindEnv+"="+kind, "GOMAXPROCS=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "ADDR "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			return &tileServer{conn, bufio.NewReaderSize(conn, 1<<16)}
		}
	}
	t.Fatalf("%s: no server", kind)
	return nil
}

func (s *tileServer) get(t *testing.T, path string) []byte {
	t.Helper()
	if _, err := fmt.Fprintf(s.conn, "GET /%s HTTP/1.1\r\nHost: issuer.test\r\nUser-Agent: bench\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(s.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(path, r.StatusCode, err)
	}
	return b
}

func (s *tileServer) cpu(t *testing.T) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(string(s.get(t, "cpu")), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n / 1e9
}

// Tiles of a set and log of 2,560 members, all kinds in turn, over one
// connection: requests per processor second of a server process, over those of a
// plain file server with the same bytes. 21 rounds, taking turns.
func TestBenchTiles(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("PERHUMAN_BENCH=1 measures")
	}
	dir := t.TempDir()
	store, err := sqlite.Open(filepath.Join(dir, "issuer.db"))
	if err != nil {
		t.Fatal(err)
	}
	w := testkit.NewWorld(t, 1)
	i, err := issuer.New(t.Context(), w.Config(store, w.Matcher()))
	if err != nil {
		t.Fatal(err)
	}
	const people = 2560
	reqs := make([]api.EnrolmentRequest, people)
	for n := range reqs {
		reqs[n] = w.Start(t, i, testkit.NewPerson(uint64(n)))
	}
	if _, err := i.EnrolMany(t.Context(), reqs); err != nil {
		t.Fatal(err)
	}
	var paths []string
	h := New(i, Options{Rand: rand.Reader})
	for n := range uint64(people / setlog.TileWidth) {
		paths = append(paths, fmt.Sprintf("tile/0/%03d", n), fmt.Sprintf("tile/entries/%03d", n), setlog.SetTilePath(2, 0, n))
	}
	for _, p := range paths {
		out := (&site{h: h}).ask("GET", "/"+p, "")
		name := filepath.Join(dir, "files", p)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil || out.Code != http.StatusOK {
			t.Fatal(p, out.Code, err)
		}
		if err := os.WriteFile(name, out.Body.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	ours, files := startTileServer(t, "issuer", dir), startTileServer(t, "files", dir)
	const each = 900
	measure := func(s *tileServer) float64 {
		t.Helper()
		before := s.cpu(t)
		for n := range each {
			s.get(t, paths[n%len(paths)])
		}
		return (s.cpu(t) - before) / each
	}
	for n, p := range paths { // and warms both
		if !slices.Equal(ours.get(t, p), files.get(t, p)) {
			t.Fatal("path", n, p, "differs")
		}
	}
	var ratio, us []float64
	for range 21 {
		a, b := measure(ours), measure(files)
		ratio, us = append(ratio, b/a), append(us, 1e6*a)
	}
	slices.Sort(ratio)
	slices.Sort(us)
	fmt.Printf("BENCH tiles_vs_fileserver %.2f ratio\n", ratio[len(ratio)/2])
	fmt.Printf("BENCH tile_cpu_us %.0f us\n", us[len(us)/2])
}
