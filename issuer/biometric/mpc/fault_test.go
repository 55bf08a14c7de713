package mpc_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// faulty does something to the frame of one round that is written to a
// connection. wire.Link writes a header, then a body.
type faulty struct {
	net.Conn
	mu     sync.Mutex // of round
	round  uint32
	do     string
	header []byte        // of the frame that is treated, until its body comes
	late   chan struct{} // open until a frame that is repeated later is through
}

func (f *faulty) at() uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.round
}

func (f *faulty) set(round uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.round = round
}

func (f *faulty) Write(b []byte) (int, error) {
	if f.late != nil {
		<-f.late
	}
	if f.header == nil {
		h, err := wire.ParseHeader(b)
		if err != nil || h.Kind != wire.Round || h.Round != f.at() {
			return f.Conn.Write(b)
		}
		if f.do == "killed" {
			_ = f.Close()
			return 0, net.ErrClosed
		}
		f.header = append([]byte(nil), b...)
		return len(b), nil
	}
	n := len(b)
	frame := append(f.header, b...)
	f.header = nil
	f.set(1 << 31) // once
	switch f.do {
	case "dropped":
		return n, nil
	case "duplicated":
		frame = append(frame, frame...)
	case "repeated later":
		again := bytes.Clone(frame)
		f.late = make(chan struct{})
		defer func() {
			go func() {
				defer close(f.late)
				_, _ = f.Conn.Write(again)
			}()
		}()
	case "delayed":
		time.Sleep(20 * time.Millisecond)
	case "tampered":
		frame[len(frame)-1] ^= 1
	}
	_, err := f.Conn.Write(frame)
	return n, err
}

// Whatever happens to one frame, in every round: nobody has a wrong answer,
// and the party that should have got the frame has none, unless it was only late.
func TestFaultInEveryRound(t *testing.T) {
	c := newCrowd(rand.New(rand.NewPCG(8, 8)), 1, 65, func(_, p, form, k int) uint16 {
		if p == 64 && form == 1 && k == 3 {
			return 0x8000
		}
		return 77
	})
	rounds := uint32(0)
	for round := uint32(0); round == 0 || round < rounds; round++ {
		for _, do := range []string{"none", "dropped", "duplicated", "delayed", "tampered", "killed"} {
			if do == "none" && round > 0 {
				continue
			}
			from := int(round) % 3
			if do == "duplicated" && round == rounds-1 {
				continue // TestLateDuplicate
			}
			sessions := newRoom(t).sessions(t, time.Minute, func(i int, conn net.Conn) net.Conn {
				if i == from && do != "none" {
					return &faulty{Conn: conn, round: round, do: do}
				}
				return conn
			})
			number := sessions[0].First()
			ctx, cancel := context.WithCancel(t.Context())
			if do == "dropped" {
				time.AfterFunc(20*time.Millisecond, cancel) // the sequencer gives up
			}
			errs := three(func(i int) error {
				known, err := sessions[i].Match(ctx, number, c.job(i, mpc.Prefix, nil))
				if err == nil && !known[0] {
					t.Errorf("round %d %s: party %d has a wrong answer", round, do, i)
				}
				return err
			})
			cancel()
			if do == "none" {
				rounds = uint32(sessions[0].Rounds())
			}
			hit := errs[(from+1)%3]
			switch {
			case do == "none" || do == "delayed":
				must(t, errs)
			case hit == nil:
				t.Errorf("round %d %s: party %d noticed nothing", round, do, (from+1)%3)
			case do == "tampered" && !errors.Is(hit, wire.ErrFrame), do == "duplicated" && !errors.Is(hit, wire.ErrOrder):
				t.Errorf("round %d %s: %v", round, do, hit)
			}
			for i := range sessions {
				if errs[i] == nil {
					continue
				}
				if _, err := sessions[i].Match(t.Context(), number+1, c.job(i, mpc.Prefix, nil)); !errors.Is(err, mpc.ErrBroken) {
					t.Errorf("round %d %s: a broken session goes on: %v", round, do, err)
				}
			}
			for _, s := range sessions {
				_ = s.Close()
			}
		}
	}
	if rounds < 15 {
		t.Errorf("%d rounds", rounds)
	}
}

// A duplicate of the last frame is found by the next query: it answers nothing.
func TestLateDuplicate(t *testing.T) {
	c := newCrowd(rand.New(rand.NewPCG(9, 9)), 1, 2, func(int, int, int, int) uint16 { return 1 })
	probe := newRoom(t).sessions(t, time.Minute, nil)
	c.match(t, probe, probe[0].First(), mpc.Prefix, nil)
	last := uint32(probe[0].Rounds() - 1)
	sessions := newRoom(t).sessions(t, time.Minute, func(i int, conn net.Conn) net.Conn {
		if i == 1 {
			return &faulty{Conn: conn, round: last, do: "repeated later"}
		}
		return conn
	})
	number := sessions[0].First()
	c.match(t, sessions, number, mpc.Prefix, nil)
	errs := three(func(i int) error {
		_, err := sessions[i].Match(t.Context(), number+1, c.job(i, mpc.Prefix, nil))
		return err
	})
	for i, err := range errs {
		if err == nil {
			t.Errorf("party %d has an answer", i)
		}
	}
	if !errors.Is(errs[2], wire.ErrOrder) {
		t.Errorf("the party that got it: %v", errs[2])
	}
}

// noticed tells when the first message of a query is written.
type noticed struct {
	net.Conn
	once  sync.Once
	begun chan struct{}
}

func (n *noticed) Write(b []byte) (int, error) {
	if h, err := wire.ParseHeader(b); err == nil && h.Kind == wire.Round {
		n.once.Do(func() { close(n.begun) })
	}
	return n.Conn.Write(b)
}

// A party that is cancelled, or never comes, ends the query at all three.
func TestCancelled(t *testing.T) {
	c := newCrowd(rand.New(rand.NewPCG(10, 10)), 1, 2, func(int, int, int, int) uint16 { return 1 })
	begun := make(chan struct{})
	sessions := newRoom(t).sessions(t, time.Minute, func(i int, conn net.Conn) net.Conn {
		if i == 0 {
			return &noticed{Conn: conn, begun: begun}
		}
		return conn
	})
	number := sessions[0].First()
	ctx, cancel := context.WithCancel(t.Context())
	errs := three(func(i int) error {
		if i == 2 {
			<-begun // party 0 computes, and waits for party 2
			cancel()
		}
		with := t.Context()
		if i == 0 {
			with = ctx
		}
		_, err := sessions[i].Match(with, number, c.job(i, mpc.Prefix, nil))
		return err
	})
	if !errors.Is(errs[0], context.Canceled) || errs[1] == nil || errs[2] == nil {
		t.Errorf("cancelled: %v, %v, %v", errs[0], errs[1], errs[2])
	}
	sessions = newRoom(t).sessions(t, 3*time.Second, nil)
	number = sessions[0].First()
	errs = three(func(i int) error {
		if i == 1 {
			return nil
		}
		_, err := sessions[i].Match(t.Context(), number, c.job(i, mpc.Prefix, nil))
		return err
	})
	if !errors.Is(errs[0], wire.ErrLink) || !errors.Is(errs[2], wire.ErrLink) {
		t.Errorf("alone: %v, %v", errs[0], errs[2])
	}
	done, stop := context.WithCancel(t.Context())
	stop()
	fresh := newRoom(t).sessions(t, time.Minute, nil)
	if _, err := fresh[0].Match(done, fresh[0].First(), c.job(0, mpc.Prefix, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	c.match(t, fresh, fresh[0].First(), mpc.Prefix, nil) // nothing had begun
}
