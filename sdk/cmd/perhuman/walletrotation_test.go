package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore/scope"
)

// An issuer changes its key between two runs of its service. A wallet that reads
// a head which both keys signed goes on as a member, with its receipts; one that
// was closed for the whole overlap refuses the next key until the person says that
// the key is right.
func TestWalletOverRotation(t *testing.T) {
	d := newOffice(t, "anchor 200ms")
	key := d.path("keys/signing.key")
	p := d.serve("-key", key)
	phrase := write(t, d.dir, "phrase", []byte("a passphrase of a test\n"))
	do := func(name string, args ...string) string {
		t.Helper()
		all := append([]string{"wallet", args[0], "-dir", d.path(name), "-passphrase-file", phrase}, args[1:]...)
		code, out, errs := call(t, all...)
		if code != 0 {
			t.Fatalf("%s: wallet %v: status %d: %s%s", name, args, code, out, errs)
		}
		return out
	}
	has := func(text, want string) {
		t.Helper()
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	told := func(name, vkey, at string, more ...string) {
		t.Helper()
		has(do(name, append([]string{"follow", "-issuer", vkey + "=" + at}, more...)...), "followed")
	}
	for _, name := range []string{"open", "closed"} {
		do(name, "new", "-issuer", d.vkey+"="+p.lines["on"])
	}
	var s struct{ Issuer, Nonce, Commitment string }
	if err := json.Unmarshal([]byte(do("open", "enrol")), &s); err != nil {
		t.Fatal(err)
	}
	code, envelope, errs := call(t, "capture", "virtual", "-root", d.path("root.key"), "-issuer", s.Issuer, "-to", d.sealTo,
		"-nonce", s.Nonce, "-commitment", s.Commitment, "-consent", scope.EncodeToken(d.consent[:]), "-person", "4")
	if code != 0 {
		t.Fatal(errs)
	}
	do("open", "enrol", "-session", s.Nonce, "-envelope", write(t, d.dir, "envelope", []byte(envelope)))
	for end := time.Now().Add(time.Minute); !strings.Contains(do("open", "status"), ": member"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not a member")
		}
	}
	has(do("closed", "status"), "not a member; 1 are")
	receipts := do("open", "receipts")
	has(receipts, "enrolment")
	p.stop()

	next := d.path("keys/next.key")
	code, out, errs := call(t, "issuer", "rotate", "-key", key, "-out", next)
	if code != 0 {
		t.Fatal(errs)
	}
	vkey, _, _ := strings.Cut(out, "\n")
	p = d.serve("-key", next, "-old-key", key)
	told("open", vkey, p.lines["on"])
	has(do("open", "status"), ": member")
	if got := do("open", "receipts"); got != receipts {
		t.Errorf("receipts under the next key:\n%s\nbefore:\n%s", got, receipts)
	}
	p.stop()

	p = d.serve("-key", next) // the overlap is over
	told("open", vkey, p.lines["on"])
	has(do("open", "status"), ": member")
	told("closed", vkey, p.lines["on"])
	has(do("closed", "status", "-json"), `"code":"key_unvouched"`)
	has(do("closed", "status"), "perhuman wallet follow -issuer VKEY -afresh")
	told("closed", vkey, p.lines["on"], "-afresh")
	has(do("closed", "status"), "not a member; 1 are")
}
