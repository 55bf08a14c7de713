package main

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/sdk/wallet/internal/testset"
	"github.com/perhuman/perhuman/sdk/wallet/wasm/internal/slim"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/scope"
)

const (
	rp     = "agora.example"
	origin = "https://agora.example"
)

// TestEngineUnderNode runs the whole browser side but the browser: engine.js
// and worker.js in worker threads, both programs, against this process.
func TestEngineUnderNode(t *testing.T) {
	if out, err := underNode(t, "--test", "--test-force-exit", "--test-reporter=tap", "testdata/engine.test.mjs"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestBenchWasmProve times proofs in wasm, on one, two and four workers.
func TestBenchWasmProve(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") == "" {
		t.Skip("a bench: PERHUMAN_BENCH=1 runs it")
	}
	out, err := underNode(t, "testdata/bench.mjs")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	fmt.Print(out)
}

// underNode starts the servers and runs a script against them.
func underNode(t *testing.T, args ...string) (string, error) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	web, err := filepath.Abs("../../web")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(web, "node_modules", "@semaphore-protocol", "proof")); err != nil {
		missing(t, "the official packages are not in sdk/web/node_modules")
	}
	dir := assemble(t, web)
	h := httptest.NewServer(newServer(t, dir))
	defer h.Close()
	cmd := exec.CommandContext(t.Context(), node, args...)
	cmd.Env = append(os.Environ(), "PERHUMAN_TEST_URL="+h.URL, "PERHUMAN_TEST_ENGINE="+filepath.Join(dir, "engine.js"), "PERHUMAN_TEST_MODULES="+web+"/")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what + ", which is an error under CI=true")
	}
	t.Skip(what)
}

// build makes one of the two programs as make wasm does.
func build(t *testing.T, pkg, to string) {
	t.Helper()
	args := []string{"build", "-trimpath", "-ldflags", "-s -w"}
	for _, p := range rare(t) {
		args = append(args, "-gcflags="+p+"=-l")
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "-o", to, pkg)...)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(to)
	if err == nil {
		b, err = slim.Wasm(b)
	}
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rare reads which packages the pages' build compiles without inlining.
func rare(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("../../web/build.mjs")
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(source), "const rare = [")
	list, _, closed := strings.Cut(list, "]")
	if !found || !closed {
		t.Fatal("build.mjs has no list of rare packages")
	}
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		names = append(names, strings.Trim(name, " '"))
	}
	return names
}

// assemble lays the files out as they are served.
func assemble(t *testing.T, web string) string {
	t.Helper()
	dir := t.TempDir()
	copyFile := func(to, from string) {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "dist"), 0o700); err != nil {
		t.Fatal(err)
	}
	copyFile("engine.js", filepath.Join(web, "engine.js"))
	for _, name := range []string{"calls.js", "worker.js", "helper.js", "helpers.js"} {
		copyFile(name, filepath.Join(web, name))
	}
	copyFile("dist/wasm_exec.js", filepath.Join(goroot(t), "lib", "wasm", "wasm_exec.js"))
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	build(t, ".", filepath.Join(dir, "dist", "wallet.wasm"))
	build(t, "./check", filepath.Join(dir, "dist", "check.wasm"))
	return dir
}

// TestBenchWasmSize holds what a browser downloads, and what the programs are made of.
func TestBenchWasmSize(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, pkg string
		max       int // bytes after gzip -9
	}{{"wasm_gzip_bytes", ".", 1_300_000}, {"wasm_check_gzip_bytes", "./check", 1_340_000}} {
		file := filepath.Join(dir, "program.wasm")
		build(t, c.pkg, file)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var z bytes.Buffer
		w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		size := z.Len()
		if gz, err := exec.LookPath("gzip"); err == nil { // the tool packs a little tighter than the package
			cmd := exec.CommandContext(t.Context(), gz, "-9", "-c", file)
			if out, err := cmd.Output(); err == nil {
				size = len(out)
			}
		}
		fmt.Printf("BENCH %s %d bytes\n", c.name, size)
		if size > c.max {
			t.Errorf("%s: %d bytes, at most %d", c.pkg, size, c.max)
		}
	}
}

// TestDependencies: what a page must not load. Each of these costs 0.2 to
// 1.8 MB, or speaks to the network behind the worker's back.
func TestDependencies(t *testing.T) {
	never := []string{"net", "net/http", "crypto/tls", "crypto/x509", "github.com/consensys/gnark/", "github.com/iden3/", "database/sql",
		"github.com/gin-gonic/", "text/template", "regexp", "github.com/perhuman/perhuman/issuer", "github.com/perhuman/perhuman/verifier"}
	for _, pkg := range []string{".", "./check", "..", "../../post", "../../../semaphore/prove", "../../../semaphore/setlog", "../../../issuer/biometric/share"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg)
		cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", pkg, err)
		}
		for dep := range strings.Lines(string(out)) {
			dep = strings.TrimSpace(dep)
			for _, n := range never {
				if dep == n || strings.HasSuffix(n, "/") && strings.HasPrefix(dep, n) || strings.HasPrefix(dep, n+"/") && strings.Contains(n, "perhuman") && !strings.HasPrefix(dep, n+"/biometric") {
					t.Errorf("%s reaches %s", pkg, dep)
				}
			}
		}
	}
}

// server is an issuer's public files, the programs, and a relying party.
type server struct {
	t         *testing.T
	dir       string
	set, fork *testset.Set
	second    *testset.Set // of another issuer, who has enrolled the same person
	sign      ed25519.PrivateKey
	pub       ed25519.PublicKey
	files     http.Handler
	verifier  *semaphore.Verifier
}

func newServer(t *testing.T, dir string) *server {
	t.Helper()
	pub, sign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v, err := semaphore.NewVerifier()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: dir, sign: sign, pub: pub, verifier: v, files: http.FileServer(http.Dir(dir))}
	s.set, s.fork = testset.New(t, "issuer.example/people"), testset.New(t, "issuer.example/people")
	s.second = testset.New(t, "second.example/people")
	now := time.Now().Add(-20 * time.Second)
	s.second.Anchor(now, testset.Crowd(280))
	s.set.Anchor(now, testset.Crowd(300))
	s.fork.Anchor(now, testset.Crowd(301)[1:])
	s.fork.Anchor(time.Now(), testset.Crowd(1))
	s.fork.Anchor(time.Now(), testset.Crowd(302)[301:])
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/dist/"):
		s.files.ServeHTTP(w, r)
	case path == "/semaphore-20.zkey":
		_, _ = w.Write(depth20.ZKey())
	case path == "/wrong.zkey":
		b := depth20.ZKey()
		b[len(b)-1] ^= 1
		_, _ = w.Write(b)
	case strings.HasPrefix(path, "/slow/"):
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
		http.Error(w, "too slow", http.StatusGatewayTimeout)
	case strings.HasPrefix(path, "/fork/"):
		http.StripPrefix("/fork", s.fork).ServeHTTP(w, r)
	case strings.HasPrefix(path, "/second/"):
		http.StripPrefix("/second", s.second).ServeHTTP(w, r)
	case strings.HasPrefix(path, "/test/"):
		out, err := s.act(strings.TrimPrefix(path, "/test/"), r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(out)
	default:
		s.set.ServeHTTP(w, r)
	}
}

// act is what the test page asks of the outside world.
func (s *server) act(what string, r *http.Request) (any, error) {
	var in struct {
		Commitment, Text, Response, Signature, Salt, Nonce string
		PublicKey                                          [2]string `json:"public_key"`
		Slot                                               uint32
		Late                                               bool
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&in); err != nil {
		return nil, err
	}
	switch what {
	case "world":
		return map[string]any{"origin": origin, "rp": rp, "rp_key": scope.EncodeToken(s.pub), "vkey": s.set.VKey(), "second": s.second.VKey(), "name": "issuer.example/people"}, nil
	case "reads":
		return map[string]any{"reads": append([]string{}, s.set.Reads()...)}, nil
	case "enrol":
		c, err := semaphore.ParseElement(in.Commitment)
		if err == nil {
			s.set.Anchor(time.Now(), []semaphore.Element{c})
			s.second.Anchor(time.Now(), []semaphore.Element{c})
		}
		return map[string]any{}, err
	case "possession":
		return map[string]any{}, checkPossession(in.PublicKey, in.Nonce, in.Signature)
	case "challenge":
		digest, err := s.post(in.Text).Digest()
		if err != nil {
			return nil, err
		}
		now := time.Now()
		if in.Late {
			now = now.Add(-time.Hour)
		}
		c, err := scope.NewChallenge(rand.Reader, scope.ChallengeParams{RP: rp, Action: "post", Origin: origin, Session: "s", Content: digest, Now: now})
		return map[string]any{"challenge": scope.EncodeToken(c.Sign(s.sign)), "content_digest": scope.EncodeToken(digest[:])}, err
	case "accept":
		return s.accept(in.Response, in.Text, in.Slot)
	}
	return nil, fmt.Errorf("no such act: %s", what)
}

func (s *server) post(text string) scope.Post {
	return scope.Post{RP: rp, Author: "ann", Created: 1_800_000_000, Text: text}
}

func checkPossession(key [2]string, nonce, signature string) error {
	x, err := semaphore.ParseElement(key[0])
	if err != nil {
		return err
	}
	y, err := semaphore.ParseElement(key[1])
	if err != nil {
		return err
	}
	n, err := scope.DecodeToken(nonce)
	if err != nil {
		return err
	}
	raw, err := scope.DecodeToken(signature)
	if err != nil {
		return err
	}
	sig, err := semaphore.ParseSignature(raw)
	if err != nil {
		return err
	}
	pub := semaphore.PublicKey{X: x, Y: y}
	return pub.Verify(scope.EnrolMessage([32]byte(n), "issuer.example/people", pub.Commitment()), sig)
}

// accept does what a relying party does with a response, and makes a bundle.
func (s *server) accept(response, text string, slot uint32) (any, error) {
	packed, token, _ := strings.Cut(response, ".")
	p, err := semaphore.ParsePacked(packed)
	if err != nil {
		return nil, err
	}
	if err := s.verifier.Verify(p); err != nil {
		return nil, err
	}
	raw, err := scope.DecodeToken(token)
	if err != nil {
		return nil, err
	}
	if _, err := scope.OpenChallenge(raw, []ed25519.PublicKey{s.pub}); err != nil {
		return nil, err
	}
	is := s.set.Issuer()
	rootProof := is.Proof(len(is.Entries) - 1)
	receipt := post.SignReceipt(p, rootProof.Entry.Seq, uint64(time.Now().Unix()), s.sign)
	b, err := post.New(post.Params{
		Post: s.post(text), Action: "post", Period: scope.PerDay(5).Period(time.Now()), Slot: slot,
		Proof: p, Challenge: raw, RootProof: rootProof, Receipt: &receipt,
	})
	return map[string]any{"proof": p, "bundle": b}, err
}

// goroot asks the tool chain where it lives.
func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
