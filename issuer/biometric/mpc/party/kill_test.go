package party_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// gate stands before a party. It passes TLS records on, and may count those that
// go in, let each take its time, and do something in place of passing one on.
type gate struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	in    int           // records that came since arm
	at    int           // the record that is not passed on; 0: none
	then  func()        // in its place
	shut  bool          // nobody gets in
	delay time.Duration // of each record, both ways
}

func newGate(t testing.TB, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	g := &gate{l: l, to: to}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go g.connect(from)
		}
	}()
	return g
}

func (g *gate) connect(from net.Conn) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut {
		_ = from.Close()
		return
	}
	to, err := net.Dial("tcp", g.to)
	if err != nil {
		_ = from.Close()
		return
	}
	go g.pass(to, from, g.count)
	g.pass(from, to, func() bool { return true })
}

// count says whether a record that goes in is passed on.
func (g *gate) count() bool {
	g.mu.Lock()
	g.in++
	hit := g.at != 0 && g.in == g.at
	if hit {
		g.at, g.shut = 0, true
	}
	then := g.then
	g.mu.Unlock()
	if hit {
		then()
	}
	return !hit
}

// pass passes records on until either end is gone; then both are.
func (g *gate) pass(to, from net.Conn, ask func() bool) {
	type late struct {
		b  []byte
		at time.Time
	}
	line := make(chan late, 1024)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for r := range line {
			time.Sleep(time.Until(r.at))
			if _, err := to.Write(r.b); err != nil {
				_ = from.Close()
			}
		}
		_ = to.Close()
	}()
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(from, head); err != nil {
			break
		}
		b := make([]byte, 5+int(binary.BigEndian.Uint16(head[3:])))
		copy(b, head)
		if _, err := io.ReadFull(from, b[5:]); err != nil || !ask() {
			break
		}
		g.mu.Lock()
		at := time.Now().Add(g.delay)
		g.mu.Unlock()
		line <- late{b, at}
	}
	close(line)
	_ = from.Close()
	<-done
}

// arm begins to count; at is the record in whose place then is done.
func (g *gate) arm(at int, then func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in, g.at, g.then = 0, at, then
}

// open lets everybody in again, and gives how many records came.
func (g *gate) open() (in int, fired bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fired, g.shut, g.at = g.shut, false, 0
	return g.in, fired
}

// close lets nobody in who is not in.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

func (g *gate) slow(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delay = d
}

// gated is a room whose parties stand behind gates.
func gated(t testing.TB, compare string) (*partytest.Room, *[3]*gate) {
	t.Helper()
	var gates [3]*gate
	room := partytest.Through(t, compare, partytest.Issuer, nil, func(i int, address string) string {
		gates[i] = newGate(t, address)
		return gates[i].l.Addr().String()
	})
	return room, &gates
}

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
	room, gates := gated(t, party.Face)
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
			gate.arm(at, func() { room.Running(victim).Kill() })
			bits, errs := f.try(known, stranger)
			in, killed := gate.open()
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
		// In the last round a party may have all it needs.
		if last < 40 || answered > 2 {
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
	room, gates := gated(t, party.Face)
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
		g.slow(delay)
		g.arm(0, nil)
	}
	began := time.Now()
	if got := f.ask(serial(1), serial(2)); got[0] || !got[1] {
		t.Errorf("answers %v", got)
	}
	took := time.Since(began)
	var rounds [3]int
	for i, g := range gates {
		in, _ := g.open()
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
