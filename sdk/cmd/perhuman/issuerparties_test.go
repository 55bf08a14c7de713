package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// overParties is an office whose issuer has three parties compare faces.
func overParties(t *testing.T) (*office, *partytest.Room) {
	t.Helper()
	return overPartiesThrough(t, nil)
}

func overPartiesThrough(t *testing.T, through func(i int, address string) string) (*office, *partytest.Room) {
	t.Helper()
	d := newOffice(t)
	room := partytest.Through(t, party.Face, "issuer.localhost/people", d.root, through)
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
	if err := writeSecret(d.path("audit.root"), rootPrefix+scope.EncodeToken(d.root.Seed())); err != nil {
		t.Fatal(err)
	}
	text += "\nkey " + d.path("keys/signing.key") + "\nanchor 1s\naudit-root " + d.path("audit.root") + "\naudit-people 2\n"
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
	// The audit at the start, which may come after the first enrolment or before it:
	// while it runs the doctor sees rolls that differ.
	metrics := func() (text string) {
		if status := d.ask("GET", p.lines["admin"]+"/metrics", "", d.token, &text); status != 200 {
			t.Errorf("metrics: %d", status)
		}
		return text
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if strings.Contains(p.said(), "the parties were audited") {
			break
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("no audit: %s", p.said())
		}
	}
	if text := metrics(); !strings.Contains(text, `perhuman_issuer_party_audits{compares="face"} `) || strings.Contains(text, `perhuman_issuer_party_audits{compares="face"} 0`) {
		t.Errorf("no audits in the metrics:\n%s", text)
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
	// Who was refused is freed at all three at once or, where one of them was slow,
	// before the next is compared: then the rolls are one.
	whole := func(want ...string) {
		t.Helper()
		for begun := time.Now(); time.Since(begun) < time.Minute; {
			if _, out, _ := call(t, "issuer", "doctor", "-config", d.path("issuer.conf")); strings.Contains(out, "one roll") {
				break
			}
			if _, _, code := d.enrol(at); code != api.AlreadyEnrolled {
				t.Errorf("%q: %s", code, p.said())
			}
		}
		doctor(0, append(want, "one roll")...)
	}
	whole("face party 2", "mpc-3")
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
	whole("epoch 1")
	if text := metrics(); !strings.Contains(text, "perhuman_issuer_matcher_stopped 0") || !strings.Contains(text, `perhuman_issuer_party_epoch{compares="face"} 1`) {
		t.Errorf("metrics:\n%s", text)
	}
	p.stop()
	code, out, errs := call(t, "issuer", "config", "print", "-config", d.path("issuer.conf"))
	if code != 0 || !strings.Contains(out, d.group) || strings.Contains(out, scope.EncodeToken(room.Front.Seed())) {
		t.Errorf("config print: %d %s %s", code, out, errs)
	}
}

// What cannot be is refused before anything is opened.
func TestIssuerPartiesMisconfigured(t *testing.T) {
	d, _ := overParties(t)
	if code, _, errs := call(t, "capture", "keygen", d.path("stranger.root")); code != 0 {
		t.Fatal(errs)
	}
	for _, one := range []struct{ want, text string }{
		{"either -matcher-key or -parties", "matcher-key " + d.path("keys/matcher.key")},
		{"does not hold a link key", "link-key " + d.path("keys/matcher.key")},
		{"group", "parties " + d.path("consent.txt")},
		{"no device for audits", "audit-root " + d.path("stranger.root")},
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

// The doctor explains each thing that can be wrong with the parties.
func TestIssuerDoctorOfParties(t *testing.T) {
	relays := make([]*relay, 3)
	d, room := overPartiesThrough(t, func(i int, address string) string {
		relays[i] = newRelay(t)
		relays[i].pass(address)
		return relays[i].l.Addr().String()
	})
	for _, i := range []int{0, 2} {
		room.Serve(t, i)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	relays[1].pass(nobody)
	said := func(name string, faulty bool, found []finding, want ...string) {
		t.Helper()
		var text strings.Builder
		bad := false
		for _, f := range found {
			bad = bad || f.fault
			fmt.Fprintln(&text, f.name, f.says, f.remedy)
		}
		if bad != faulty {
			t.Errorf("%s: a fault: %t", name, bad)
		}
		for _, w := range want {
			if !strings.Contains(text.String(), w) {
				t.Errorf("%s: the doctor does not say %q:\n%s", name, w, text.String())
			}
		}
	}
	doctor := func(name string, faulty bool, want ...string) {
		t.Helper()
		said(name, faulty, doctorParties(t.Context(), room.Group, room.Front), want...)
	}
	files := func(name, group string, change func(*issuerFlags), want ...string) {
		t.Helper()
		v := &issuerFlags{parties: listFlag{group}, link: d.path("link.key"), key: d.path("keys/signing.key"), roots: listFlag{room.Group.Roots[0]}}
		if change != nil {
			change(v)
		}
		said(name, true, v.doctorMatcher(t.Context()), want...)
	}
	// What the issuer's own files say.
	_, key, _ := strings.Cut(room.Group.Roots[0], "=")
	changed := func(change func(*party.Group)) string {
		t.Helper()
		g := room.Group
		g.Roots = append([]string(nil), g.Roots...)
		change(&g)
		b, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		return write(t, t.TempDir(), "group.json", b)
	}
	files("no link key", d.group, func(v *issuerFlags) { v.link = d.path("keys/matcher.key") }, "link key", "perhuman issuer keygen -link")
	files("no group file", d.path("consent.txt"), nil, "the group file is the same at the issuer and the three parties")
	files("a group of another issuer", changed(func(g *party.Group) { g.Issuer = "issuer.example" }), nil, "the issuer's name stands in the group file", `is a group of "issuer.example"`)
	files("devices that the parties do not believe", changed(func(g *party.Group) { g.Roots[0] = "lab=" + key }), nil, "put the root into the group file of all")
	files("a group file that only the issuer has", changed(func(g *party.Group) { g.Roots = append(g.Roots, "lab="+key) }), nil, "face party 0", "face party 2", "need the same group file")

	// What stands where party 1 should be.
	doctor("nobody", true, "face party 1", "enrolment waits until it is back at "+room.Group.Parties[1].Address)
	relays[1].pass(relays[0].l.Addr().String())
	doctor("another party", true, "face party 1", "does not hold the key of the group file")
	relays[1].pass(newerParty(t, room))
	doctor("another version", true, "face party 1", "another version of the protocol")
	stranger := &partytest.Room{Group: room.Group}
	stranger.Group.Roots = append([]string{"lab=" + key}, room.Group.Roots...)
	at, stop := served(t, room.Folder(1), stranger.Group)
	relays[1].pass(at)
	doctor("a party with another group file", true, "face party 1", "need the same group file")
	stop()

	// What the parties have.
	at, _ = served(t, room.Folder(1), room.Group)
	relays[1].pass(at)
	doctor("three alike", false, "one roll", "0 places")
	faces := synth.New(4)
	begin := func(n int, parties ...int) {
		t.Helper()
		e := room.Envelope(t, [32]byte{byte(n), 1}, match.FromFace(faces.Person(uint64(n)).SampleFace(0)))
		for _, i := range parties {
			if err := room.Client(t, i).Begin(t.Context(), mpc.Serial{byte(n), 2}, n, e); err != nil {
				t.Fatal(err)
			}
		}
	}
	begin(0, 0, 2)
	doctor("one party behind", false, "their rolls differ: party 1 has another", "brings them together at its next enrolment")
	for n := 1; n <= 64; n++ {
		begin(n, 0)
	}
	doctor("a party that lost people", true, "was a folder put back from a backup?", "places 65, 0 and 1")

	is := [3]party.Status{{Epoch: 2}, {Epoch: 2}, {Epoch: 1}}
	if f := together("face parties", is); f.fault || !strings.Contains(f.says, "epochs 2, 2 and 1") || !strings.Contains(f.remedy, "refresh") {
		t.Errorf("a refresh that was cut off: %+v", f)
	}
	if f := together("face parties", [3]party.Status{{Digest: []byte{1}}, {Digest: []byte{2}}, {Digest: []byte{3}}}); !strings.Contains(f.says, "each has its own") {
		t.Errorf("%+v", f)
	}
}

// served runs a party over a folder with a group file of its own.
func served(t *testing.T, dir string, g party.Group) (address string, stop func()) {
	t.Helper()
	f, err := party.OpenFolder(dir, g, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s, err := party.NewServer(f, party.Options{Now: time.Now, Rand: rand.Reader, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := errors.Join(s.Serve(ctx, l), f.Close()); err != nil {
			t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// newerParty holds the key of party 1 and speaks a protocol that is not there yet.
func newerParty(t *testing.T, room *partytest.Room) (address string) {
	t.Helper()
	keys, err := party.ReadKeys(room.Folder(1))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, keys.Link.Public(), keys.Link)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"perhuman-mpc/99"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: keys.Link}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1)) // shakes hands
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}
