// Package partytest runs the three parties of a private matcher for tests: in the
// test's process, or each in one of its own that can be killed. They are real
// parties in temporary folders, on addresses of this machine.
//
//	func TestMain(m *testing.M) { os.Exit(partytest.Main(m)) }
//
//	room := partytest.New(t, party.Face)
//	room.Spawn(t, 0) // or Serve
package partytest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/semaphore"
)

// Issuer is the name of the issuer that a room is made for.
const Issuer = "issuer.example"

const (
	environment = "PERHUMAN_TEST_PARTY" // of a child: the room's folder and the party's number
	// Timeout is how long parties wait for a message of the others.
	Timeout = time.Minute
)

// Room is three parties, the issuer's key, and a device.
type Room struct {
	Dir    string
	Group  party.Group
	Front  ed25519.PrivateKey
	Root   ed25519.PrivateKey
	Device *capture.VirtualDevice
	Now    func() time.Time

	listeners [3]*net.TCPListener
	mu        sync.Mutex
	running   [3]*Process
}

// Process is one party that runs.
type Process struct {
	stop func()
	kill func()
	done chan struct{}
}

// Stop ends it as an operator does, and waits. Kill ends a process at once.
func (p *Process) Stop() { p.stop(); <-p.done }

// Kill: see Stop.
func (p *Process) Kill() { p.kill(); <-p.done }

// Done is closed when the party has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// New makes a room that compares what compare says.
func New(t testing.TB, compare string) *Room { return Through(t, compare, Issuer, nil, nil) }

// Through is New for an issuer and a device root that exist, nil if not. The
// parties and the issuer reach party i at the address that through gives for its
// own: what is there passes on what it gets.
func Through(t testing.TB, compare, issuer string, root ed25519.PrivateKey, through func(i int, address string) string) *Room {
	t.Helper()
	r := &Room{Dir: t.TempDir(), Now: time.Now, Root: root}
	var err error
	if _, r.Front, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if r.Root == nil {
		if _, r.Root, err = ed25519.GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	if r.Device, err = capture.NewVirtualDevice(rand.Reader, r.Root, r.Now()); err != nil {
		t.Fatal(err)
	}
	r.Group = party.Group{
		Version: 1, Issuer: issuer, Compare: compare, Front: wire.PinOf(r.Front).String(), Virtual: true,
		Roots: []string{capture.VirtualRoot(r.Root.Public().(ed25519.PublicKey)).String()},
	}
	for i := range r.Group.Parties {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		r.listeners[i] = l.(*net.TCPListener)
		address := l.Addr().String()
		if through != nil {
			address = through(i, address)
		}
		if r.Group.Parties[i], err = party.CreateFolder(r.Folder(i), address, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(r.Group)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, "group.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for i := range r.running {
			if p := r.Running(i); p != nil {
				p.Kill()
			}
		}
	})
	return r
}

// Folder is that of a party.
func (r *Room) Folder(i int) string { return filepath.Join(r.Dir, strconv.Itoa(i)) }

// Running gives party i, nil if it was never started.
func (r *Room) Running(i int) *Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running[i]
}

func (r *Room) run(i int, p *Process) *Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running[i] = p
	return p
}

// Client gives the issuer's client of party i.
func (r *Room) Client(t testing.TB, i int) *party.Client {
	t.Helper()
	c, err := party.NewClient(r.Group, i, r.Front)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Serve runs party i in this process.
func (r *Room) Serve(t testing.TB, i int) *Process {
	t.Helper()
	file, err := r.listeners[i].File()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.FileListener(file)
	_ = file.Close()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Process{stop: cancel, kill: cancel, done: make(chan struct{})}
	ready := make(chan error, 1)
	go func() {
		defer close(p.done)
		if err := serve(ctx, r.Folder(i), r.Group, l, r.Now, t.Logf, ready); err != nil && ctx.Err() == nil {
			t.Errorf("party %d: %v", i, err)
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	return r.run(i, p)
}

func serve(ctx context.Context, dir string, g party.Group, l net.Listener, now func() time.Time, logf func(string, ...any), ready chan<- error) (err error) {
	f, err := party.OpenFolder(dir, g, now())
	ready <- err
	if err != nil {
		return err
	}
	s, err := party.NewServer(f, party.Options{Now: now, Rand: rand.Reader, Timeout: Timeout, Logf: func(string, ...any) {}})
	if err == nil {
		err = s.Serve(ctx, l)
	}
	return errors.Join(err, f.Close())
}

// Spawn runs party i in a process of its own: this test binary again. It returns
// when the party serves.
func (r *Room) Spawn(t testing.TB, i int, wrap ...string) *Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file, err := r.listeners[i].File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	line := append(append([]string{}, wrap...), self)
	cmd := exec.Command(line[0], line[1:]...) // #nosec G204 -- this test
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", environment, i, r.Dir))
	cmd.ExtraFiles = []*os.File{file}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // a child whose parent is gone ends
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &Process{stop: func() { _ = in.Close() }, kill: func() { _ = cmd.Process.Kill() }, done: make(chan struct{})}
	word := make([]byte, len(serving))
	_, failed := io.ReadFull(out, word)
	go func() {
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		close(p.done)
	}()
	if failed != nil && len(wrap) == 0 {
		p.Kill()
		t.Fatalf("party %d did not start: %v", i, failed)
	}
	return r.run(i, p)
}

const serving = "serving\n"

// Main runs the tests, or one party in a child.
func Main(m *testing.M) int {
	text, child := os.LookupEnv(environment)
	if !child {
		return m.Run()
	}
	if err := runChild(text); err != nil {
		fmt.Fprintln(os.Stderr, "party:", err)
		return 1
	}
	return 0
}

func runChild(text string) error {
	var i int
	var dir string
	if _, err := fmt.Sscanf(text, "%d %s", &i, &dir); err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(dir, "group.json")) // #nosec G304 -- the test's own
	if err != nil {
		return err
	}
	g, err := party.ParseGroup(b)
	if err != nil {
		return err
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	ready := make(chan error, 1)
	go func() {
		if err := <-ready; err == nil {
			fmt.Print(serving)
		}
	}()
	logf := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	return serve(ctx, filepath.Join(dir, strconv.Itoa(i)), g, l, time.Now, logf, ready)
}

// Envelope captures a template for a session.
func (r *Room) Envelope(t testing.TB, session [32]byte, of match.Template) []byte {
	t.Helper()
	seals, err := r.Group.Seals()
	if err != nil {
		t.Fatal(err)
	}
	q := capture.CaptureRequest{
		Audience: r.Group.Issuer, Nonce: session, Now: r.Now(), Seal: share.To(rand.Reader, seals[:]...),
		Quality: capture.Quality{Sharpness: 900}, IdentityCommitment: semaphore.Element{31: 1}, ConsentHash: [32]byte{1},
	}
	if err := r.Group.Fill(rand.Reader, of, &q); err != nil {
		t.Fatal(err)
	}
	b, err := r.Device.Capture(q)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
