package partytest

import (
	"crypto/ed25519"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Gate stands before a party. It passes TLS records on, and may count those that
// go in, let each take its time, and do something in place of passing one on.
type Gate struct {
	l  net.Listener
	to string

	mu    sync.Mutex
	in    int           // records that came since arm
	at    int           // the record that is not passed on; 0: none
	then  func()        // in its place
	shut  bool          // nobody gets in
	delay time.Duration // of each record, both ways
}

// NewGate opens one before an address, at an address of its own.
func NewGate(t testing.TB, to string) *Gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	g := &Gate{l: l, to: to}
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

func (g *Gate) connect(from net.Conn) {
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
func (g *Gate) count() bool {
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
func (g *Gate) pass(to, from net.Conn, ask func() bool) {
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

// Arm begins to count; at is the record in whose place then is done.
func (g *Gate) Arm(at int, then func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.in, g.at, g.then = 0, at, then
}

// Open lets everybody in again, and gives how many records came.
func (g *Gate) Open() (in int, fired bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fired, g.shut, g.at = g.shut, false, 0
	return g.in, fired
}

// Shut lets nobody in who is not in.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// Slow has every record take a time, both ways.
func (g *Gate) Slow(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delay = d
}

// Address is where the gate is.
func (g *Gate) Address() string { return g.l.Addr().String() }

// Gated is a room as Through makes it whose parties stand behind gates.
func Gated(t testing.TB, compare, issuer string, root ed25519.PrivateKey) (*Room, *[3]*Gate) {
	t.Helper()
	var gates [3]*Gate
	room := Through(t, compare, issuer, root, func(i int, address string) string {
		gates[i] = NewGate(t, address)
		return gates[i].Address()
	})
	return room, &gates
}
