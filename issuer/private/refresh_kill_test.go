package private_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/issuer/private"
)

// desk is a matcher over three processes, with the plain matcher beside it, and
// what of an issuer it needs.
type desk struct {
	t     testing.TB
	room  *partytest.Room
	gates *[3]*partytest.Gate
	m     *private.Matcher
	plain *match.Matcher
	crowd *synth.Population
	kept  map[issuer.Serial][]byte
	asked byte
	idle  []*party.Client
	of    func(person, capture uint64) match.Template
	audit *private.Auditing
}

func newDesk(t testing.TB, people int) *desk {
	t.Helper()
	return newDeskOf(t, party.Face, people, false)
}

// newDeskOf is one for irises or faces, with audits or without.
func newDeskOf(t testing.TB, compare string, people int, audits bool) *desk {
	t.Helper()
	d := &desk{t: t, plain: match.New(), crowd: synth.New(31), kept: map[issuer.Serial][]byte{}}
	d.room, d.gates = partytest.Gated(t, compare, partytest.Issuer, nil)
	d.of = func(person, capture uint64) match.Template {
		return match.FromFace(d.crowd.Person(person).SampleFace(capture))
	}
	if compare == party.Iris {
		d.of = func(person, capture uint64) match.Template {
			return match.FromIris(d.crowd.Person(person).Sample(capture))
		}
	}
	if audits {
		d.audit = &private.Auditing{Device: d.room.Device, Key: []byte("a key for a test"), People: 2, Consents: [][32]byte{{1}}, Now: time.Now}
	}
	for i := range 3 {
		d.room.Spawn(t, i)
	}
	d.open()
	for n := range people {
		of := d.of(uint64(n), 0)
		p, known := d.ask(of)
		s := issuer.Serial{byte(n + 1)}
		if known {
			t.Fatalf("person %d is known", n)
		}
		if err := errors.Join(d.m.Add(s, p), d.plain.Add(match.Serial(s), of)); err != nil {
			t.Fatal(err)
		}
		d.kept[s] = p.Keep()
		d.m.Settled([]issuer.Serial{s})
	}
	d.m.Close()
	return d
}

// open makes a matcher, as an issuer does that starts.
func (d *desk) open() {
	d.t.Helper()
	c := private.Config{Group: d.room.Group, Rand: rand.Reader, Timeout: time.Minute, Auditing: d.audit}
	for i := range c.Parties {
		client := d.room.Client(d.t, i)
		c.Parties[i], d.idle = client, append(d.idle, client)
	}
	var err error
	if d.m, err = private.New(c); err != nil {
		d.t.Fatal(err)
	}
	for s, kept := range d.kept {
		if err := d.m.Restore(s, d.mode(), kept); err != nil {
			d.t.Fatal(err)
		}
	}
	d.m.Opened()
}

func (d *desk) ask(of match.Template) (issuer.Probe, bool) {
	d.t.Helper()
	var nonce [32]byte
	_, _ = rand.Read(nonce[:])
	e, err := capture.Parse(d.room.Envelope(d.t, nonce, of))
	if err != nil {
		d.t.Fatal(err)
	}
	p, err := d.m.Prepare(d.t.Context(), e)
	if err != nil {
		d.t.Fatal(err)
	}
	known, err := d.m.Match(p)
	if err != nil {
		d.t.Fatal(err)
	}
	return p, known
}

// same checks that everybody and somebody else get the plain matcher's answer, that
// the three are in one epoch, and that each has its shares and no others. It gives
// the epoch.
func (d *desk) same(when string, people int) uint64 {
	d.t.Helper()
	d.asked++
	for _, n := range []int{int(d.asked) % people, 1000 + int(d.asked)} {
		of := d.of(uint64(n), uint64(d.asked)+1)
		want, _, err := d.plain.Match(of)
		if err != nil {
			d.t.Fatal(err)
		}
		p, known := d.ask(of)
		if known != want || want != (n < people) {
			d.t.Errorf("%s: person %d is known: %t, to the plain matcher %t", when, n, known, want)
		}
		p.Wipe()
	}
	d.m.Close()
	var first party.Status
	for i := range 3 {
		s, err := d.room.Client(d.t, i).Status(d.t.Context())
		if err != nil {
			d.t.Fatal(err)
		}
		if i == 0 {
			first = s
		}
		if s.Epoch != first.Epoch || string(s.Name) != string(first.Name) || string(s.Digest) != string(first.Digest) || len(s.Kept)+len(s.Older) > 0 {
			d.t.Errorf("%s: party %d: %+v", when, i, s)
		}
		if names := d.shares(i); names != fmt.Sprintf("shares.%d", s.Epoch) {
			d.t.Errorf("%s: party %d has %s", when, i, names)
		}
	}
	return first.Epoch
}

func (d *desk) shares(i int) string {
	d.t.Helper()
	names, err := filepath.Glob(filepath.Join(d.room.Folder(i), "shares.*"))
	if err != nil {
		d.t.Fatal(err)
	}
	for k, name := range names {
		names[k] = filepath.Base(name)
	}
	return strings.Join(names, " ")
}

// Each party is killed in place of every record that reaches it during a refresh
// and what brings it to its end. With the next question all three are in the older
// epoch or all in the new one, and know whom they knew.
func TestRefreshKilledAtEveryRecord(t *testing.T) {
	const people = 3
	d := newDesk(t, people)
	step := 9            // a few in each of the three
	if testing.Short() { // under the race detector
		step = 15
	}
	if os.Getenv("PERHUMAN_LONG") == "1" {
		step = 1
	}
	epoch, forward, total := uint64(0), 0, 0
	for victim, gate := range d.gates {
		for at := 1 + victim*step/3; ; at += step {
			gate.Arm(at, func() { d.room.Running(victim).Kill() })
			_, err := d.m.Refresh(t.Context())
			in, killed := gate.Open()
			if !killed {
				if err != nil || in < 12 {
					t.Errorf("party %d was not killed, after %d records: %v", victim, in, err)
				}
				epoch++
				break
			}
			total++
			when := fmt.Sprintf("party %d killed at record %d", victim, at)
			d.room.Spawn(t, victim)
			if at%2 == 0 { // and the issuer too
				d.m.Close()
				d.open()
			}
			now := d.same(when, people)
			// One that was dropped is tried again by itself, once.
			if now < epoch || now > epoch+2 || err == nil && now == epoch {
				t.Errorf("%s: epoch %d after %d, refresh: %v", when, now, epoch, err)
			}
			if now > epoch {
				forward++
			}
			epoch = now
		}
	}
	t.Logf("killed %d times; %d times all went on to the new epoch", total, forward)
	if forward == 0 || forward == total {
		t.Errorf("killed %d times, and %d times all went on: one side is not tested", total, forward)
	}
}

// A party is killed at every call that changes its folder during a refresh, from
// its start on.
func TestRefreshKilledAtEveryWrite(t *testing.T) {
	tracer, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("strace is needed: ", err)
		}
		t.Skip("strace is not installed: ", err)
	}
	calls, victims := []string{"unlinkat", "renameat"}, []int{1}
	if testing.Short() { // under the race detector
		calls = calls[:1]
	}
	if os.Getenv("PERHUMAN_LONG") == "1" {
		calls, victims = append(calls, "pwrite64", "fsync", "ftruncate", "openat"), []int{0, 1, 2}
	}
	const people = 2
	d := newDesk(t, people)
	for _, victim := range victims {
		for _, call := range calls {
			times := 0
			for n, alive := 1, 0; alive < 2 && n < 60; n++ { // calls are counted by thread
				d.room.Running(victim).Kill()
				p := d.room.Spawn(t, victim, tracer, "-f", "-qqq", "-o", os.DevNull, "-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n))
				ctx, cancel := context.WithCancel(t.Context())
				go func() { // nobody answers any more
					select {
					case <-p.Done():
						cancel()
					case <-ctx.Done():
					}
				}()
				_, err := d.m.Refresh(ctx)
				cancel()
				if alive++; err != nil {
					times, alive = times+1, 0
				}
				for _, c := range d.idle {
					c.Close() // a connection that nobody has used holds a server up for seconds
				}
				p.Stop()
				d.room.Spawn(t, victim)
				if n%2 == 0 {
					d.m.Close()
					d.open()
				}
				d.same(fmt.Sprintf("party %d killed at %s %d", victim, call, n), people)
			}
			if times == 0 {
				t.Errorf("party %d was never killed at %s", victim, call)
			}
			t.Logf("party %d, %s: killed %d times", victim, call, times)
		}
	}
}

// The control: a party cannot write its new shares and dies. A sequencer that has
// those switch and settle who have kept theirs loses everybody; the one there is
// waits for all three, and loses nobody.
func TestRefreshCareless(t *testing.T) {
	for _, careless := range []bool{false, true} {
		d := newDesk(t, 2)
		if err := os.Mkdir(filepath.Join(d.room.Folder(1), "shares.1.new"), 0o700); err != nil {
			t.Fatal(err)
		}
		var clients [3]*party.Client
		var id [16]byte
		_, _ = rand.Read(id[:])
		var numbers [3]uint64
		three := func(do func(c *party.Client) error) (errs [3]error) {
			var all sync.WaitGroup
			for i := range clients {
				all.Go(func() { errs[i] = do(clients[i]) })
			}
			all.Wait()
			return errs
		}
		for i := range clients {
			clients[i] = d.room.Client(t, i)
		}
		errs := three(func(c *party.Client) (err error) {
			numbers[c.Number()], err = c.Connect(t.Context(), id)
			return err
		})
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		for i, err := range three(func(c *party.Client) error { _, err := c.Refresh(t.Context(), numbers[0]); return err }) {
			if err == nil {
				t.Errorf("party %d believes that all have kept", i)
			}
		}
		d.room.Running(1).Kill()
		d.room.Spawn(t, 1)
		if a, b, c := d.shares(0), d.shares(1), d.shares(2); a != "shares.0 shares.1.kept" || b != "shares.0" || c != a {
			t.Fatalf("%s, %s and %s", a, b, c)
		}
		if !careless {
			d.open() // as after a start of the issuer
			if epoch := d.same("a party could not write", 2); epoch != 0 {
				t.Errorf("epoch %d", epoch)
			}
			if epoch, err := d.m.Refresh(t.Context()); err != nil || epoch != 1 {
				t.Errorf("the next refresh: epoch %d, %v", epoch, err)
			}
			continue
		}
		for _, i := range []int{0, 2} {
			s, err := clients[i].Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e := mpc.Epoch{Number: s.Epoch + 1, Name: [16]byte(s.Kept)}
			if err := errors.Join(clients[i].Switch(t.Context(), e), clients[i].Settle(t.Context(), e)); err != nil {
				t.Fatal(err)
			}
		}
		d.open()
		if _, err := d.m.Refresh(t.Context()); !errors.Is(err, private.ErrDiverged) {
			t.Errorf("everybody is lost, and it says %v", err)
		}
	}
}
