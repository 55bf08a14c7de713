package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore/scope"
)

// The life of a place on the command line, against the real issuer service: two
// wallets and one person, who enrols, whom somebody tries to take over, who
// stops it and leaves; every receipt is checked without a network.
func TestWalletPlace(t *testing.T) {
	d := newOffice(t, "anchor 200ms", "cooldown 24h", "reentry-delay 48h")
	p := d.serve("-key", d.path("keys/signing.key"))
	at := p.lines["on"]
	phrase := write(t, d.dir, "phrase", []byte("a passphrase of a test\n"))
	in := func(name string, args ...string) (int, string, string) {
		t.Helper()
		all := append([]string{"wallet", args[0], "-dir", d.path(name), "-passphrase-file", phrase}, args[1:]...)
		return call(t, all...)
	}
	do := func(name string, args ...string) string {
		t.Helper()
		code, out, errs := in(name, args...)
		if code != 0 {
			t.Fatalf("%s: wallet %v: status %d: %s%s", name, args, code, out, errs)
		}
		return out
	}
	has := func(text string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%q is missing in:\n%s", w, text)
			}
		}
	}
	// captured makes the envelope that a command's first call asks for.
	captured := func(name, what string) []string {
		t.Helper()
		var s struct{ Issuer, Nonce, Commitment string }
		if err := json.Unmarshal([]byte(do(name, what)), &s); err != nil {
			t.Fatal(err)
		}
		code, envelope, errs := call(t, "capture", "virtual", "-root", d.path("root.key"), "-issuer", s.Issuer, "-to", d.sealTo,
			"-nonce", s.Nonce, "-commitment", s.Commitment, "-consent", scope.EncodeToken(d.consent[:]), "-person", "4")
		if code != 0 {
			t.Fatal(errs)
		}
		file := d.path("envelope-" + s.Nonce)
		if err := os.WriteFile(file, []byte(envelope), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{what, "-session", s.Nonce, "-envelope", file}
	}
	until := func(name, want string) string {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
			out := do(name, "status")
			if strings.Contains(out, want) {
				return out
			}
			if time.Now().After(end) {
				t.Fatalf("%q is not reached:\n%s", want, out)
			}
		}
	}
	alice := commitmentOf(t, do("old", "new", "-issuer", d.vkey+"="+at))
	do("new", "new", "-issuer", d.vkey+"="+at)
	has(do("old", captured("old", "enrol")...), "in the set with the next anchor")
	has(until("old", ": member"), "in the set since", "(enrol)")
	if code, _, errs := in("new", captured("new", "enrol")...); code != 2 || !strings.Contains(errs, "already_enrolled") {
		t.Errorf("the same person under another secret: %d %s", code, errs)
	}

	if code, out, errs := in("old", "veto"); code != 1 || !strings.Contains(errs, "announces no recovery") {
		t.Errorf("a veto against nothing: %d %s%s", code, out, errs)
	}
	has(do("new", captured("new", "recover")...), "announced in entry", "can stop it until")
	has(do("new", "status"), "not a member", "recovery announced", "in force about")
	has(do("old", "status"), ": member", "ATTENTION", "perhuman wallet veto")
	has(do("old", "veto"), "With -yes")
	has(do("old", "veto", "-yes"), "stopped")
	has(do("old", "status"), ": member", "was vetoed")
	has(do("new", "status"), "recovery refused", "recovery_vetoed")

	has(do("old", "delete"), "Nobody can take it back", "48h")
	has(do("old", "status"), ": member")
	has(do("old", "delete", "-yes"), "removed", "a new enrolment is possible from")
	has(do("old", "status"), "not a member", "leaf zero since", "(remove)", "template kept until")
	if code, _, errs := in("old", "delete", "-yes"); code != 2 || !strings.Contains(errs, "not_enrolled") {
		t.Errorf("left twice: %d %s", code, errs)
	}
	if code, _, errs := in("new", captured("new", "enrol")...); code != 2 || !strings.Contains(errs, "cooldown_active") {
		t.Errorf("back within the delay: %d %s", code, errs)
	}

	list := do("old", "receipts")
	has(list, "enrolment", "veto", "deletion", ", enrol\n", "ends the recovery announced in entry", ", remove")
	if n := strings.Count(list, "\n"); n != 3 {
		t.Errorf("%d receipts:\n%s", n, list)
	}
	file := d.path("receipts.json")
	do("old", "receipts", "-out", file)
	p.stop() // from here on there is no issuer
	verify := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := call(t, append([]string{"receipt", "verify"}, args...)...)
		if code != want {
			t.Errorf("receipt verify %v: status %d, want %d: %s%s", args, code, want, out, errs)
		}
		return out + errs
	}
	if got := verify(0, "-issuer", d.vkey, "-commitment", alice.String(), file); got != list {
		t.Errorf("%s\n%s", got, list)
	}
	verify(1, "-issuer", d.vkey, "-commitment", "7", file)
	_, elsewhere, _ := call(t, "issuer", "keygen", "-dir", d.path("elsewhere"), "issuer.localhost/people")
	verify(1, "-issuer", strings.SplitN(elsewhere, "\n", 2)[0], file)
	verify(2, "-issuer", d.vkey, phrase)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var kept receiptFile
	bend := func(change func(f *receiptFile)) string {
		t.Helper()
		kept = receiptFile{}
		if err := json.Unmarshal(raw, &kept); err != nil {
			t.Fatal(err)
		}
		change(&kept)
		b, err := json.Marshal(kept)
		if err != nil {
			t.Fatal(err)
		}
		return write(t, d.dir, "bent", b)
	}
	for what, change := range map[string]func(f *receiptFile){
		"called something else": func(f *receiptFile) { f.Receipts[0].Kind = kindRecovery },
		"with another's proof":  func(f *receiptFile) { f.Receipts[0].Proof = f.Receipts[2].Proof },
		"with a bent proof": func(f *receiptFile) {
			f.Receipts[2].Proof = strings.Replace(f.Receipts[2].Proof, "index ", "index 1", 1)
		},
		"with another signature": func(f *receiptFile) {
			f.Receipts[1].Receipt = f.Receipts[1].Receipt[:len(f.Receipts[1].Receipt)-8] + "AAAAAAAA"
		},
		"and nothing in the file": func(f *receiptFile) { f.Receipts = nil },
	} {
		if got := verify(1, "-issuer", d.vkey, bend(change)); !strings.Contains(got, "does not hold") {
			t.Errorf("%s: %s", what, got)
		}
	}

	// A backup brings the receipts along, and they are under the passphrase.
	other := write(t, d.dir, "other", []byte("another passphrase\n"))
	do("old", "backup", "-out", d.path("backup.json"), "-out-passphrase-file", other)
	do("again", "restore", "-issuer", d.vkey+"="+at, "-from", d.path("backup.json"), "-from-passphrase-file", other)
	if got := do("again", "receipts"); got != list {
		t.Errorf("after a restore:\n%s", got)
	}
	main, err := os.ReadFile(d.path("old/wallet.json"))
	if err != nil || strings.Contains(string(main), kept0(raw)) {
		t.Errorf("receipts lie open in the folder: %v", err)
	}
}

// kept0 is the first receipt of a file, as it would stand in clear.
func kept0(raw []byte) string {
	var f receiptFile
	if json.Unmarshal(raw, &f) != nil || len(f.Receipts) == 0 {
		return "\x00"
	}
	return f.Receipts[0].Receipt
}
