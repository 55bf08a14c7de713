package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/plain"
	secret "github.com/perhuman/perhuman/issuer/private"
)

// comparing is what captures are compared by: one process that opens every
// template, or three that hold noise.
type comparing struct {
	matcher issuer.Matcher
	parties int
	groups  map[capture.Modality]party.Group // none with the plain matcher
	seal    func(m capture.Modality) (capture.SealFunc, error)
}

// fill writes a template into a request, as a capture device does: whole, or
// split into three.
func (c *comparing) fill(t match.Template, q *capture.CaptureRequest) (err error) {
	if q.Seal, err = c.seal(t.Modality()); err != nil {
		return err
	}
	if g, split := c.groups[t.Modality()]; split {
		return g.Fill(rand.Reader, t, q)
	}
	return t.Fill(q)
}

func (w *world) openMatcher(ctx context.Context) error {
	if err := w.cfg.sameMatcher(); err != nil {
		return err
	}
	if w.cfg.mpc {
		return w.openParties(ctx)
	}
	operator, err := w.operatorKey()
	if err != nil {
		return err
	}
	w.compare = comparing{matcher: plain.New(operator), parties: 1, seal: func(capture.Modality) (capture.SealFunc, error) {
		return share.To(rand.Reader, operator.Public()), nil
	}}
	return nil
}

// sameMatcher refuses a folder that was started with another matcher: people who
// were enrolled with one are unknown to the other.
func (c config) sameMatcher() error {
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(c.dir, name))
		return err == nil
	}
	switch split := there("group-" + party.Iris + ".json"); {
	case split && !c.mpc:
		return fmt.Errorf("this folder was started with -mpc; use it again, or another -var, or delete %s to start over", c.dir)
	case c.mpc && !split && there("issuer.db"):
		return fmt.Errorf("this folder was started without -mpc; use another -var, or delete %s to start over", c.dir)
	}
	return nil
}

// kinds are what the demonstration's parties compare, each kind in a group of its
// own. The rule for irises is the one whose threshold is a third.
func kinds() []string { return []string{party.Iris, party.Face} }

const (
	partyEnv     = "PERHUMAN_DEMO_PARTY" // of a party's process: its folder
	partyServing = "serving\n"
	partyTimeout = time.Minute
)

// openParties starts the three processes. Each has a folder with keys that no
// other process reads; this one knows their public keys, and no template.
func (w *world) openParties(ctx context.Context) error {
	link, err := w.cfg.secret("link.key", func() ([]byte, error) { return random(ed25519.SeedSize) })
	if err != nil {
		return err
	}
	if len(link) != ed25519.SeedSize {
		return errors.New("link.key does not hold a key")
	}
	key := ed25519.NewKeyFromSeed(link)
	listeners := map[string][3]*net.TCPListener{}
	defer func() {
		for _, all := range listeners {
			for _, l := range all {
				if l != nil {
					_ = l.Close() // the parties have it
				}
			}
		}
	}()
	w.compare = comparing{parties: 3, groups: map[capture.Modality]party.Group{}}
	var matchers []*secret.Matcher
	for _, kind := range kinds() {
		g, l, err := w.partyGroup(kind, key)
		if err != nil {
			return err
		}
		listeners[kind] = l
		c := secret.Config{Group: g, Rand: rand.Reader, Timeout: partyTimeout, Logf: w.logf}
		for i := range c.Parties {
			if c.Parties[i], err = party.NewClient(g, i, key); err != nil {
				return err
			}
		}
		m, err := secret.New(c)
		if err != nil {
			return err
		}
		matchers = append(matchers, m)
		modality := capture.Iris
		if kind == party.Face {
			modality = capture.Face
		}
		w.compare.groups[modality] = g
	}
	for i := range 3 {
		stop, err := startParty(ctx, w.partyFolder(i), func(kind string) *net.TCPListener { return listeners[kind][i] })
		if err != nil {
			return fmt.Errorf("party %d: %w", i, err)
		}
		w.onClose(stop)
	}
	joined, err := secret.Join(matchers...)
	if err != nil {
		return err
	}
	w.onClose(func() error { joined.Close(); return nil })
	w.compare.matcher = joined
	w.compare.seal = func(m capture.Modality) (capture.SealFunc, error) {
		keys, err := w.compare.groups[m].Seals()
		return share.To(rand.Reader, keys[:]...), err
	}
	return nil
}

func (w *world) partyFolder(i int) string {
	return filepath.Join(w.cfg.dir, fmt.Sprintf("party-%d", i))
}

// partyGroup reads the group of one kind, or makes it with the folders of its
// parties. The listeners are on the addresses that stand in it.
func (w *world) partyGroup(kind string, key ed25519.PrivateKey) (g party.Group, l [3]*net.TCPListener, err error) {
	path := filepath.Join(w.cfg.dir, "group-"+kind+".json")
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w.newGroup(path, kind, key)
	case err != nil:
		return g, l, err
	}
	if g, err = party.ParseGroup(b); err != nil {
		return g, l, fmt.Errorf("%s: %w", path, err)
	}
	for i := range l {
		if l[i], err = listenParty(g.Parties[i].Address); err != nil {
			return g, l, fmt.Errorf("party %d: %w", i, err)
		}
	}
	return g, l, w.writeGroups(kind, b)
}

func (w *world) newGroup(path, kind string, key ed25519.PrivateKey) (g party.Group, l [3]*net.TCPListener, err error) {
	g = party.Group{
		Version: 1, Issuer: w.issuerName(), Compare: kind, Front: wire.PinOf(key).String(), Virtual: true,
		Roots: []string{capture.VirtualRoot(w.root.Public().(ed25519.PublicKey)).String()},
	}
	for i := range l {
		if l[i], err = listenParty("127.0.0.1:0"); err != nil {
			return g, l, err
		}
		folder := filepath.Join(w.partyFolder(i), kind)
		if err = os.RemoveAll(folder); err != nil { // of a first start that ended in the middle
			return g, l, err
		}
		if g.Parties[i], err = party.CreateFolder(folder, l[i].Addr().String(), rand.Reader); err != nil {
			return g, l, err
		}
	}
	b, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return g, l, err
	}
	b = append(b, '\n')
	if err := w.writeGroups(kind, b); err != nil {
		return g, l, err
	}
	return g, l, writeNew(path, b)
}

// writeGroups gives each party its copy of the group file.
func (w *world) writeGroups(kind string, b []byte) error {
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(w.partyFolder(i), "group-"+kind+".json"), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func listenParty(address string) (*net.TCPListener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// startParty runs one party in a process of its own: this program again. It ends
// when stop is called, and when this process is gone.
func startParty(ctx context.Context, dir string, listener func(kind string) *net.TCPListener) (stop func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self) // #nosec G204 -- this program
	cmd.Env = append(os.Environ(), partyEnv+"="+dir)
	cmd.Stderr = os.Stderr
	for _, kind := range kinds() {
		file, err := listener(kind).File()
		if err != nil {
			return nil, err
		}
		defer file.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() error {
		_ = in.Close()
		late := time.AfterFunc(partyTimeout, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		return cmd.Wait()
	}
	end := context.AfterFunc(ctx, func() { _ = in.Close() })
	defer end()
	word := make([]byte, len(partyServing))
	if _, err := io.ReadFull(out, word); err != nil {
		return nil, errors.Join(errors.New("did not start"), stop())
	}
	return stop, nil
}

// partyProcess is a party's process: it serves its groups until its parent closes
// its input.
func partyProcess(dir string, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	done := make(chan error)
	for n, kind := range kinds() {
		s, f, l, err := openParty(dir, kind, os.NewFile(uintptr(3+n), kind)) // #nosec G115 -- two kinds
		if err != nil {
			return err
		}
		go func() { done <- errors.Join(s.Serve(ctx, l), f.Close()) }()
	}
	fmt.Fprint(out, partyServing)
	var all error
	for range kinds() {
		err := <-done
		cancel() // one alone is of no use
		all = errors.Join(all, err)
	}
	return all
}

func openParty(dir, kind string, file *os.File) (*party.Server, *party.Folder, net.Listener, error) {
	fail := func(err error) (*party.Server, *party.Folder, net.Listener, error) { return nil, nil, nil, err }
	b, err := os.ReadFile(filepath.Join(dir, "group-"+kind+".json")) // #nosec G304 -- the folder is this process's
	if err != nil {
		return fail(err)
	}
	g, err := party.ParseGroup(b)
	if err != nil {
		return fail(err)
	}
	l, err := net.FileListener(file)
	if err != nil {
		return fail(err)
	}
	if err := file.Close(); err != nil {
		return fail(err)
	}
	f, err := party.OpenFolder(filepath.Join(dir, kind), g, time.Now())
	if err != nil {
		return fail(err)
	}
	s, err := party.NewServer(f, party.Options{
		Now: time.Now, Rand: rand.Reader, Timeout: partyTimeout,
		Logf: func(format string, args ...any) { fmt.Fprintf(os.Stderr, "# "+format+"\n", args...) },
	})
	if err != nil {
		return fail(errors.Join(err, f.Close()))
	}
	return s, f, l, nil
}
