package mpc_test

import (
	"bytes"
	"crypto/sha256"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// recorder keeps the bodies that are written, by round.
type recorder struct {
	net.Conn
	mu     sync.Mutex
	body   bool
	bodies [][]byte
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	if r.body {
		r.bodies = append(r.bodies, bytes.Clone(b))
	}
	h, err := wire.ParseHeader(b)
	r.body = !r.body && err == nil && h.Kind == wire.Round
	r.mu.Unlock()
	return r.Conn.Write(b)
}

// chi gives the chi-square statistic of bytes, in standard deviations from its
// mean of 255.
func chi(b []byte) float64 {
	var n [256]float64
	for _, x := range b {
		n[x]++
	}
	sum, mean := 0.0, float64(len(b))/256
	for _, k := range n {
		sum += (k - mean) * (k - mean) / mean
	}
	return (sum - 255) / math.Sqrt(2*255)
}

// extremes are crowds that would show in a transcript that is not covered: all
// numbers alike, and shared so that one party has everything or nothing.
func extremes(people int, value uint16) *crowd {
	c := newCrowd(rand.New(rand.NewPCG(11, 11)), 1, people, func(int, int, int, int) uint16 { return value })
	for i := range c.shares {
		for k := range c.shares[i][0].Both {
			v := value
			if i > 0 {
				v = 0
			}
			c.shares[i][0].Both[k], c.shares[i][0].One[k] = v, v
		}
	}
	return c
}

// What each party receives is uniform in every round, whatever the numbers are,
// and has nothing to do with what it received for the same query before.
func TestTranscriptIsUniform(t *testing.T) {
	for _, value := range []uint16{0, 1, 0x7fff, 0x8000, 0xffff} {
		var records [3]*recorder
		sessions := newRoom(t).sessions(t, time.Minute, func(i int, c net.Conn) net.Conn {
			records[i] = &recorder{Conn: c}
			return records[i]
		})
		c := extremes(128, value)
		number := sessions[0].First()
		for again := range uint64(2) {
			if c.match(t, sessions, number+again, mpc.Prefix, nil)[0] != (value >= 0x8000) {
				t.Errorf("value %#x is told wrong", value)
			}
		}
		for i, r := range records {
			half := len(r.bodies) / 2
			if half != sessions[i].Rounds() {
				t.Fatalf("%d messages recorded, %d rounds", half, sessions[i].Rounds())
			}
			for round := range half {
				first, second := r.bodies[round], r.bodies[half+round]
				if len(first) < 4096 {
					continue // too short for a statistic
				}
				diff := make([]byte, len(first))
				for k := range diff {
					diff[k] = first[k] ^ second[k]
				}
				for name, b := range map[string][]byte{"first": first, "second": second, "both": diff} {
					if x := chi(b); math.Abs(x) > 6 {
						t.Errorf("value %#x, party %d, round %d, %s: chi-square %.1f deviations off", value, i, round, name, x)
					}
				}
			}
		}
	}
	if x := chi(make([]byte, 4096)); x < 6 {
		t.Error("the control passes: this test sees nothing")
	}
}

// A party's files are noise too: the shares of an eye of which all is known.
func TestSharesAreUniform(t *testing.T) {
	zero := forged(t, 31, synth.New(31).Person(1).Sample(0).Left, func(v []uint16) { clear(v) })
	for i, s := range zero {
		b, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if x := chi(b[4:]); math.Abs(x) > 6 {
			t.Errorf("party %d: %.1f deviations off", i, x)
		}
	}
}

// The simulation: a party that meets, in place of the two others, a machine
// that knows no numbers and sends uniform bytes of the right length, notices
// nothing; and whichever answer the machine was told, one bit of the last message
// makes the party find it. So all that comes before says nothing of the answer or
// the numbers: who sees it could have made it alone. For the input checks the
// machine answers the party's own message with its digest, as a device that keeps
// to the format makes the others do.
func TestSimulation(t *testing.T) {
	c := newCrowd(rand.New(rand.NewPCG(12, 12)), 1, 65, func(int, int, int, int) uint16 { return 3 })
	eyes := splitPair(t, 12, synth.New(12).Person(1).Sample(0))
	vector := faceShares(t, 13, [128]int32(widen(synth.New(12).Person(1).SampleFace(0))))
	steps := map[string]func(s *mpc.Session, party int) (bool, error){
		"match": func(s *mpc.Session, party int) (bool, error) {
			known, err := s.Match(t.Context(), s.First(), c.job(party, mpc.Prefix, nil))
			return err == nil && known[0], err
		},
		"find": func(s *mpc.Session, party int) (bool, error) {
			_, known, err := s.Find(t.Context(), s.First(), c.job(party, mpc.Prefix, nil))
			return known, err
		},
		"check": func(s *mpc.Session, party int) (bool, error) {
			valid, err := s.CheckInputs(t.Context(), s.First(), [32]byte{1}, []dot.Person{eyes[party]})
			return err == nil && valid[0], err
		},
		"check of a face": func(s *mpc.Session, party int) (bool, error) {
			valid, err := s.CheckFaces(t.Context(), s.First(), [32]byte{1}, []dot.FaceShare[uint32]{vector[party]})
			return err == nil && valid[0], err
		},
	}
	for name, step := range steps {
		for party := range 3 {
			var got [2]bool
			for bit := range got {
				got[bit] = simulate(t, party, byte(bit), strings.HasPrefix(name, "check"), step)
			}
			if got[0] == got[1] {
				t.Errorf("%s, party %d: the last message does not decide", name, party)
			}
		}
	}
}

func simulate(t *testing.T, party int, bit byte, check bool, step func(*mpc.Session, int) (bool, error)) bool {
	t.Helper()
	next, sink := net.Pipe()
	source0, prev := net.Pipe()
	random := source(77)
	hello := func(conn net.Conn, as int) {
		l := wire.NewLink(conn, time.Minute)
		body := make([]byte, 48)
		_, _ = random.Read(body[16:])
		body[0] = byte(as)
		got := make([]byte, 48)
		sent := make(chan error, 1)
		go func() { sent <- l.Send(wire.Message{Kind: wire.Hello, Body: body}) }()
		if err := l.Receive(wire.Message{Kind: wire.Hello, Body: got}); err != nil {
			t.Error(err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
	greeted := make(chan struct{})
	go func() {
		defer close(greeted)
		hello(sink, (party+1)%3)
		hello(source0, (party+2)%3)
	}()
	s, err := mpc.Open(t.Context(), mpc.Config{Party: party, Next: next, Prev: prev, Rand: source(5), Mark: newRoom(t).marks[0], Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	<-greeted
	// The machine answers each message with one of the same length.
	done := make(chan struct{})
	go func() {
		defer close(done)
		machine(sink, wire.NewLink(source0, time.Minute), random, bit, check)
	}()
	answer, err := step(s, party)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	<-done
	return answer
}

// machine answers until the connection ends.
func machine(from net.Conn, to *wire.Link, random *rand.ChaCha8, bit byte, check bool) {
	opened := false
	first := sha256.New()
	for {
		head := make([]byte, 40)
		if _, err := readFull(from, head); err != nil {
			return
		}
		h, err := wire.ParseHeader(head)
		if err != nil {
			return
		}
		body := make([]byte, h.Size)
		if _, err := readFull(from, body); err != nil {
			return
		}
		if h.Round == 0 {
			first.Write(body)
		}
		_, _ = random.Read(body)
		switch {
		case check && h.Round == 1:
			body = first.Sum(nil)
		case check && h.Round < 4 && h.Round > 1: // the others' verdict on what the digest showed
			body[0] = 1
		case h.Size == 1 && !opened:
			body[0], opened = bit, true
		case h.Size == 1:
			body[0] &= 1
		}
		if err := to.Send(wire.Message{Kind: h.Kind, Number: h.Number, Round: h.Round, Tag: h.Tag, Body: body}); err != nil {
			return
		}
	}
}

func readFull(c net.Conn, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = c.Read(b[n:])
		n += m
	}
	if n == len(b) {
		return n, nil
	}
	return n, err
}

// The same enrolment by the same three parties with TLS between them, over TCP,
// and with each message under way for some milliseconds: only the time changes.
func TestOverTLS(t *testing.T) {
	c := newCrowd(rand.New(rand.NewPCG(13, 13)), 2, 200, func(q, p, form, k int) uint16 {
		if q == 1 && p == 150 && form == 1 && k == 100 {
			return 0x8123
		}
		return 0x7123
	})
	sessions := tlsSessions(t, newRoom(t), time.Millisecond)
	start := time.Now()
	got := c.match(t, sessions, sessions[0].First(), mpc.Prefix, nil)
	if got[0] || !got[1] {
		t.Errorf("over TLS: %v", got)
	}
	if took, least := time.Since(start), time.Duration(sessions[0].Rounds())*time.Millisecond; took < least {
		t.Errorf("%d rounds of a millisecond in %v", sessions[0].Rounds(), took)
	}
}
