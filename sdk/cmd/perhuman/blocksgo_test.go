package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/agent"
	"github.com/perhuman/perhuman/sdk/humantest"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier/sqlite"
)

// Every Go program of the guides is built in a module of somebody else's, and
// run: people act through those that listen, the others come to their end, and
// the test of a guide passes beside its program.
func TestGuidesRun(t *testing.T) {
	w := newWorld(t)
	k := w.kit()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	gomod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	gosum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	_, requires, _ := strings.Cut(string(gomod), "\n")
	const module = "github.com/perhuman/perhuman"
	w.keep("app/go.mod", "module app.example/guides\n"+requires+"\nrequire "+module+" v0.0.0\nreplace "+module+" => "+root+"\n")
	w.keep("app/go.sum", string(gosum))
	pages, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]string{}
	var tested []string
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		for _, b := range blocksOf(t, "docs/"+name+".md") {
			if b.lang != "go" {
				continue
			}
			if strings.Contains(b.text, "\nfunc Test") {
				w.keep("app/"+name+"/main_test.go", b.text)
				tested = append(tested, name)
				continue
			}
			if ports[name] != "" {
				t.Fatalf("%s has two programs", name)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ports[name] = l.Addr().String()
			_ = l.Close()
			w.keep("app/"+name+"/main.go", strings.NewReplacer("issuer.example/people+1a2b3c4d+AVo...", k.VKey(), "127.0.0.1:8080", ports[name]).Replace(b.text))
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-mod=mod", "-o", w.dir+"/built/", "./...")
	build.Dir, build.Env = w.path("app"), append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	// visit starts a program that listens, and gives it as people meet it.
	visit := func(t *testing.T, name string) humantest.Site {
		t.Helper()
		to, err := url.Parse("http://" + ports[name])
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		cmd := exec.CommandContext(ctx, w.path("built/"+name))
		var said tail
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.TempDir(), w.env, &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stop(); _ = cmd.Wait() })
		for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			if c, err := net.Dial("tcp", to.Host); err == nil {
				_ = c.Close()
				break
			}
			if time.Now().After(end) || said.ended(cmd) {
				t.Fatalf("it does not listen: %s", said.String())
			}
		}
		k.Advance(time.Since(k.Now()))
		return humantest.Site{Origin: "https://forum.example", Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = "forum.example" }}}
	}
	post := func(t *testing.T, site humantest.Site, who string) {
		t.Helper()
		r := httptest.NewRequest("POST", "/posts", strings.NewReader("hello"))
		if res := k.Person(who).Send(site, r, "post"); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "welcome, number") {
			t.Errorf("%d %s", res.Code, res.Body)
		}
	}
	runs := map[string]func(t *testing.T){
		"integrate-go": func(t *testing.T) {
			site := visit(t, "integrate-go")
			site.Cookie = "sid=1"
			post(t, site, "ada")
		},
		"integrate-http": func(t *testing.T) {
			w.t = t
			w.sh("perhuman verifier keygen forum.key")
			w.line("perhuman verifier -rp forum.example -issuer '" + k.VKey() + "' -key forum.key -db remote.db -action post=5/day")
			w.answers("verifier.example", w.towards("verifier"))
			w.answers("forum.example", w.towards("verifier")) // as the Host of the site's keys, which it asks the verifier for
			w.ready("verifier")
			w.env = append(w.env, "PERHUMAN_KEY="+w.read("forum.key"))
			post(t, visit(t, "integrate-http"), "bao")
			w.stop("verifier")
		},
		"agents": func(t *testing.T) {
			site := visit(t, "agents")
			public, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			_, revocation, err := agent.Revocation(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			grant := scope.Grant{RP: "forum.example", Agent: [32]byte(public), Name: "helper", Can: []string{"comment"}, Budget: 2, Expires: uint64(time.Now().Add(time.Hour).Unix()), Revocation: revocation}
			id, err := grant.Digest()
			if err != nil {
				t.Fatal(err)
			}
			body, err := agent.Encode(grant)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("POST", "/agents", bytes.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			if res := k.Person("cem").Send(site, r, "delegate", id); res.Code/100 != 2 {
				t.Fatalf("%d %s", res.Code, res.Body)
			}
			r = httptest.NewRequest("POST", "https://forum.example/comments", strings.NewReader("hello"))
			if err := agent.Sign(r, []byte("hello"), id, key, time.Now(), rand.Reader); err != nil {
				t.Fatal(err)
			}
			res := httptest.NewRecorder()
			if site.Handler.ServeHTTP(res, r); res.Code != http.StatusOK {
				t.Errorf("%d %s", res.Code, res.Body)
			}
		},
		"operations": func(t *testing.T) {
			ends(t, w, "operations")
			store, err := sqlite.Open(w.path("humans.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			keys, err := store.Keys(t.Context(), "live", "forum.example", nil)
			if err != nil || len(keys) != 1 {
				t.Errorf("%d keys, %v", len(keys), err)
			}
		},
		"polls": func(t *testing.T) { ends(t, w, "polls") },
	}
	for _, name := range tested {
		cmd := exec.CommandContext(t.Context(), "go", "test", "-mod=mod", "-v", "./"+name)
		cmd.Dir, cmd.Env = w.path("app"), append(os.Environ(), "GOFLAGS=-buildvcs=false")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: Test") {
			t.Errorf("the test of %s: %v\n%s", name, err, out)
		}
	}
	for name := range ports {
		do := runs[name]
		if do == nil {
			t.Errorf("%s has a program that nobody runs", name)
			continue
		}
		t.Run(name, do)
	}
}

// ends runs a program that comes to its end.
func ends(t *testing.T, w *world, name string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.path("built/"+name))
	cmd.Dir, cmd.Env = w.dir, w.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
