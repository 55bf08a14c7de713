package main

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// overParties is an office whose issuer has three parties compare faces.
func overParties(t *testing.T) (*office, *partytest.Room) {
	t.Helper()
	d := newOffice(t)
	room := partytest.Through(t, party.Face, "issuer.localhost/people", d.root, nil)
	d.group = filepath.Join(room.Dir, "group.json")
	seed := room.Front.Seed()
	if err := writeSecret(d.path("link.key"), linkPrefix+scope.EncodeToken(seed)); err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(d.path("issuer.conf"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(conf), "matcher-key "+d.path("keys/matcher.key"), "parties "+d.group+"\nlink-key "+d.path("link.key"), 1)
	text += "\nkey " + d.path("keys/signing.key") + "\nanchor 1s\n"
	if err := os.WriteFile(d.path("issuer.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return d, room
}

// An issuer service over three parties: it says so, knows people again, refuses
// while a party is away, and its doctor says which.
func TestIssuerOverParties(t *testing.T) {
	d, room := overParties(t)
	for i := range 3 {
		room.Serve(t, i)
	}
	d.people = 2
	p := d.serve()
	at := p.lines["on"]
	var info api.IssuerInfo
	d.ask("GET", at+"/.well-known/perhuman-issuer.json", "", "", &info)
	if info.Matcher != "mpc-3" || len(info.MatcherKeys) != 3 || len(info.Evidence) != 1 || info.Evidence[0] != "face" || info.Bound != 1 {
		t.Errorf("metadata: %q %v %v %d", info.Matcher, info.MatcherKeys, info.Evidence, info.Bound)
	}
	for n, want := range []api.Code{"", "", api.AlreadyEnrolled} {
		if _, _, code := d.enrol(at); code != want {
			t.Errorf("enrolment %d: %q, want %q: %s", n, code, want, p.said())
		}
	}
	doctor := func(exit int, want ...string) {
		t.Helper()
		code, out, errs := call(t, "issuer", "doctor", "-config", d.path("issuer.conf"))
		if code != exit {
			t.Errorf("doctor: %d\n%s%s", code, out, errs)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("the doctor does not say %q:\n%s", w, out)
			}
		}
	}
	doctor(0, "face party 2", "one roll", "mpc-3")
	room.Running(1).Stop()
	doctor(1, "face party 1", "set and log go on")
	if _, _, code := d.enrol(at); code != api.MatcherUnavailable {
		t.Errorf("with a party away: %q", code)
	}
	room.Serve(t, 1)
	if _, _, code := d.enrol(at); code != api.AlreadyEnrolled {
		t.Errorf("when it is back: %q: %s", code, p.said())
	}
	var done struct {
		Epoch uint64 `json:"epoch"`
	}
	if status := d.ask("POST", p.lines["admin"]+"/admin/refresh", "", d.token, &done); status != 200 || done.Epoch != 1 {
		t.Errorf("a refresh by hand: %d %+v: %s", status, done, p.said())
	}
	if _, _, code := d.enrol(at); code != api.AlreadyEnrolled {
		t.Errorf("after the refresh: %q: %s", code, p.said())
	}
	doctor(0, "epoch 1", "one roll")
	p.stop()
	code, out, errs := call(t, "issuer", "config", "print", "-config", d.path("issuer.conf"))
	if code != 0 || !strings.Contains(out, d.group) || strings.Contains(out, scope.EncodeToken(room.Front.Seed())) {
		t.Errorf("config print: %d %s %s", code, out, errs)
	}
}

// What cannot be is refused before anything is opened.
func TestIssuerPartiesMisconfigured(t *testing.T) {
	d, _ := overParties(t)
	for _, one := range []struct{ want, text string }{
		{"either -matcher-key or -parties", "matcher-key " + d.path("keys/matcher.key")},
		{"does not hold a link key", "link-key " + d.path("keys/matcher.key")},
		{"group", "parties " + d.path("consent.txt")},
	} {
		name, value, _ := strings.Cut(one.text, " ")
		code, _, errs := call(t, "issuer", "serve", "-config", d.path("issuer.conf"), "-"+name, value)
		if code == 0 || !strings.Contains(errs, one.want) {
			t.Errorf("%s: %d %s", one.text, code, errs)
		}
	}
	// Another key than the one in the group file.
	if code, pub, errs := call(t, "issuer", "keygen", "-link", d.path("other.key")); code != 0 || len(strings.TrimSpace(pub)) != 43 {
		t.Fatalf("%d %q %s", code, pub, errs)
	}
	if _, err := readLink(d.path("other.key")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "issuer", "serve", "-config", d.path("issuer.conf"), "-link-key", d.path("other.key")); code == 0 || !strings.Contains(errs, "not the issuer's") {
		t.Errorf("another link key: %d %s", code, errs)
	}
	if key, err := readLink(d.path("link.key")); err != nil || len(key) != ed25519.PrivateKeySize {
		t.Error(err)
	}
}
