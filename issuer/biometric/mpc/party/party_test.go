package party_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

func TestMain(m *testing.M) { os.Exit(partytest.Main(m)) }

// front is the issuer's end of a room, as simple as it can be.
type front struct {
	t       testing.TB
	room    *partytest.Room
	clients [3]*party.Client
	number  uint64
	places  int
}

func newFront(t testing.TB, r *partytest.Room) *front {
	f := &front{t: t, room: r}
	for i := range f.clients {
		f.clients[i] = r.Client(t, i)
	}
	return f
}

// all calls the three at once.
func (f *front) all(do func(ctx context.Context, c *party.Client) error) (errs [3]error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var group sync.WaitGroup
	for i, c := range f.clients {
		group.Go(func() { errs[i] = do(ctx, c) })
	}
	group.Wait()
	return errs
}

func (f *front) must(errs [3]error) {
	f.t.Helper()
	if err := errors.Join(errs[:]...); err != nil {
		f.t.Fatal(err)
	}
}

func (f *front) connect() {
	f.t.Helper()
	var id [16]byte
	_, _ = rand.Read(id[:])
	var firsts [3]uint64
	f.must(f.all(func(ctx context.Context, c *party.Client) (err error) {
		firsts[c.Number()], err = c.Connect(ctx, id)
		return err
	}))
	if firsts[0] != firsts[1] || firsts[1] != firsts[2] {
		f.t.Fatalf("first numbers %v", firsts)
	}
	f.number = firsts[0]
}

func (f *front) next() uint64 { f.number++; return f.number - 1 }

func (f *front) begin(s mpc.Serial, of match.Template) {
	f.t.Helper()
	envelope := f.room.Envelope(f.t, [32]byte{s[0], 9}, of)
	f.must(f.all(func(ctx context.Context, c *party.Client) error { return c.Begin(ctx, s, f.places, envelope) }))
	f.places++
}

// ask is Check and Match; the three must agree.
func (f *front) ask(serials ...mpc.Serial) []bool {
	f.t.Helper()
	n := f.next()
	f.must(f.all(func(ctx context.Context, c *party.Client) error {
		valid, err := c.Check(ctx, n, serials...)
		for _, v := range valid {
			if !v {
				err = errors.New("the inputs are not valid")
			}
		}
		return err
	}))
	n = f.next()
	var known [3][]bool
	f.must(f.all(func(ctx context.Context, c *party.Client) (err error) {
		known[c.Number()], err = c.Match(ctx, n, serials...)
		return err
	}))
	for q := range serials {
		if known[0][q] != known[1][q] || known[1][q] != known[2][q] {
			f.t.Fatalf("they do not agree: %v", known)
		}
	}
	return known[0]
}

func (f *front) commit(s mpc.Serial) {
	f.t.Helper()
	f.must(f.all(func(ctx context.Context, c *party.Client) error { return c.Commit(ctx, s) }))
}

func (f *front) status() (out [3]party.Status) {
	f.t.Helper()
	f.must(f.all(func(ctx context.Context, c *party.Client) (err error) {
		out[c.Number()], err = c.Status(ctx)
		return err
	}))
	return out
}

func serial(n int) mpc.Serial { return mpc.Serial{byte(n), 1} }

func faceOf(of *synth.Person, capture uint64) match.Template {
	return match.FromFace(of.SampleFace(capture))
}

func irisOf(of *synth.Person, capture uint64) match.Template {
	return match.FromIris(of.Sample(capture))
}

// Three processes enrol people, know them again after a restart, find whose
// template it is, and forget who asks for it.
func TestThreeProcesses(t *testing.T) {
	for compare, template := range map[string]func(*synth.Person, uint64) match.Template{
		party.Face: faceOf, party.Iris: irisOf, party.IrisInner: irisOf, party.IrisExact: irisOf,
	} {
		if testing.Short() && compare != party.Face { // under the race detector
			continue
		}
		t.Run(compare, func(t *testing.T) {
			room := partytest.New(t, compare)
			start := func() *front {
				for i := range 3 {
					room.Spawn(t, i)
				}
				return newFront(t, room)
			}
			crowd := synth.New(5)
			f := start()
			f.connect()
			for n := range 4 {
				f.begin(serial(n), template(crowd.Person(uint64(n)), 0))
				if f.ask(serial(n))[0] {
					t.Fatalf("person %d is known", n)
				}
				f.commit(serial(n))
			}
			// Two in one batch who are one person: the first is new, the second is not.
			f.begin(serial(4), template(crowd.Person(9), 0))
			f.begin(serial(5), template(crowd.Person(9), 1))
			if got := f.ask(serial(4), serial(5)); got[0] || !got[1] {
				t.Fatalf("two captures of one person: %v", got)
			}
			before := f.status()
			for i := range 3 {
				room.Running(i).Stop()
			}

			f2 := start()
			f2.places = f.places
			for i, s := range f2.status() {
				if s.Places != 6 || s.Pending != 2 || string(s.Digest) != string(before[i].Digest) || s.Next < f.number {
					t.Fatalf("after the restart: %+v", s)
				}
			}
			f2.connect()
			if f2.number < f.number {
				t.Fatalf("number %d again", f2.number)
			}
			// A retry never matches itself.
			if got := f2.ask(serial(4)); got[0] {
				t.Fatal("a retry is known")
			}
			f2.commit(serial(4))
			f2.begin(serial(6), template(crowd.Person(2), 1))
			if got := f2.ask(serial(6)); !got[0] {
				t.Fatal("a person is not known again")
			}
			n := f2.next()
			f2.must(f2.all(func(ctx context.Context, c *party.Client) error {
				place, known, err := c.Find(ctx, n, serial(6))
				if err == nil && (place != 2 || !known) {
					t.Errorf("found at %d, %t", place, known)
				}
				return err
			}))

			// Deleted: overwritten at all three, and free to come again.
			var receipts [3][]byte
			for range 2 {
				f2.must(f2.all(func(ctx context.Context, c *party.Client) error {
					b, err := c.Free(ctx, serial(2))
					if before := receipts[c.Number()]; before != nil && string(before) != string(b) {
						t.Error("another receipt the second time")
					}
					receipts[c.Number()] = b
					return err
				}))
			}
			for i, b := range receipts {
				r, err := party.CheckReceipt(b, room.Group)
				if err != nil || r.Party != i || r.Serial != serial(2) || r.Place != 2 {
					t.Errorf("receipt %+v %v", r, err)
				}
				b[40] ^= 1
				if _, err := party.CheckReceipt(b, room.Group); !errors.Is(err, party.ErrReceipt) {
					t.Errorf("a changed receipt: %v", err)
				}
			}
			if got := f2.ask(serial(6)); got[0] {
				t.Fatal("somebody who was deleted is known")
			}
			for i := range 3 {
				room.Running(i).Stop()
			}
			start().connect()
		})
	}
}
