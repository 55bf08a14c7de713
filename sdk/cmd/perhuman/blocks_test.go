package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/humantest"
)

// The blocks of the manual run as they stand: shell lines in a shell, with this
// program built and put into the PATH, in a folder of their page's own, one
// after the other. What is not on this machine is put in its place: names under
// .example answer, over TLS, through a proxy that the environment names; keys
// that are cut short in the text ("AVo...") are real ones; folders of a server
// are folders of the test; services listen on a port that is free.

// block is one of a page.
type block struct {
	lang, text string
	line       int
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

func blocksOf(t *testing.T, page string) (out []block) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../..", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fence.FindAllSubmatchIndex(text, -1) {
		out = append(out, block{string(text[m[2]:m[3]]), string(text[m[4]:m[5]]), 1 + bytes.Count(text[:m[0]], []byte("\n"))})
	}
	return out
}

// world is where the blocks of a page run.
type world struct {
	t      *testing.T
	dir    string
	env    []string
	mu     sync.Mutex
	names  map[string]http.Handler // who answers for a host
	words  []string                // what stands in place of what, pairwise
	before []errand                // by the beginning of a line: what must be there first; may change the line
	other  map[string]func(text string)
	exits  map[string]int // by the beginning of a line, if not 0
	at     map[string]string
	up     map[string]*exec.Cmd
	out    string // what the line before said
}

type errand struct {
	begins string
	do     func(line string) string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	program, err := built.get()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir(), names: map[string]http.Handler{}, other: map[string]func(string){}, exits: map[string]int{}, at: map[string]string{}, up: map[string]*exec.Cmd{}}
	cert, ca := certificate(t)
	write(t, w.dir, "ca.pem", ca)
	behind := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		h := w.names[r.Host]
		w.mu.Unlock()
		if h == nil {
			http.Error(rw, "nobody is called "+r.Host, http.StatusBadGateway)
			return
		}
		h.ServeHTTP(rw, r)
	}))
	behind.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	behind.Config.ErrorLog = log.New(io.Discard, "", 0) // services that are stopped hang up
	behind.StartTLS()
	t.Cleanup(behind.Close)
	proxy := httptest.NewServer(tunnel(behind.Listener.Addr().String()))
	t.Cleanup(proxy.Close)
	w.env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"), "SSL_CERT_FILE="+filepath.Join(w.dir, "ca.pem"),
		"HTTPS_PROXY="+proxy.URL, "https_proxy="+proxy.URL, "NO_PROXY=127.0.0.1", "PERHUMAN_ADDR=127.0.0.1:0")
	w.words = []string{
		"/var/lib/perhuman/", w.dir + "/", "/var/lib/", w.dir + "/", "/run/secrets/", w.dir + "/keys/", "/etc/perhuman/", w.dir + "/", "/backups/", w.dir + "/backups/",
		"-admin 127.0.0.1:8082", "-admin 127.0.0.1:0", "-addr 127.0.0.1:8080", "-addr 127.0.0.1:0", "-health 127.0.0.1:8795", "-health 127.0.0.1:0",
	}
	if err := os.Mkdir(filepath.Join(w.dir, "backups"), 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

// certificate makes one for all names of the examples, signed by itself.
func certificate(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "examples"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"*.example", "*.north.example", "*.south.example"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range []string{"issuer", "forum", "verifier", "wallet", "witness.north", "witness.south"} {
		about.DNSNames = append(about.DNSNames, name+".example")
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// tunnel is a proxy that leads every CONNECT to one address.
func tunnel(to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
			return
		}
		there, err := net.Dial("tcp", to)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = there.Close()
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		pass := func(to io.WriteCloser, from io.Reader) { _, _ = io.Copy(to, from); _ = here.Close(); _ = there.Close() }
		go pass(there, buffered)
		go pass(here, there)
	})
}

// answers has a handler answer for a name; asked, for a service's address.
func (w *world) answers(name string, h http.Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[name] = h
}

// towards passes on to a service of this world, wherever it listens by then.
func (w *world) towards(service string) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			w.mu.Lock()
			to, err := url.Parse(w.at[service])
			w.mu.Unlock()
			if err == nil {
				r.SetURL(to)
				r.Out.Host = r.In.Host
			}
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
}

// kit has virtual people at issuer.example, on whose clock it is now.
func (w *world) kit() *humantest.Kit {
	w.t.Helper()
	k := humantest.New(w.t, humantest.Options{Issuer: "issuer.example/people", Start: time.Now(), Cache: w.t.TempDir()})
	public := &httputil.ReverseProxy{Transport: k.Config("forum.example").Client.Transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "https", Host: "issuer.example"})
		r.Out.Host = "issuer.example"
	}}
	w.answers("issuer.example", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if late := time.Since(k.Now()); late > 0 {
			k.Advance(late)
		}
		public.ServeHTTP(rw, r)
	}))
	w.pin(k.VKey())
	return k
}

// pin puts an issuer's key where the text cuts one short.
func (w *world) pin(vkey string) { w.replace("issuer.example/people+1a2b3c4d+AVo...", vkey) }

func (w *world) replace(pairs ...string) { w.words = append(pairs, w.words...) }

// first has something done before lines that begin so.
func (w *world) first(begins string, do func(line string) string) {
	w.before = append(w.before, errand{begins, do})
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// keep writes a file that only its owner can read.
func (w *world) keep(name, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// services are commands that go on, and what they say when they are ready.
var services = []struct {
	name  string
	begin *regexp.Regexp
	ready *regexp.Regexp
	admin *regexp.Regexp
}{
	{"verifier", regexp.MustCompile(`^perhuman verifier -`), regexp.MustCompile(`perhuman verifier for .* on (\S+)`), regexp.MustCompile(`operator's page on (\S+)`)},
	{"issuer", regexp.MustCompile(`^perhuman issuer serve`), regexp.MustCompile(`(?m)^  on +(\S+)`), regexp.MustCompile(`(?m)^  admin +(\S+)`)},
	{"witness", regexp.MustCompile(`^perhuman witness -`), regexp.MustCompile(`(?m)^  on +(\S+)/add-checkpoint`), nil},
	{"party", regexp.MustCompile(`^perhuman party serve`), regexp.MustCompile(`(?m)^  on +(\S+)`), regexp.MustCompile(`(?m)^  health +(\S+)`)},
	{"dev", regexp.MustCompile(`^perhuman dev`), regexp.MustCompile(`POST (\S+)/v1/challenges`), nil},
}

// sh runs the lines of a shell block.
func (w *world) sh(text string) {
	w.t.Helper()
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			w.line(line)
		}
	}
}

func (w *world) line(line string) {
	w.t.Helper()
	for _, s := range w.before {
		if strings.HasPrefix(line, s.begins) {
			line = s.do(line)
		}
	}
	want := 0
	for begins, status := range w.exits {
		if strings.HasPrefix(line, begins) {
			want = status
		}
	}
	line = strings.NewReplacer(w.words...).Replace(line)
	for _, s := range services {
		if s.begin.MatchString(line) {
			w.start(s.name, line, s.ready, s.admin)
			return
		}
	}
	if tool, _, _ := strings.Cut(line, " "); tool == "curl" || tool == "sqlite3" {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				w.t.Errorf("no %s here, which is an error under CI=true: %s", tool, line)
			}
			w.t.Logf("no %s here, so this did not run: %s", tool, line)
			return
		}
	}
	cmd := exec.CommandContext(w.t.Context(), "sh", "-c", line)
	cmd.Dir, cmd.Env = w.dir, w.env
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	w.out = string(out)
	if got := cmd.ProcessState.ExitCode(); got != want {
		w.t.Errorf("%s\nstatus %d, not %d: %v\n%s%s", line, got, want, err, out, errs.String())
	}
}

// start runs a service until the page ends, or until its like is started.
func (w *world) start(name, line string, ready, admin *regexp.Regexp) {
	w.t.Helper()
	w.stop(name)
	cmd := exec.CommandContext(context.Background(), "sh", "-c", "exec "+line)
	cmd.Dir, cmd.Env = w.dir, w.env
	var said tail
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.up[name] = cmd
	w.t.Cleanup(func() { w.stop(name) })
	look := func(what *regexp.Regexp) string {
		for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			if m := what.FindStringSubmatch(said.String()); m != nil {
				return m[1]
			}
			if time.Now().After(end) || cmd.Process.Signal(syscall.Signal(0)) != nil || said.ended(cmd) {
				w.t.Fatalf("%s\ndid not start:\n%s", line, said.String())
			}
		}
	}
	on := look(ready)
	operator := ""
	if admin != nil && (strings.Contains(line, " -admin ") || strings.Contains(line, " -health ") || strings.Contains(line, "-config issuer.conf")) {
		operator = look(admin)
	}
	w.mu.Lock()
	w.at[name], w.at[name+" admin"] = on, operator
	w.mu.Unlock()
}

// stop ends a service as an operator does, and wants it to end well.
func (w *world) stop(name string) {
	w.t.Helper()
	cmd := w.up[name]
	if cmd == nil {
		return
	}
	delete(w.up, name)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		w.t.Errorf("%v ended with %v:\n%s", cmd.Args, err, cmd.Stdout)
	}
}

// tail keeps what a process says.
type tail struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *tail) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *tail) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// ended tells whether the process is a zombie: it has gone, and nobody waited.
func (s *tail) ended(cmd *exec.Cmd) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

// ready waits until a service says that it can answer.
func (w *world) ready(name string) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if code, _, _ := call(w.t, "healthcheck", w.at[name]); code == 0 {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s never gets ready", name)
		}
	}
}

// TestBlocks runs every block of the README and of docs/*.md that is neither Go
// (docs/guides_test.go, docs/readme_test.go) nor HTML (guides.test.mjs).
func TestBlocks(t *testing.T) {
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, page := range append(pages, "../../../README.md") {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		var mine []block
		for _, b := range blocksOf(t, strings.TrimPrefix(page, "../../../")) {
			if b.lang != "go" && b.lang != "html" {
				mine = append(mine, b)
			}
		}
		if len(mine) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			build := scenes[name]
			if build == nil {
				t.Fatalf("%s has blocks, and no scene in which they run", name)
			}
			w := build(newWorld(t))
			for _, b := range mine {
				do := w.other[b.lang]
				if b.lang == "sh" {
					do = w.sh
				}
				if do == nil {
					t.Errorf("line %d: nothing here runs %q", b.line, b.lang)
					continue
				}
				do(b.text)
				ran++
			}
		})
	}
	if ran < 25 && !t.Failed() {
		t.Errorf("%d blocks were run", ran)
	}
}
