package main

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/humantest/virtual"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/verifier/memory"
)

// people is an issuer on loopback with a crowd, and an app that trusts it.
type people struct {
	issuer *virtual.Issuer
	at     string // the issuer's address
}

func newPeople(t *testing.T, name string, crowd int) *people {
	t.Helper()
	issuer, err := virtual.New(name, rand.Reader, time.Now, crowd)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(issuer)
	t.Cleanup(srv.Close)
	return &people{issuer: issuer, at: srv.URL}
}

func (p *people) flag() string { return p.issuer.VKey() + "=" + p.at }

// app serves a guarded route on a name under .localhost, trusting these issuers.
func app(t *testing.T, all bool, trusted ...*people) string {
	t.Helper()
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	rp := "forum.localhost:" + port
	cfg := sdk.Config{RP: rp, Environment: "test", At: map[string]string{}, Store: memory.New()}
	for _, p := range trusted {
		cfg.At[p.issuer.Name()] = p.at
		if all {
			cfg.Require = append(cfg.Require, p.issuer.VKey())
		} else {
			cfg.Issuers = append(cfg.Issuers, p.issuer.VKey())
		}
	}
	gate, err := sdk.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gate.Close() })
	mux := http.NewServeMux()
	mux.Handle("POST /perhuman/challenge", gate.Challenges())
	mux.Handle("POST /posts", gate.Require("post", sdk.PerDay(2), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }))
	handler = mux
	return "http://" + rp
}

// hand gives a response to the app as its client would.
func hand(t *testing.T, site, response, body string) int {
	t.Helper()
	_, port, _ := strings.Cut(strings.TrimPrefix(site, "http://"), ":")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+port+"/posts", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = strings.TrimPrefix(site, "http://")
	req.Header.Set("Origin", site)
	req.Header.Set(sdk.ResponseHeader, strings.TrimSpace(response))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusCreated {
		t.Logf("%s %v", answer, err)
	}
	return resp.StatusCode
}

func commitmentOf(t *testing.T, out string) semaphore.Element {
	t.Helper()
	text := strings.TrimPrefix(strings.SplitN(out, "\n", 2)[0], "commitment ")
	c, err := semaphore.ParseElement(text)
	if err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return c
}

// The life of a wallet on the command line: made, enrolled, asked, answered,
// backed up, restored without forgetting what is used, exported, imported.
func TestWallet(t *testing.T) {
	dir := t.TempDir()
	phrase := write(t, dir, "phrase", []byte("a passphrase of a test\n"))
	other := write(t, dir, "other", []byte("another passphrase\n"))
	p := newPeople(t, "issuer.localhost/people", 256)
	site := app(t, false, p)
	do := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := call(t, append([]string{"wallet"}, args...)...)
		if code != want {
			t.Fatalf("wallet %v: status %d, want %d: %s%s", args, code, want, out, errs)
		}
		if strings.Contains(errs+out, "a passphrase of a test") {
			t.Errorf("wallet %v shows the passphrase", args)
		}
		return out
	}
	in := func(folder string) []string {
		return []string{"-dir", filepath.Join(dir, folder), "-passphrase-file", phrase}
	}
	with := func(name, folder string, more ...string) []string {
		return append(append([]string{name}, in(folder)...), more...)
	}
	out := do(0, with("new", "one", "-issuer", p.flag())...)
	do(2, with("new", "one", "-issuer", p.flag())...) // never written over
	if got := do(0, with("status", "one")...); !strings.Contains(got, "not a member; 25") {
		t.Error(got)
	}
	body := write(t, dir, "body", []byte("hello"))
	ask := func(folder string, more ...string) []string {
		return with("prove", folder, append([]string{"-origin", site, "-action", "post", "-content", body}, more...)...)
	}
	do(1, ask("one", "-yes")...) // not a member
	if _, _, errs := call(t, append([]string{"wallet"}, ask("one", "-yes")...)...); !strings.Contains(errs, "not_member: issuer.localhost/people\n  This issuer's set does not hold you") {
		t.Error(errs)
	}
	if err := p.issuer.Enrol(commitmentOf(t, out)); err != nil {
		t.Fatal(err)
	}
	if got := do(0, with("status", "one", "-json")...); !strings.Contains(got, `"member":true`) {
		t.Error(got)
	}
	if got := do(0, ask("one")...); got != "" {
		t.Errorf("proven without -yes: %q", got)
	}
	first := do(0, ask("one", "-yes")...)
	if status := hand(t, site, first, "other"); status == http.StatusCreated {
		t.Error("the proof is not bound to the body")
	}
	if status := hand(t, site, do(0, ask("one", "-yes")...), "hello"); status != http.StatusCreated {
		t.Errorf("status %d", status)
	}
	do(1, ask("one", "-yes")...) // both of today are used
	_, _, errs := call(t, append([]string{"wallet"}, ask("one", "-yes")...)...)
	if !strings.Contains(errs, "quota_exhausted") {
		t.Error(errs)
	}
	// A site's question for another site is refused, whoever vouches.
	_, challenge, _ := strings.Cut(strings.TrimSpace(first), ".")
	evil := with("prove", "two-faced", "-origin", "http://evil.localhost", "-action", "post", "-content", body, "-challenge", challenge, "-policy", "2/day", "-yes")
	do(0, with("import", "two-faced", "-issuer", p.flag(), "-identity", write(t, dir, "exported", []byte(do(0, with("export", "one")...))))...)
	if code, _, errs := call(t, append([]string{"wallet"}, evil...)...); code != 1 || !strings.Contains(errs, "challenge_wrong_rp") || !strings.Contains(errs, "\n  The question was made for another site") {
		t.Errorf("%d %s", code, errs)
	}
	if got := do(0, with("history", "one")...); strings.Count(got, "forum.localhost") != 2 {
		t.Error(got)
	}

	if got := do(0, with("status", "one")...); !strings.Contains(got, ", post: 0 left of 2 until ") || !strings.Contains(got, "history: 2;") {
		t.Error(got)
	}

	// Backups: the file brings the used slots and the history, paper the secret.
	file := filepath.Join(dir, "backup.json")
	do(0, with("backup", "one", "-out", file, "-out-passphrase-file", other)...)
	do(0, with("restore", "two", "-issuer", p.flag(), "-from", file, "-from-passphrase-file", other)...)
	do(2, with("restore", "x", "-issuer", p.flag(), "-from", file, "-from-passphrase-file", phrase)...)
	do(1, ask("two", "-yes")...)
	if got := do(0, with("history", "two")...); strings.Count(got, "forum.localhost") != 2 {
		t.Error(got)
	}
	if got := do(0, with("status", "two")...); !strings.Contains(got, ", post: 0 left of 2 until ") {
		t.Error(got)
	}
	do(0, with("history", "two", "-erase")...)
	if got := do(0, with("history", "two")...); got != "" {
		t.Error(got)
	}
	do(1, ask("two", "-yes")...) // erasing frees nothing
	for i, form := range []string{"-words", "-code"} {
		paper := write(t, dir, "on-paper"+form, []byte(do(0, with("backup", "one", form)...)))
		if got := do(0, with("restore", "paper"+form, "-issuer", p.flag(), "-paper", paper)...); got != out {
			t.Errorf("%d: %q, was %q", i, got, out)
		}
	}
	identity := write(t, dir, "identity", []byte(do(0, with("export", "one")...)))
	if got := do(0, with("import", "three", "-issuer", p.flag(), "-identity", identity)...); got != out {
		t.Errorf("%q, was %q", got, out)
	}

	// Nothing in the folder shows the secret, and others cannot read it.
	key, err := semaphore.ParseIdentity(strings.TrimSpace(do(0, with("export", "one")...)))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "one"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		path := filepath.Join(dir, "one", entry.Name())
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), string(key.Key())) || strings.Contains(string(raw), key.Export()) {
			t.Errorf("%s holds the secret", entry.Name())
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", entry.Name(), info.Mode(), err)
		}
	}
	if err := os.Chmod(phrase, 0o644); err != nil {
		t.Fatal(err)
	}
	do(2, with("status", "one")...)
}

// An app that wants two issuers to vouch gets two proofs in one response.
func TestWalletTwoIssuers(t *testing.T) {
	dir := t.TempDir()
	phrase := write(t, dir, "phrase", []byte("a passphrase of a test\n"))
	a, b := newPeople(t, "issuer.localhost/people", 256), newPeople(t, "second.localhost/people", 300)
	site := app(t, true, a, b)
	in := []string{"-dir", filepath.Join(dir, "w"), "-passphrase-file", phrase}
	code, out, errs := call(t, append([]string{"wallet", "new", "-issuer", a.flag(), "-issuer", b.flag()}, in...)...)
	if code != 0 {
		t.Fatal(errs)
	}
	for _, p := range []*people{a, b} {
		if err := p.issuer.Enrol(commitmentOf(t, out)); err != nil {
			t.Fatal(err)
		}
	}
	body := write(t, dir, "body", []byte("hello"))
	prove := append([]string{"wallet", "prove", "-origin", site, "-action", "post", "-content", body, "-yes"}, in...)
	if code, one, errs := call(t, append(prove, "-under", "second.localhost/people")...); code != 1 || one != "" || !strings.Contains(errs, "wants all of") {
		t.Errorf("one of two: %d %q %s", code, one, errs)
	}
	code, both, errs := call(t, prove...) // the site says that it wants all
	if code != 0 || strings.Count(both, ".") != 2 {
		t.Fatalf("%d %s", code, errs)
	}
	if status := hand(t, site, both, "hello"); status != http.StatusCreated {
		t.Errorf("both: status %d", status)
	}

	// Whom a site takes, it says: no slot is used for a proof that it would refuse.
	c := newPeople(t, "third.localhost/people", 256)
	for of, want := range map[string]string{app(t, false, c): "takes third.localhost/people, and this wallet follows none", app(t, true, a, c): "does not follow them all"} {
		code, out, errs := call(t, append([]string{"wallet", "prove", "-origin", of, "-action", "post", "-content", body, "-yes"}, in...)...)
		if code != 1 || out != "" || !strings.Contains(errs, "issuer_unknown") || !strings.Contains(errs, want) {
			t.Errorf("%s: %d %q %s", of, code, out, errs)
		}
	}
	if err := c.issuer.Enrol(commitmentOf(t, out)); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, append([]string{"wallet", "follow", "-issuer", c.flag()}, in...)...); code != 0 {
		t.Fatal(errs)
	}
	// Of three that the wallet follows, the one that the site takes vouches, and not the first.
	only := app(t, false, c)
	code, answer, errs := call(t, append([]string{"wallet", "prove", "-origin", only, "-action", "post", "-content", body, "-yes"}, in...)...)
	if code != 0 || !strings.Contains(errs, "under third.localhost/people.") {
		t.Fatalf("%d %s", code, errs)
	}
	if status := hand(t, only, answer, "hello"); status != http.StatusCreated {
		t.Errorf("the third: status %d", status)
	}
}
