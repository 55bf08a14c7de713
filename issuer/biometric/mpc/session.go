package mpc

import (
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// Config is what a party needs for a session.
type Config struct {
	// Party is 0, 1 or 2.
	Party int
	// Next is a connection to party+1 and Prev one to party-1, modulo 3, on which
	// the other one has proven who it is (wire.Client, wire.Server). The session
	// closes them.
	Next, Prev net.Conn
	// Rand is a cryptographic source.
	Rand io.Reader
	// Mark keeps query numbers from being used twice. Nobody else uses it.
	Mark *Mark
	// Timeout is how long one message may take, the other parties' computation
	// before it included.
	Timeout time.Duration
}

// Session is one party's end of a computation of three. Its methods are called
// with the same arguments, in the same order, at all three parties, and block
// until the others have come along. One runs at a time. After an error, a
// cancelled context included, both connections are closed and the session is of
// no use any more: nobody learns a result from two parties of three.
type Session struct {
	party      int
	next, prev *wire.Link
	nextKey    cipher.Block // shared with next
	prevKey    cipher.Block
	mark       *Mark
	rand       io.Reader
	first      uint64

	mu     sync.Mutex // held while a query runs
	broken error
	rounds uint32 // of the last query
	out    []byte
	in     []byte
	work   workspace
}

const helloSize = 8 + 8 + 32

// Open greets both neighbours and agrees with each on a fresh key.
func Open(ctx context.Context, c Config) (*Session, error) {
	if c.Party < 0 || c.Party >= galois.Parties || c.Next == nil || c.Prev == nil || c.Rand == nil || c.Mark == nil || c.Timeout <= 0 {
		return nil, ErrConfig
	}
	s := &Session{party: c.Party, mark: c.Mark, rand: c.Rand, next: wire.NewLink(c.Next, c.Timeout), prev: wire.NewLink(c.Prev, c.Timeout), first: c.Mark.Next()}
	stop := context.AfterFunc(ctx, s.hangUp)
	defer stop()
	err := s.greet(c.Rand)
	if err != nil {
		s.hangUp()
		return nil, because(ctx, err)
	}
	return s, nil
}

func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

func (s *Session) hangUp() {
	_ = s.next.Close()
	_ = s.prev.Close()
}

// greet sends u8 party || 7 zero bytes || u64 next number || 32 random bytes to
// each neighbour and reads the same.
func (s *Session) greet(rand io.Reader) error {
	type side struct {
		link         *wire.Link
		party        int
		sent, gotten [helloSize]byte
		err          error
	}
	sides := [2]side{{link: s.next, party: (s.party + 1) % 3}, {link: s.prev, party: (s.party + 2) % 3}}
	for i := range sides {
		x := &sides[i]
		x.sent[0] = byte(s.party) // #nosec G115 -- 0, 1 or 2
		binary.LittleEndian.PutUint64(x.sent[8:], s.first)
		if _, err := io.ReadFull(rand, x.sent[16:]); err != nil {
			return fmt.Errorf("mpc: randomness: %w", err)
		}
	}
	var group sync.WaitGroup
	for i := range sides {
		x := &sides[i]
		group.Go(func() {
			sent := make(chan error, 1)
			go func() { sent <- x.link.Send(wire.Message{Kind: wire.Hello, Body: x.sent[:]}) }()
			if x.err = x.link.Receive(wire.Message{Kind: wire.Hello, Body: x.gotten[:]}); x.err != nil {
				_ = x.link.Close()
			}
			x.err = errors.Join(x.err, <-sent)
		})
	}
	group.Wait()
	for i := range sides {
		x := &sides[i]
		if x.err != nil {
			return x.err
		}
		if int(x.gotten[0]) != x.party || [7]byte(x.gotten[1:8]) != [7]byte{} {
			return fmt.Errorf("%w: party %d where party %d should be", ErrConfig, x.gotten[0], x.party)
		}
		s.first = max(s.first, binary.LittleEndian.Uint64(x.gotten[8:]))
	}
	var err error
	if s.nextKey, err = pairKey(s.party, [32]byte(sides[0].sent[16:]), [32]byte(sides[0].gotten[16:])); err != nil {
		return err
	}
	s.prevKey, err = pairKey(sides[1].party, [32]byte(sides[1].gotten[16:]), [32]byte(sides[1].sent[16:]))
	return err
}

// First gives the lowest query number that no party has used: the sequencer
// begins with it.
func (s *Session) First() uint64 { return s.first }

// Rounds gives the number of messages that the last query sent one after the
// other, each after the one before had come.
func (s *Session) Rounds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.rounds)
}

// Sent gives the bytes sent in this session, headers of frames included.
func (s *Session) Sent() uint64 { return s.next.Sent() + s.prev.Sent() }

// Close ends the session: whoever waits in it, here or at the other parties,
// gets an error.
func (s *Session) Close() error {
	s.hangUp()
	return nil
}

// run is one query on its way.
type run struct {
	*Session
	number, tag uint64
	zeros       zeros
}

// do runs one query. plan is everything the three must agree on.
func (s *Session) do(ctx context.Context, number uint64, plan [32]byte, f func(*run) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return errors.Join(ErrBroken, s.broken)
	}
	if err := ctx.Err(); err != nil {
		return err // nothing has begun
	}
	stop := context.AfterFunc(ctx, s.hangUp)
	defer stop()
	err := s.mark.Use(number)
	if err == nil {
		s.rounds = 0
		r := &run{s, number, binary.LittleEndian.Uint64(plan[:]), newZeros(s.nextKey, s.prevKey, number)}
		err = f(r)
	}
	if err != nil {
		s.broken = because(ctx, err)
		s.hangUp()
		return s.broken
	}
	return nil
}

// exchange sends out to the next party while what the one before sends comes
// into in.
func (r *run) exchange(out, in []byte) error {
	message := func(body []byte) wire.Message {
		return wire.Message{Kind: wire.Round, Number: r.number, Round: r.rounds, Tag: r.tag, Body: body}
	}
	sending, coming := message(out), message(in)
	r.rounds++
	sent := make(chan error, 1)
	go func() { sent <- r.next.Send(sending) }()
	err := r.prev.Receive(coming)
	if err != nil {
		r.hangUp() // or Send would wait for its deadline
	}
	return errors.Join(err, <-sent)
}

// buffers gives n bytes to send and n to receive, which hold anything.
func (s *Session) buffers(n int) (out, in []byte) {
	if cap(s.out) < n {
		s.out, s.in = make([]byte, n), make([]byte, n)
	}
	return s.out[:n], s.in[:n]
}
