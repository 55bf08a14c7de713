package party_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// try is Check and Match as an issuer does them, and gives what each party said.
func (f *front) try(serials ...mpc.Serial) (bits [3][]bool, errs [3]error) {
	check, match := f.next(), f.next()
	errs = f.all(func(ctx context.Context, c *party.Client) (err error) {
		if _, err = c.Check(ctx, check, serials...); err == nil {
			bits[c.Number()], err = c.Match(ctx, match, serials...)
		}
		return err
	})
	return bits, errs
}

// A party is killed in place of every record that reaches it while two people are
// compared, and so in every round, each party in turn. Never do all three answer;
// who does tells the truth; and after a new start the same question has the right
// answer, and nobody is missing.
func TestKilledInEveryRound(t *testing.T) {
	room, gates := partytest.Gated(t, party.Face, partytest.Issuer, nil)
	for i := range 3 {
		room.Spawn(t, i)
	}
	f := newFront(t, room)
	f.connect()
	crowd := synth.New(6)
	for n := range 3 {
		f.begin(serial(n), faceOf(crowd.Person(uint64(n)), 0))
		f.ask(serial(n))
		f.commit(serial(n))
	}
	f.begin(serial(3), faceOf(crowd.Person(1), 1))
	f.begin(serial(4), faceOf(crowd.Person(7), 0))
	known, stranger := serial(3), serial(4)
	before := f.status()
	step := 17 // a few in each of the three
	if os.Getenv("PERHUMAN_LONG") == "1" {
		step = 1
	}
	for victim, gate := range gates {
		answered, last := 0, 0
		for at := 1 + victim*step/3; ; at += step {
			gate.Arm(at, func() { room.Running(victim).Kill() })
			bits, errs := f.try(known, stranger)
			in, killed := gate.Open()
			if !killed {
				f.must(errs)
				last = in
				break
			}
			given := 0
			for i, b := range bits {
				if errs[i] == nil {
					given++
					if !b[0] || b[1] {
						t.Fatalf("party %d killed at record %d: party %d says %v", victim, at, i, b)
					}
				}
			}
			if given == 3 || errs[victim] == nil {
				t.Fatalf("party %d killed at record %d: %d answer", victim, at, given)
			}
			if given > 0 {
				answered++
			}
			room.Spawn(t, victim)
			f.connect()
			if got := f.ask(known, stranger); !got[0] || got[1] {
				t.Fatalf("party %d killed at record %d: afterwards %v", victim, at, got)
			}
			for i, s := range f.status() {
				if s.Places != 5 || s.Pending != 2 || string(s.Digest) != string(before[i].Digest) {
					t.Fatalf("party %d killed at record %d: %+v", victim, at, s)
				}
			}
		}
		// In the last rounds a party may have all it needs before the signal has come.
		if last < 40 || answered*10 > last {
			t.Errorf("party %d: %d records; in %d cases somebody answered", victim, last, answered)
		}
		t.Logf("party %d: %d records come in", victim, last)
	}
	f.must(f.all(func(ctx context.Context, c *party.Client) error { _, err := c.Free(ctx, known); return err }))
	f.commit(stranger)
	after := f.status()
	for _, s := range after {
		if string(s.Digest) != string(after[0].Digest) || s.Pending != 0 {
			t.Errorf("rolls differ: %+v", after)
		}
	}
}

// Each record takes 20 ms each way. A frame is two records, its header and its
// body, and a round is a frame to the next party: all three count as many, and the
// time is no less than that of so many, one after the other.
func TestDelayedParties(t *testing.T) {
	room, gates := partytest.Gated(t, party.Face, partytest.Issuer, nil)
	for i := range 3 {
		room.Serve(t, i)
	}
	f := newFront(t, room)
	f.connect()
	crowd := synth.New(6)
	f.begin(serial(1), faceOf(crowd.Person(1), 0))
	f.begin(serial(2), faceOf(crowd.Person(1), 1))
	f.ask(serial(1), serial(2))
	const delay = 20 * time.Millisecond
	for _, g := range gates {
		g.Slow(delay)
		g.Arm(0, nil)
	}
	began := time.Now()
	if got := f.ask(serial(1), serial(2)); got[0] || !got[1] {
		t.Errorf("answers %v", got)
	}
	took := time.Since(began)
	var rounds [3]int
	for i, g := range gates {
		in, _ := g.Open()
		rounds[i] = (in - 2) / 2 // two requests of the issuer
	}
	if rounds[0] != rounds[1] || rounds[1] != rounds[2] || rounds[0] < 30 {
		t.Errorf("rounds %v", rounds)
	}
	// A round waits for what the one before brought, and so do the two questions.
	if least := time.Duration(rounds[0]+4) * delay; took < least {
		t.Errorf("%v for %d rounds and two questions of %v each way", took, rounds[0], delay)
	}
	t.Logf("%d rounds, %v", rounds[0], took)
}
