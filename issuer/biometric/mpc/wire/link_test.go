package wire_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

func source(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// pair gives two ends of a connection, and what is between them: each frame
// sent by the left one goes through change.
func pair(t *testing.T, change func(frame int, b []byte) [][]byte) (left, right *wire.Link) {
	t.Helper()
	a, b := net.Pipe()
	c, d := net.Pipe()
	t.Cleanup(func() { _ = a.Close(); _ = b.Close(); _ = c.Close(); _ = d.Close() })
	go func() {
		defer c.Close()
		for frame := 0; ; frame++ {
			got := make([]byte, 40+wire.MaxFrame)
			if _, err := readFull(b, got[:40]); err != nil {
				return
			}
			h, err := wire.ParseHeader(got[:40])
			if err != nil {
				return
			}
			got = got[:40+h.Size]
			if _, err := readFull(b, got[40:]); err != nil {
				return
			}
			for _, out := range change(frame, got) {
				if _, err := c.Write(out); err != nil {
					return
				}
			}
		}
	}()
	return wire.NewLink(a, time.Second), wire.NewLink(d, time.Second)
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

func body(n int) []byte {
	b := make([]byte, n)
	_, _ = source(1).Read(b)
	return b
}

// Whatever happens to a frame, the receiver gets the message or an error that
// names what happened.
func TestFaults(t *testing.T) {
	same := func(_ int, b []byte) [][]byte { return [][]byte{b} }
	second := func(do func(b []byte) [][]byte) func(int, []byte) [][]byte {
		return func(frame int, b []byte) [][]byte {
			if frame == 1 {
				return do(b)
			}
			return [][]byte{b}
		}
	}
	var held []byte
	for name, c := range map[string]struct {
		change func(int, []byte) [][]byte
		want   error
	}{
		"none":       {same, nil},
		"dropped":    {second(func([]byte) [][]byte { return nil }), wire.ErrOrder},
		"duplicated": {second(func(b []byte) [][]byte { return [][]byte{b, b} }), wire.ErrOrder},
		"cut":        {second(func(b []byte) [][]byte { return [][]byte{b[:len(b)-1]} }), wire.ErrFrame},
		"body":       {second(func(b []byte) [][]byte { b[99] ^= 4; return [][]byte{b} }), wire.ErrFrame},
		"number":     {second(func(b []byte) [][]byte { b[8] ^= 1; return [][]byte{b} }), wire.ErrOrder},
		"checksum":   {second(func(b []byte) [][]byte { b[30] ^= 1; return [][]byte{b} }), wire.ErrFrame},
		"tag":        {second(func(b []byte) [][]byte { b[39] ^= 1; return [][]byte{b} }), wire.ErrPlan},
		"version":    {second(func(b []byte) [][]byte { b[3]++; return [][]byte{b} }), wire.ErrVersion},
		"swapped": {func(frame int, b []byte) [][]byte {
			if frame == 1 {
				held = b
				return nil
			}
			if frame == 2 {
				return [][]byte{b, held}
			}
			return [][]byte{b}
		}, wire.ErrOrder},
	} {
		left, right := pair(t, c.change)
		m := wire.Message{Kind: wire.Round, Number: 5, Round: 3, Tag: 77, Body: body(3*wire.MaxFrame + 100)}
		go func() {
			if left.Send(m) == nil {
				_ = left.Send(wire.Message{Kind: wire.Round, Number: 5, Round: 4, Tag: 77, Body: body(50)})
			}
			_ = left.Close()
		}()
		got := m
		got.Body = make([]byte, len(m.Body))
		err := right.Receive(got)
		if !errors.Is(err, c.want) || c.want == nil && (err != nil || !bytes.Equal(got.Body, m.Body)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nobody waits for ever, and an end that is closed is noticed.
func TestDeadline(t *testing.T) {
	a, b := net.Pipe()
	late := wire.NewLink(a, 20*time.Millisecond)
	m := wire.Message{Kind: wire.Round, Body: make([]byte, 10)}
	if err := late.Receive(m); !errors.Is(err, wire.ErrLink) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing came: %v", err)
	}
	if err := late.Send(m); !errors.Is(err, wire.ErrLink) {
		t.Errorf("nobody reads: %v", err)
	}
	_ = b.Close()
	if err := late.Receive(m); !errors.Is(err, wire.ErrLink) {
		t.Errorf("closed: %v", err)
	}
}

func keys() (out [4]ed25519.PrivateKey) {
	for i := range out {
		out[i] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, 32))
	}
	return out
}

func TestPinnedKeys(t *testing.T) {
	k := keys()
	for name, c := range map[string]struct {
		client, server ed25519.PrivateKey
		expects        wire.Pin
		accepts        []wire.Pin
		ok             bool
	}{
		"pinned":       {k[0], k[1], wire.PinOf(k[1]), []wire.Pin{wire.PinOf(k[2]), wire.PinOf(k[0])}, true},
		"wrong server": {k[0], k[3], wire.PinOf(k[1]), []wire.Pin{wire.PinOf(k[0])}, false},
		"wrong client": {k[3], k[1], wire.PinOf(k[1]), []wire.Pin{wire.PinOf(k[0])}, false},
	} {
		a, b := net.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		type result struct {
			conn net.Conn
			pin  wire.Pin
			err  error
		}
		served := make(chan result, 1)
		go func() {
			conn, pin, err := wire.Server(ctx, b, c.server, c.accepts...)
			served <- result{conn, pin, err}
		}()
		conn, err := wire.Client(ctx, a, c.client, c.expects)
		if err == nil && !c.ok {
			// In TLS 1.3 the client is done before the server has seen its key.
			_ = conn.SetReadDeadline(time.Now().Add(time.Second))
			_, err = conn.Read(make([]byte, 1))
		}
		r := <-served
		if c.ok && (err != nil || r.err != nil || r.pin != wire.PinOf(c.client)) || !c.ok && (err == nil || !errors.Is(r.err, wire.ErrPeer) && name == "wrong client") {
			t.Errorf("%s: client %v, server %v", name, err, r.err)
		}
		if name == "wrong server" && !errors.Is(err, wire.ErrPeer) {
			t.Errorf("client took another party's key: %v", err)
		}
		cancel()
		_ = a.Close()
		_ = b.Close()
	}
}

// One bit changed on the network ends the connection: nothing of it is read.
func TestTamperedTLS(t *testing.T) {
	k := keys()
	a, b := net.Pipe()
	c, d := net.Pipe()
	var tamper = make(chan struct{})
	forward := func(from, to net.Conn, touch bool) {
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if err != nil {
				_ = to.Close()
				return
			}
			if touch {
				select {
				case <-tamper:
					buf[n-1] ^= 1
				default:
				}
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go forward(b, c, true)
	go forward(c, b, false)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	served := make(chan *wire.Link, 1)
	go func() {
		conn, _, err := wire.Server(ctx, d, k[1], wire.PinOf(k[0]))
		if err != nil {
			t.Error(err)
			served <- nil
			return
		}
		served <- wire.NewLink(conn, time.Second)
	}()
	conn, err := wire.Client(ctx, a, k[0], wire.PinOf(k[1]))
	if err != nil {
		t.Fatal(err)
	}
	left, right := wire.NewLink(conn, time.Second), <-served
	if right == nil {
		t.FailNow()
	}
	m := wire.Message{Kind: wire.Round, Number: 1, Body: body(1000)}
	into := wire.Message{Kind: wire.Round, Number: 1, Body: make([]byte, 1000)}
	go func() { _ = left.Send(m) }()
	if err := right.Receive(into); err != nil || !bytes.Equal(into.Body, m.Body) {
		t.Fatalf("untouched: %v", err)
	}
	close(tamper)
	go func() { _ = left.Send(m) }()
	if err := right.Receive(into); !errors.Is(err, wire.ErrLink) {
		t.Errorf("tampered: %v", err)
	}
}

// Bytes of any kind are a frame or an error, and what parses is what is written.
func FuzzParseHeader(f *testing.F) {
	f.Add(wire.Header{Kind: wire.Round, Number: 1, Round: 2, Offset: 3, Tag: 4}.Append(nil, []byte("body")))
	f.Add(make([]byte, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := wire.ParseHeader(b)
		if err != nil {
			return
		}
		again, err := wire.ParseHeader(h.Append(nil, make([]byte, h.Size)))
		if err != nil || again != h {
			t.Errorf("%+v became %+v, %v", h, again, err)
		}
	})
}

// A stream of any bytes neither fills memory nor passes for a message.
func FuzzReceive(f *testing.F) {
	f.Add(wire.Header{Kind: wire.Round, Number: 1}.Append(nil, []byte("four")))
	f.Fuzz(func(t *testing.T, b []byte) {
		left, right := net.Pipe()
		go func() { _, _ = left.Write(b); _ = left.Close() }()
		into := wire.Message{Kind: wire.Round, Number: 1, Body: make([]byte, 4)}
		err := wire.NewLink(right, time.Second).Receive(into)
		_ = right.Close()
		if err == nil && (len(b) < 44 || !bytes.Equal(b[40:44], into.Body)) {
			t.Error("passed for a message")
		}
	})
}
