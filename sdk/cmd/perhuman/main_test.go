package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

func call(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), args, env{out: &o, err: &e, rand: rand.Reader})
	return code, o.String(), e.String()
}

func write(t *testing.T, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The wallet's salt and the capture's body open a receipt; nothing else does.
func TestReceiptCheck(t *testing.T) {
	dir := t.TempDir()
	skey, vkey, err := setlog.GenerateKey(rand.Reader, "issuer.example/people")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	id := semaphore.IdentityFromKey([]byte("a secret of thirty-two bytes, no"))
	body := []byte("the body of a capture envelope")
	nonce := issuer.Nonce{1, 2, 3}
	salt, err := scope.Salt(id.Key(), nonce)
	if err != nil {
		t.Fatal(err)
	}
	r := issuer.Receipt{
		Issuer: "issuer.example/people", Session: nonce, Commitment: id.Commitment(), BodyHash: sha256.Sum256(body),
		Day: 20718, Received: 1790035200,
	}
	r.Biometric = scope.BiometricCommitment(salt, r.BodyHash)
	signed, err := r.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	receipt := write(t, dir, "receipt", []byte(scope.EncodeToken(signed)+"\n"))
	secret := write(t, dir, "secret", []byte(id.Export()+"\n"))
	good := write(t, dir, "body", body)
	bad := write(t, dir, "other", []byte("another body"))
	_, otherKey, err := setlog.GenerateKey(rand.Reader, "issuer.example/people")
	if err != nil {
		t.Fatal(err)
	}
	open := write(t, dir, "open", []byte(id.Export()))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	stranger := write(t, dir, "stranger", []byte(semaphore.IdentityFromKey([]byte("someone else")).Export()))
	wrongSalt := scope.EncodeToken(make([]byte, 32))
	for _, c := range []struct {
		name string
		code int
		args []string
	}{
		{"by secret", 0, []string{"-issuer", vkey, "-receipt", receipt, "-secret", secret, "-body", good}},
		{"by salt", 0, []string{"-issuer", vkey, "-receipt", receipt, "-salt", scope.EncodeToken(salt[:]), "-body", good}},
		{"wrong salt", 1, []string{"-issuer", vkey, "-receipt", receipt, "-salt", wrongSalt, "-body", good}},
		{"wrong body", 1, []string{"-issuer", vkey, "-receipt", receipt, "-secret", secret, "-body", bad}},
		{"wrong issuer", 1, []string{"-issuer", otherKey, "-receipt", receipt, "-secret", secret, "-body", good}},
		{"another's secret", 1, []string{"-issuer", vkey, "-receipt", receipt, "-secret", stranger, "-body", good}},
		{"not an envelope", 1, []string{"-issuer", vkey, "-receipt", receipt, "-secret", secret, "-envelope", bad}},
		{"secret open to others", 2, []string{"-issuer", vkey, "-receipt", receipt, "-secret", open, "-body", good}},
		{"nothing given", 2, nil},
		{"both", 2, []string{"-issuer", vkey, "-receipt", receipt, "-secret", secret, "-salt", wrongSalt, "-body", good}},
	} {
		code, out, errs := call(t, append([]string{"receipt", "check"}, c.args...)...)
		if code != c.code || (code == 0) != strings.Contains(out, "opened") {
			t.Errorf("%s: exit %d\n%s%s", c.name, code, out, errs)
		}
		if strings.Contains(out+errs, id.Export()) || strings.Contains(out+errs, "thirty-two") { // T26
			t.Errorf("%s: the secret is printed", c.name)
		}
	}
}

func TestKeygen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	code, out, errs := call(t, "issuer", "keygen", "-out", file, "issuer.example/people")
	if code != 0 {
		t.Fatal(errs)
	}
	if _, err := setlog.ParseVKey(strings.TrimSpace(out)); err != nil {
		t.Errorf("%q: %v", out, err)
	}
	secret, err := readSecret(file)
	if err != nil || strings.Contains(out, secret) {
		t.Errorf("the secret key: %v", err)
	}
	if code, _, _ := call(t, "issuer", "keygen", "-out", file, "issuer.example/people"); code == 0 {
		t.Error("a key was overwritten")
	}
}

// A service outside the demo does not run without a key of its own.
func TestVerifierRefusesToRun(t *testing.T) {
	dir := t.TempDir()
	_, vkey, err := setlog.GenerateKey(rand.Reader, "issuer.example/people")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"verifier", "-rp", "forum.example", "-issuer", vkey, "-db", filepath.Join(dir, "db"), "-action", "post=5/day"}
	for name, key := range map[string]string{"no key": "", "demo key": "phk_demo_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "weak key": "hunter2", "test key": "phk_test_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		more := args
		if key != "" {
			more = append(more[:len(more):len(more)], "-key", write(t, dir, name, []byte(key)))
		}
		if code, _, errs := call(t, more...); code != 2 || !strings.Contains(errs, "key") {
			t.Errorf("%s: exit %d, %s", name, code, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "db")); err == nil {
		t.Error("a database was made before the key was refused")
	}
}

// A post's file is checked with no network, and so is one that was edited on the
// way. The file is the golden one of sdk/post, with the keys it was made with.
func TestVerify(t *testing.T) {
	raw, err := os.ReadFile("../../post/testdata/bundle.json")
	if err != nil {
		t.Fatal(err)
	}
	vkey, seed := setlogtest.New(t, "issuer.example/people").VKey, make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(setlogtest.Seed("site"), seed); err != nil {
		t.Fatal(err)
	}
	site := scope.EncodeToken(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	dir := t.TempDir()
	code, out, _ := call(t, "verify", "-issuer", vkey, "-rp-key", site, "-k", "5", write(t, dir, "post.json", raw))
	if code != 0 || !strings.Contains(out, "VERIFIED: written by one human of the set of issuer.example/people") || !strings.Contains(out, "signed by the site") {
		t.Errorf("exit %d: %s", code, out)
	}
	var report struct {
		OK      bool
		Reasons []struct{ Code string }
	}
	if code, out, _ := call(t, "verify", "-json", "-issuer", vkey, write(t, dir, "post.json", raw)); code != 0 || json.Unmarshal([]byte(out), &report) != nil || !report.OK {
		t.Errorf("exit %d: %s", code, out)
	}
	edited := bytes.Replace(raw, []byte("all"), []byte("few"), 1)
	code, out, _ = call(t, "verify", "-issuer", vkey, "-rp-key", site, write(t, dir, "edited.json", edited))
	if bytes.Equal(edited, raw) || code != 1 || !strings.Contains(out, "NOT VERIFIED") || !strings.Contains(out, "text_altered") {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, out, _ := call(t, "verify", "-json", "-issuer", vkey, filepath.Join(dir, "edited.json")); code != 1 || json.Unmarshal([]byte(out), &report) != nil || report.OK || report.Reasons[0].Code != "text_altered" {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestVerifyRefuses(t *testing.T) {
	dir := t.TempDir()
	_, vkey, err := setlog.GenerateKey(rand.Reader, "issuer.example/people")
	if err != nil {
		t.Fatal(err)
	}
	code, out, _ := call(t, "verify", "-issuer", vkey, write(t, dir, "post.json", []byte(`{"post":{}}`)))
	if code != 1 || !strings.Contains(out, "NOT VERIFIED") || !strings.Contains(out, "malformed") {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, _, _ := call(t, "verify", "-issuer", vkey, filepath.Join(dir, "none")); code != 2 {
		t.Errorf("a missing file: exit %d", code)
	}
}

func TestRecountRefuses(t *testing.T) {
	dir := t.TempDir()
	code, out, _ := call(t, "recount", write(t, dir, "poll.json", []byte(`{"entries":["AXt9"]}`)))
	if code != 1 || !strings.Contains(out, "DOES NOT ADD UP") || !strings.Contains(out, "log_altered") || !strings.Contains(out, "not ones you brought") {
		t.Errorf("exit %d: %s", code, out)
	}
	var report struct {
		OK, Pinned bool
		Faults     []struct{ Code string }
	}
	if code, out, _ := call(t, "recount", "-json", filepath.Join(dir, "poll.json")); code != 1 || json.Unmarshal([]byte(out), &report) != nil || report.OK || report.Pinned || len(report.Faults) == 0 {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, _, _ := call(t, "recount", write(t, dir, "no.json", []byte(`[]`))); code != 1 {
		t.Errorf("not a poll: exit %d", code)
	}
	if code, _, _ := call(t, "recount", filepath.Join(dir, "none")); code != 2 {
		t.Errorf("a missing file: exit %d", code)
	}
}

// Help is an answer (standard output, status 0), also of a single command and of
// what begins with a word; a slip is an error that says last what was wrong.
// Every command stands in the overview.
func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		if code, out, errs := call(t, args...); code != 0 || errs != "" || !strings.Contains(out, "Exit status: 0 good") {
			t.Errorf("%v: %d %s %s", args, code, out, errs)
		}
	}
	_, all, _ := call(t, "help")
	flat := strings.Join(strings.Fields(all), " ")
	for _, c := range commands() {
		if word := c.words[0]; !strings.Contains(all, "\n  "+word+" ") || len(c.words) > 1 && word != "loadtest" && !strings.Contains(flat, join(c.words[1:])) {
			t.Errorf("the overview lacks %s", join(c.words))
		}
		code, out, errs := call(t, append([]string{"help"}, c.words...)...)
		if code != 0 || errs != "" || !strings.Contains(out, "usage: perhuman "+join(c.words)) {
			t.Errorf("help %s: %d %s %s", join(c.words), code, out, errs)
		}
		if code, again, errs := call(t, append(slices.Clone(c.words), "-h")...); code != 0 || errs != "" || !strings.HasSuffix(out, again) {
			t.Errorf("%s -h: %d %s %s", join(c.words), code, again, errs)
		}
		for line := range strings.Lines(all + out) {
			if len(line) > columns+1 {
				t.Errorf("a line of %d: %s", len(line), line)
			}
		}
	}
	if code, out, _ := call(t, "help", "wallet"); code != 0 || !strings.Contains(out, "perhuman wallet veto") {
		t.Errorf("%d %s", code, out)
	}
	for _, c := range []struct{ args, says string }{
		{"", "usage: perhuman COMMAND"},
		{"frobnicate", `no command "frobnicate"; "perhuman help" lists them`},
		{"walet new", `no command "walet" (did you mean "wallet"?)`},
		{"wallet stauts", `no command "wallet stauts" (did you mean "wallet status"?)`},
		{"wallet status", "-dir and -passphrase-file are needed"},
		{"issuer", "perhuman issuer fsck"},
		{"issuer frob", `no command "issuer frob"`},
		{"help frob", `no command "frob"`},
		{"verify -nonsense", "perhuman: there is no flag -nonsense\n"},
		{"verify", `"perhuman help verify" lists the flags`},
		{"recount a b", `"perhuman help recount" lists the flags`},
	} {
		code, out, errs := call(t, strings.Fields(c.args)...)
		if code != 2 || out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("%q: exit %d %s%s", c.args, code, out, errs)
		}
	}
}
