package mpc_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

func source(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

// three does f for each party at once and gives their errors.
func three(f func(party int) error) (errs [3]error) {
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { errs[i] = f(i) })
	}
	group.Wait()
	return errs
}

func must(t testing.TB, errs [3]error) {
	t.Helper()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
}

// room is what three parties have on their disks.
type room struct{ marks [3]*mpc.Mark }

func newRoom(t testing.TB) *room {
	t.Helper()
	var r room
	for i := range r.marks {
		var err error
		if r.marks[i], err = mpc.CreateMark(filepath.Join(t.TempDir(), "mark")); err != nil {
			t.Fatal(err)
		}
	}
	return &r
}

// sessions connects three parties; through stands between party i and the next.
func (r *room) sessions(t testing.TB, timeout time.Duration, through func(from int, c net.Conn) net.Conn) (out [3]*mpc.Session) {
	t.Helper()
	var next, prev [3]net.Conn
	for i := range next {
		a, b := net.Pipe()
		if through != nil {
			a = through(i, a)
		}
		next[i], prev[(i+1)%3] = a, b
	}
	return r.open(t, timeout, next, prev)
}

func (r *room) open(t testing.TB, timeout time.Duration, next, prev [3]net.Conn) (out [3]*mpc.Session) {
	t.Helper()
	must(t, three(func(i int) (err error) {
		out[i], err = mpc.Open(context.Background(), mpc.Config{
			Party: i, Next: next[i], Prev: prev[i], Rand: source(byte(10 + i)), Mark: r.marks[i], Timeout: timeout,
		})
		return err
	}))
	t.Cleanup(func() {
		for _, s := range out {
			_ = s.Close()
		}
	})
	return out
}

// split gives additive shares of numbers modulo 2^16.
func split(r *rand.Rand, values []uint16) (out [3][]uint16) {
	for i := range out {
		out[i] = make([]uint16, len(values))
	}
	for k, v := range values {
		a, b := uint16(r.Uint32()), uint16(r.Uint32())
		out[0][k], out[1][k], out[2][k] = a, b, v-a-b
	}
	return out
}

// crowd is numbers of two forms for queries and people, in the clear and shared.
type crowd struct {
	queries, people int
	both, one       [][]uint16 // by query
	shares          [3][]dot.Forms
}

func newCrowd(r *rand.Rand, queries, people int, value func(q, person, form, comparison int) uint16) *crowd {
	c := &crowd{queries: queries, people: people}
	for q := range queries {
		var forms [2][]uint16
		var parts [2][3][]uint16
		for form := range forms {
			forms[form] = make([]uint16, people*dot.Comparisons)
			for p := range people {
				for k := range dot.Comparisons {
					forms[form][p*dot.Comparisons+k] = value(q, p, form, k)
				}
			}
			parts[form] = split(r, forms[form])
		}
		c.both, c.one = append(c.both, forms[0]), append(c.one, forms[1])
		for i := range c.shares {
			c.shares[i] = append(c.shares[i], dot.Forms{Both: parts[0][i], One: parts[1][i]})
		}
	}
	return c
}

// known is the person rule in the clear.
func (c *crowd) known(q, person int) bool {
	var any [2][4]bool
	for form, values := range [2][]uint16{c.both[q], c.one[q]} {
		for k, v := range values[person*dot.Comparisons:][:dot.Comparisons] {
			any[form][k/31] = any[form][k/31] || v>>15 == 1
		}
	}
	b, o := any[0], any[1]
	return b[0] && b[1] || b[2] && b[3] || o[0] || o[1] || o[2] || o[3]
}

// job gives one party's job.
func (c *crowd) job(party int, adder mpc.Adder, against [][]uint64) mpc.Job {
	return mpc.Job{
		Plan: [32]byte{1}, Queries: c.queries, People: c.people, Against: against, Adder: adder,
		Forms: func(first, last int, out []dot.Forms) error {
			for q := range out {
				copy(out[q].Both, c.shares[party][q].Both[first*dot.Comparisons:last*dot.Comparisons])
				copy(out[q].One, c.shares[party][q].One[first*dot.Comparisons:last*dot.Comparisons])
			}
			return nil
		},
	}
}

// match runs c at three parties, which must agree.
func (c *crowd) match(t testing.TB, s [3]*mpc.Session, number uint64, adder mpc.Adder, against [][]uint64) []bool {
	t.Helper()
	var got [3][]bool
	must(t, three(func(i int) (err error) {
		got[i], err = s[i].Match(t.Context(), number, c.job(i, adder, against))
		return err
	}))
	for q := range got[0] {
		if got[1][q] != got[0][q] || got[2][q] != got[0][q] {
			t.Fatal("the parties do not agree")
		}
	}
	return got[0]
}

// slow is a connection on which everything written is under way for some time.
type slow struct {
	net.Conn
	delay time.Duration
}

func (s slow) Write(b []byte) (int, error) {
	time.Sleep(s.delay)
	return s.Conn.Write(b)
}

// tlsSessions connects three parties over TCP on this machine, with mutual TLS.
func tlsSessions(t testing.TB, r *room, delay time.Duration) [3]*mpc.Session {
	t.Helper()
	var keys [3]ed25519.PrivateKey
	for i := range keys {
		keys[i] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, 32))
	}
	var next, prev [3]net.Conn
	for i := range keys {
		to := (i + 1) % 3
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() {
			conn, err := l.Accept()
			if err == nil {
				prev[to], _, err = wire.Server(context.Background(), conn, keys[to], wire.PinOf(keys[i]))
			}
			served <- err
		}()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			if delay > 0 {
				conn = slow{conn, delay}
			}
			next[i], err = wire.Client(context.Background(), conn, keys[i], wire.PinOf(keys[to]))
		}
		if err := errors.Join(err, <-served, l.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return r.open(t, time.Minute, next, prev)
}
