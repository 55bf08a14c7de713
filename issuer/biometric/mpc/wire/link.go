package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Message is one message between two parties. Body is what is sent, or where
// what comes is put: the receiver knows its length.
type Message struct {
	Kind   Kind
	Number uint64
	Round  uint32
	Tag    uint64
	Body   []byte
}

// Link is a connection to one other party. One goroutine may send while another
// one receives. After any error the connection is of no use any more: Close it.
type Link struct {
	conn    net.Conn
	timeout time.Duration
	out, in [headerSize]byte
	sent    atomic.Uint64
}

// NewLink takes over conn. A message that takes longer than timeout, to send or
// to come, is an error.
func NewLink(conn net.Conn, timeout time.Duration) *Link {
	return &Link{conn: conn, timeout: timeout}
}

// Sent gives the bytes sent so far, headers included.
func (l *Link) Sent() uint64 { return l.sent.Load() }

// Close closes the connection: who waits on it gets an error.
func (l *Link) Close() error { return l.conn.Close() }

// Send sends a message in as many frames as it needs; one that is empty has one
// frame. It blocks until the connection has taken all of it.
func (l *Link) Send(m Message) error {
	if len(m.Body) > MaxBody {
		return fmt.Errorf("%w: message too long", ErrFrame)
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
		return fmt.Errorf("%w: %w", ErrLink, err)
	}
	for at := 0; ; {
		part := m.Body[at:min(at+MaxFrame, len(m.Body))]
		h := Header{Kind: m.Kind, Number: m.Number, Round: m.Round, Offset: uint32(at), Tag: m.Tag} // #nosec G115 -- at most MaxBody
		if err := l.write(h.Append(l.out[:0], part)); err != nil {
			return err
		}
		if err := l.write(part); err != nil {
			return err
		}
		if at += len(part); at == len(m.Body) {
			return nil
		}
	}
}

func (l *Link) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := l.conn.Write(b)
	l.sent.Add(uint64(n)) // #nosec G115 -- not negative
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLink, err)
	}
	return nil
}

// Receive waits for exactly the message m and puts its bytes into m.Body.
func (l *Link) Receive(m Message) error {
	if err := l.conn.SetReadDeadline(time.Now().Add(l.timeout)); err != nil {
		return fmt.Errorf("%w: %w", ErrLink, err)
	}
	for at := 0; ; {
		if _, err := io.ReadFull(l.conn, l.in[:]); err != nil {
			return fmt.Errorf("%w: %w", ErrLink, err)
		}
		h, err := ParseHeader(l.in[:])
		if err != nil {
			return err
		}
		if err := m.wants(h, at); err != nil {
			return err
		}
		part := m.Body[at:][:h.Size]
		if _, err := io.ReadFull(l.conn, part); err != nil {
			return fmt.Errorf("%w: %w", ErrLink, err)
		}
		if check(l.in[:], part) != binary.LittleEndian.Uint32(l.in[28:]) {
			return fmt.Errorf("%w: checksum", ErrFrame)
		}
		if at += len(part); at == len(m.Body) {
			return nil
		}
	}
}

// wants tells whether a frame is the part of m from at on.
func (m Message) wants(h Header, at int) error {
	switch {
	case h.Kind != m.Kind, h.Number != m.Number, h.Round != m.Round, int(h.Offset) != at:
		return fmt.Errorf("%w: kind %d, query %d, round %d from %d on, expected %d, %d, %d from %d on",
			ErrOrder, h.Kind, h.Number, h.Round, h.Offset, m.Kind, m.Number, m.Round, at)
	case h.Tag != m.Tag:
		return ErrPlan
	case int(h.Size) != min(MaxFrame, len(m.Body)-at):
		return fmt.Errorf("%w: %d bytes, expected %d", ErrPlan, h.Size, min(MaxFrame, len(m.Body)-at))
	}
	return nil
}
