package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
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
	"github.com/perhuman/perhuman/semaphore/scope"
)

// relay stands at an address that a group file names, and passes on to where the
// service turned out to listen.
type relay struct {
	l  net.Listener
	mu sync.Mutex
	to string
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r := &relay{l: l}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			address := r.to
			r.mu.Unlock()
			to, err := net.Dial("tcp", address)
			if err != nil {
				_ = from.Close()
				continue
			}
			pass := func(a, b net.Conn) { _, _ = io.Copy(a, b); _ = a.Close(); _ = b.Close() }
			go pass(from, to)
			go pass(to, from)
		}
	}()
	return r
}

func (r *relay) pass(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

// serving runs a party by its command, and gives where it listens.
func serving(t *testing.T, environment map[string]string, args ...string) (said map[string]string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		done <- run(ctx, append([]string{"party", "serve"}, args...), env{out: write, err: &errs, rand: rand.Reader, getenv: func(name string) string { return environment[name] }})
		_ = write.Close()
	}()
	said = map[string]string{}
	lines := bufio.NewScanner(read)
	for said["on"] == "" && lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) == 2 {
			said[words[0]] = words[1]
		}
	}
	if said["on"] == "" {
		t.Fatal(<-done, errs.String())
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	return said, func() int { cancel(); return <-done }
}

// Three operators make their folders, one puts the group file together, all serve;
// a person is enrolled and forgotten; what the folders hold is told, and damage
// found.
func TestParty(t *testing.T) {
	room := partytest.New(t, party.Face) // its issuer and its device
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	relays := make([]*relay, 3)
	args := []string{"party", "group", "-issuer", room.Group.Issuer, "-front", room.Group.Front, "-compare", "face",
		"-device-root", room.Group.Roots[0], "-virtual"}
	for i, name := range []string{"a", "b", "c"} {
		relays[i] = newRelay(t)
		code, out, errs := call(t, "party", "init", "-dir", at(name), "-address", relays[i].l.Addr().String())
		if code != 0 || strings.Contains(out, "party-root") {
			t.Fatal(out, errs)
		}
		if code, _, _ := call(t, "party", "init", "-dir", at(name), "-address", "a:1"); code != 2 {
			t.Error("a folder was made twice")
		}
		args = append(args, write(t, dir, name+".json", []byte(out)))
	}
	code, text, errs := call(t, args...)
	if code != 0 {
		t.Fatal(errs)
	}
	write(t, dir, "group.json", []byte(text))
	same := append(append([]string{}, args[:len(args)-1]...), args[len(args)-2])
	if code, _, errs := call(t, same...); code != 2 || !strings.Contains(errs, "twice") {
		t.Errorf("one party twice: %d %s", code, errs)
	}
	code, out, _ := call(t, "party", "group", "check", at("group.json"))
	if code != 0 || !strings.Contains(out, relays[2].l.Addr().String()) || !strings.Contains(out, "not for people") {
		t.Error(code, out)
	}
	group, err := readGroup(at("group.json"))
	if err != nil {
		t.Fatal(err)
	}
	room.Group = group

	// Flags, environment and file come to the same.
	inFile := write(t, dir, "c.conf", []byte("# party c\ndir "+at("c")+"\ngroup "+at("group.json")+"\naddr 127.0.0.1:0\n"))
	var stops [3]func() int
	var said [3]map[string]string
	start := func() {
		said[0], stops[0] = serving(t, nil, "-dir", at("a"), "-group", at("group.json"), "-addr", "127.0.0.1:0", "-health", "127.0.0.1:0", "-log", "json")
		said[1], stops[1] = serving(t, map[string]string{"PERHUMAN_DIR": at("b"), "PERHUMAN_GROUP": at("group.json")}, "-addr", "127.0.0.1:0")
		said[2], stops[2] = serving(t, nil, "-config", inFile)
		for i, r := range relays {
			r.pass(said[i]["on"])
		}
		if code, _, errs := call(t, "healthcheck", said[0]["health"]); code != 0 {
			t.Error(errs)
		}
	}
	start()
	var clients [3]*party.Client
	for i := range clients {
		clients[i] = room.Client(t, i)
	}
	serial := mpc.Serial{7}
	var receipt []byte
	envelope := room.Envelope(t, [32]byte{1}, match.FromFace(synth.New(1).Person(1).SampleFace(0)))
	all := func(do func(ctx context.Context, c *party.Client) error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var group sync.WaitGroup
		for _, c := range clients {
			group.Go(func() {
				if err := do(ctx, c); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	all(func(ctx context.Context, c *party.Client) error { return c.Begin(ctx, serial, 0, envelope) })
	doctored := func(name string, exit int, at string, want ...string) {
		t.Helper()
		args := []string{"party", "doctor", "-dir", at, "-group", filepath.Join(dir, "group.json"), "-at", said[0]["health"]}
		code, out, errs := call(t, args...)
		for _, w := range want {
			if code != exit || !strings.Contains(out, w) {
				t.Errorf("%s: exit %d, and it does not say %q:\n%s%s", name, code, w, out, errs)
			}
		}
	}
	doctored("a running party", 0, at("a"), "a party has it open", "party 1          answers at", "virtual devices", "ready")
	resp, err := http.Get(said[0]["health"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(resp.Body)
	if _ = resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"perhuman_party_places 1", "perhuman_party_pending 1", "perhuman_party_epoch 0", `perhuman_party_answers_total{call="begin",code=""} 1`, `perhuman_party_call_seconds_count{call="begin"} 1`} {
		if !bytes.Contains(metrics, []byte(want)) {
			t.Errorf("the metrics do not say %s", want)
		}
	}
	all(func(ctx context.Context, c *party.Client) error {
		first, err := c.Connect(ctx, [16]byte{1})
		if err != nil {
			return err
		}
		if valid, err := c.Check(ctx, first, serial); err != nil || !valid[0] {
			t.Errorf("check: %v %v", valid, err)
		}
		known, err := c.Match(ctx, first+1, serial)
		if err == nil && known[0] {
			t.Error("the first person is known")
		}
		return err
	})
	if code, _, errs := call(t, "party", "status", "-dir", at("a"), "-group", at("group.json")); code != 2 || !strings.Contains(errs, "in use") {
		t.Errorf("a folder in use: exit %d %s", code, errs)
	}
	for _, stop := range stops {
		if code := stop(); code != 0 {
			t.Errorf("exit %d", code)
		}
	}
	relays[1].pass("127.0.0.1:1")
	doctored("the next party is away", 1, at("a"), "party 0: 0 members, 1 pending", "nobody is enrolled until it answers", "is it running?")
	if err := os.Chmod(filepath.Join(at("c"), "secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	doctored("a secret that others read", 1, at("c"), "chmod 600")
	if err := os.Chmod(filepath.Join(at("c"), "secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	doctored("no folder", 1, at("none"), "folder", "perhuman party init")
	if code, out, _ := call(t, "party", "doctor", "-dir", at("a"), "-group", at("a.json")); code != 1 || !strings.Contains(out, "the group file is the same") {
		t.Errorf("no group: exit %d %s", code, out)
	}
	code, out, errs = call(t, "party", "config", "print", "-config", inFile, "-log", "json")
	for _, want := range []string{"dir                " + at("c"), "# " + inFile, "log                json", "# flag", "timeout            1m0s", "# default"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("config print: exit %d, no %q:\n%s%s", code, want, out, errs)
		}
	}
	code, out, errs = call(t, "party", "fsck", "-dir", at("b"), "-group", at("group.json"))
	if code != 0 || !strings.Contains(out, "party    1 of") || !strings.Contains(out, "1: 0 members, 1 pending, 0 gone") || !strings.Contains(out, "checked  1") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	start()
	all(func(ctx context.Context, c *party.Client) error {
		r, err := c.Free(ctx, serial)
		if c.Number() == 1 {
			receipt = r
		}
		return err
	})
	for _, stop := range stops {
		stop()
	}
	file := write(t, dir, "receipt", receipt)
	if code, out, errs := call(t, "party", "receipt", "-group", at("group.json"), file, scope.EncodeToken(receipt)); code != 0 || !strings.Contains(out, "overwrote its shares of 07000000") {
		t.Errorf("exit %d %s%s", code, out, errs)
	}
	receipt[30] ^= 1
	if code, _, _ := call(t, "party", "receipt", "-group", at("group.json"), write(t, dir, "changed", receipt)); code != 1 {
		t.Errorf("a changed receipt: exit %d", code)
	}
	code, out, _ = call(t, "party", "status", "-dir", at("c"), "-group", at("group.json"))
	if code != 0 || !strings.Contains(out, "0 pending, 1 gone") || strings.Contains(out, "checked") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if err := os.Remove(filepath.Join(at("c"), "roll")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, "party", "fsck", "-dir", at("c"), "-group", at("group.json")); code != 1 || !strings.Contains(errs, "roll is missing") {
		t.Errorf("exit %d %s", code, errs)
	}
	if code, _, errs := call(t, "party", "serve", "-dir", at("c"), "-group", at("group.json")); code != 2 || !strings.Contains(errs, "roll is missing") {
		t.Errorf("exit %d %s", code, errs)
	}
	for _, bad := range [][]string{
		{"party", "init"}, {"party", "group", at("a.json"), at("b.json")}, {"party", "serve", "-dir", at("a")},
		{"party", "serve", "-dir", at("a"), "-group", at("a.json")}, {"party", "status"}, {"party", "fsck", "-dir", at("a"), "-group", at("none")},
		{"party", "receipt", file}, {"party", "serve", "-config", write(t, dir, "bad.conf", []byte("colour red\n"))},
	} {
		if code, _, errs := call(t, bad...); code != 2 || errs == "" {
			t.Errorf("%v: exit %d", bad, code)
		}
	}
	if code, _, _ := call(t, "party", "group", "check", at("a.json")); code != 1 {
		t.Errorf("no group file: exit %d", code)
	}
}
