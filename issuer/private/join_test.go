package private_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/issuer/private"
)

// Two groups as one matcher: each kind of capture goes to its own parties.
func TestJoin(t *testing.T) {
	crowd := synth.New(3)
	templates := map[string]match.Template{party.Face: match.FromFace(crowd.Person(1).SampleFace(0)), party.Iris: match.FromIris(crowd.Person(1).Sample(0))}
	rooms := map[string]*partytest.Room{}
	var all []*private.Matcher
	for _, kind := range []string{party.Face, party.Iris} {
		room := partytest.New(t, kind)
		c := private.Config{Group: room.Group, Rand: rand.Reader, Timeout: time.Minute, Logf: t.Logf}
		for i := range c.Parties {
			room.Serve(t, i)
			c.Parties[i] = room.Client(t, i)
		}
		m, err := private.New(c)
		if err != nil {
			t.Fatal(err)
		}
		rooms[kind], all = room, append(all, m)
	}
	if _, err := private.Join(all[0], all[0]); err == nil {
		t.Error("two groups of one kind are joined")
	}
	if _, err := private.Join(); err == nil {
		t.Error("nothing is joined")
	}
	j, err := private.Join(all...)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if keys := j.Keys(); len(keys) != 6 || keys[0].Name != "face party 0" || keys[5].Name != "iris party 2" {
		t.Errorf("keys %v", keys)
	}
	j.Reset()
	j.Opened()
	n := byte(0)
	prepare := func(kind string) issuer.Probe {
		t.Helper()
		n++
		e, err := capture.Parse(rooms[kind].Envelope(t, [32]byte{n}, templates[kind]))
		if err != nil {
			t.Fatal(err)
		}
		p, err := j.Prepare(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for i, kind := range []string{party.Face, party.Iris} {
		s := issuer.Serial{byte(i + 1)}
		p := prepare(kind)
		if hit, err := j.Match(p); err != nil || hit {
			t.Errorf("%s: somebody new: %t %v", kind, hit, err)
		}
		if err := j.Add(s, p); err != nil {
			t.Fatal(err)
		}
		kept := p.Keep()
		j.Settled([]issuer.Serial{s})
		p.Wipe()
		again := prepare(kind)
		if err := j.Locate(t.Context(), again); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if found, hit, err := j.Find(again); err != nil || !hit || found != s {
			t.Errorf("%s: found %x %t %v", kind, found, hit, err)
		}
		again.Wipe()
		if err := all[1-i].Restore(issuer.Serial{9}, capture.Modality("iris"), kept[:3]); !errors.Is(err, issuer.ErrUnreadable) {
			t.Errorf("a cut reference: %v", err)
		}
		receipts, err := j.Destroy(t.Context(), s)
		if err != nil || len(receipts) != 3 {
			t.Errorf("%s: destroyed: %d %v", kind, len(receipts), err)
		}
		for _, r := range receipts {
			if _, err := party.CheckReceipt(r, rooms[kind].Group); err != nil {
				t.Error(err)
			}
		}
		j.Remove(s)
	}
	if _, err := j.Destroy(t.Context(), issuer.Serial{77}); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("nobody is destroyed: %v", err)
	}
}
