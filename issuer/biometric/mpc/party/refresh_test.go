package party_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// keep is the first half of a refresh: all three keep the same epoch.
func (f *front) keep() (e mpc.Epoch) {
	f.t.Helper()
	var epochs [3]mpc.Epoch
	n := f.next()
	f.must(f.all(func(ctx context.Context, c *party.Client) (err error) {
		epochs[c.Number()], err = c.Refresh(ctx, n)
		return err
	}))
	if epochs[0] != epochs[1] || epochs[1] != epochs[2] {
		f.t.Fatalf("epochs %v", epochs)
	}
	return epochs[0]
}

func (f *front) refresh() mpc.Epoch {
	f.t.Helper()
	e := f.keep()
	f.must(f.all(func(ctx context.Context, c *party.Client) error { return c.Switch(ctx, e) }))
	f.must(f.all(func(ctx context.Context, c *party.Client) error { return c.Settle(ctx, e) }))
	f.connect()
	return e
}

// sharesIn gives the names of a folder's share files.
func sharesIn(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "shares.*"))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		names[i] = filepath.Base(name)
	}
	return names
}

// wordsOf reads a person's words from a share file.
func wordsOf(t testing.TB, path string, m mpc.Modality, place int) []uint16 {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	record := (2*m.Words() + 64 + 63) / 64 * 64
	b := make([]byte, 2*m.Words())
	if _, err := file.ReadAt(b, int64(4096+place*record)); err != nil {
		t.Fatal(err)
	}
	out := make([]uint16, m.Words())
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return out
}

// Three processes refresh their shares again and again, with people who come and
// go in between and restarts: every answer is the plain matcher's, no file of an
// older epoch is left, and a file of one epoch has nothing to do with one of
// another.
func TestRefreshOfFolders(t *testing.T) {
	for compare, template := range map[string]func(*synth.Person, uint64) match.Template{party.Face: faceOf, party.Iris: irisOf} {
		if testing.Short() && compare != party.Face { // under the race detector
			continue
		}
		t.Run(compare, func(t *testing.T) {
			room := partytest.New(t, compare)
			for i := range 3 {
				room.Spawn(t, i)
			}
			f := newFront(t, room)
			f.connect()
			crowd := synth.New(15)
			plain := match.New()
			known := func(of match.Template) bool {
				t.Helper()
				ok, _, err := plain.Match(of)
				if err != nil {
					t.Fatal(err)
				}
				return ok
			}
			for n := range 4 {
				of := template(crowd.Person(uint64(n)), 0)
				f.begin(serial(n), of)
				if got := f.ask(serial(n)); got[0] {
					t.Fatalf("person %d is known", n)
				}
				if n == 3 {
					break // pending through the first refresh
				}
				f.commit(serial(n))
				if err := plain.Add(match.Serial{byte(n)}, of); err != nil {
					t.Fatal(err)
				}
			}
			free := func(n int) (receipts [3][]byte) {
				f.must(f.all(func(ctx context.Context, c *party.Client) (err error) {
					receipts[c.Number()], err = c.Free(ctx, serial(n))
					return err
				}))
				return receipts
			}
			receipts := free(1)
			plain.Remove(match.Serial{1})
			m, err := room.Group.Modality()
			if err != nil {
				t.Fatal(err)
			}
			const refreshes = 3
			var stolen [refreshes + 1][3][4][]uint16 // of every epoch's files
			asked := 20
			for round := range refreshes + 1 {
				if round > 0 {
					before := f.status()
					e := f.refresh()
					if round == 2 {
						for i := range 3 {
							room.Running(i).Kill()
							room.Spawn(t, i)
						}
						places := f.places
						f = newFront(t, room)
						f.places = places
						f.connect()
					}
					for i, s := range f.status() {
						if s.Epoch != uint64(round) || !bytes.Equal(s.Name, e.Name[:]) || len(s.Kept)+len(s.Older) > 0 || s.Refreshing {
							t.Errorf("party %d after refresh %d: %+v", i, round, s)
						}
						if string(s.Digest) != string(before[i].Digest) {
							t.Error("the roll changed")
						}
					}
				}
				for i := range 3 {
					names := sharesIn(t, room.Folder(i))
					if len(names) != 1 {
						t.Fatalf("party %d has %v", i, names)
					}
					for place := range 4 {
						stolen[round][i][place] = wordsOf(t, filepath.Join(room.Folder(i), names[0]), m, place)
					}
				}
				if round == 1 { // who was pending before is let in after
					f.commit(serial(3))
					if err := plain.Add(match.Serial{3}, template(crowd.Person(3), 0)); err != nil {
						t.Fatal(err)
					}
				}
				for n := range 6 {
					if round == 0 && n == 3 {
						continue // pending: known here, and not there yet
					}
					of := template(crowd.Person(uint64(n)), uint64(7+round))
					s := serial(asked)
					asked++
					f.begin(s, of)
					if got, want := f.ask(s)[0], known(of); got != want || want != (n != 1 && n < 4) {
						t.Errorf("after %d refreshes person %d: %t, the plain matcher %t", round, n, got, want)
					}
					free(asked - 1)
				}
			}
			if again := free(1); !slices.EqualFunc(again[:], receipts[:], bytes.Equal) {
				t.Error("another receipt after a refresh")
			}
			for i := range 3 {
				room.Running(i).Kill()
				in, err := party.Inspect(room.Folder(i), room.Group, true)
				if err != nil || len(in.Faults) > 0 || in.Epoch != refreshes || in.Erase > 0 {
					t.Errorf("party %d: %+v %v", i, in, err)
				}
			}

			n := min(12800, m.Words()) // the code planes of the left eye, or the whole face
			at := func(round, i, place int) []uint16 { return stolen[round][i][place][:n] }
			for i := range 3 {
				for _, w := range at(1, i, 1) {
					if w != 0 {
						t.Fatal("somebody who is gone has shares in the next epoch")
					}
				}
				// Over everybody and all pairs of epochs, byte by byte.
				var seen [256]float64
				total := 0.0
				for _, pair := range [][2]int{{0, 1}, {1, 2}, {2, 3}} {
					for _, place := range []int{0, 2, 3} {
						a, b := at(pair[0], i, place), at(pair[1], i, place)
						for k := range a {
							d := a[k] - b[k]
							seen[byte(d)]++
							seen[d>>8]++
							total += 2
						}
					}
				}
				x := 0.0
				for _, s := range seen {
					x += (s - total/256) * (s - total/256) / (total / 256)
				}
				if math.Abs(x-255) > 7*22.6 {
					t.Errorf("party %d: two epochs differ by what is not uniform: chi-square %.0f", i, x)
				}
			}
			if compare == party.Iris {
				if _, err := galois.Open([3][]uint16{at(3, 0, 2), at(3, 1, 2), at(3, 2, 2)}); err != nil {
					t.Errorf("three files of one epoch: %v", err)
				}
				for _, mixed := range [][3]int{{2, 3, 3}, {3, 2, 3}, {3, 3, 0}} {
					if _, err := galois.Open([3][]uint16{at(mixed[0], 0, 2), at(mixed[1], 1, 2), at(mixed[2], 2, 2)}); !errors.Is(err, galois.ErrInconsistent) {
						t.Errorf("files of epochs %v: %v", mixed, err)
					}
				}
			}
		})
	}
}

// What a party answers in each state of a refresh, across restarts in each: nothing
// but what ends the refresh, and each of those calls again and again.
func TestStatesOfARefresh(t *testing.T) {
	room := partytest.New(t, party.Face)
	for i := range 3 {
		room.Spawn(t, i)
	}
	f := newFront(t, room)
	f.connect()
	crowd := synth.New(16)
	f.begin(serial(0), faceOf(crowd.Person(0), 0))
	f.ask(serial(0))
	f.begin(serial(1), faceOf(crowd.Person(1), 0))
	f.ask(serial(1))
	f.commit(serial(1))
	c := f.clients[0]
	ctx := t.Context()
	restart := func() {
		t.Helper()
		room.Running(0).Kill()
		room.Spawn(t, 0)
		c.Close()
	}
	envelope := room.Envelope(t, [32]byte{77}, faceOf(crowd.Person(9), 0))
	refuses := func(when string) {
		t.Helper()
		for what, do := range map[string]func() error{
			"connect": func() error { _, err := c.Connect(ctx, [16]byte{1}); return err },
			"begin":   func() error { return c.Begin(ctx, serial(9), f.places, envelope) },
			"void":    func() error { return c.Void(ctx, serial(9), mpc.Capture{1}, f.places) },
			"check":   func() error { _, err := c.Check(ctx, f.next(), serial(0)); return err },
			"match":   func() error { _, err := c.Match(ctx, f.next(), serial(0)); return err },
			"find":    func() error { _, _, err := c.Find(ctx, f.next(), serial(0)); return err },
			"commit":  func() error { return c.Commit(ctx, serial(0)) },
			"free":    func() error { _, err := c.Free(ctx, serial(1)); return err },
			"refresh": func() error { _, err := c.Refresh(ctx, f.next()); return err },
		} {
			if err := do(); !errors.Is(err, mpc.ErrEpoch) {
				t.Errorf("%s: %s: %v", when, what, err)
			}
		}
	}
	want := func(when, files string) {
		t.Helper()
		for range 2 {
			if got := strings.Join(sharesIn(t, room.Folder(0)), " "); got != files {
				t.Errorf("%s: %s, not %s", when, got, files)
			}
			s, err := c.Status(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if kept, older := strings.Contains(files, "kept"), !strings.Contains(files, "kept") && strings.Contains(files, " "); kept != (len(s.Kept) > 0) || older != (len(s.Older) > 0) {
				t.Errorf("%s: %+v", when, s)
			}
			restart()
		}
	}
	do := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%v, not %v", err, want)
		}
	}
	var was mpc.Epoch
	e := f.keep()
	refuses("kept")
	want("kept", "shares.0 shares.1.kept")
	refuses("kept, after a restart")
	do(c.Settle(ctx, e), mpc.ErrEpoch)
	do(c.Back(ctx, e), nil) // it is not there
	do(c.Switch(ctx, mpc.Epoch{Number: 1, Name: [16]byte{1}}), mpc.ErrEpoch)
	do(c.Switch(ctx, e), nil)
	do(c.Switch(ctx, e), nil)
	refuses("switched")
	do(c.Drop(ctx, was), mpc.ErrEpoch)
	want("switched", "shares.0 shares.1")
	refuses("switched, after a restart")
	do(c.Drop(ctx, was), mpc.ErrEpoch)
	do(c.Back(ctx, e), nil)
	want("back", "shares.0")
	do(c.Back(ctx, e), nil)
	do(c.Switch(ctx, e), mpc.ErrEpoch)
	for _, other := range f.clients[1:] {
		do(other.Drop(ctx, was), nil)
		do(other.Drop(ctx, was), nil)
	}
	f.connect()

	// All over again, to the end.
	e = f.keep()
	f.must(f.all(func(ctx context.Context, c *party.Client) error { return c.Switch(ctx, e) }))
	f.must(f.all(func(ctx context.Context, c *party.Client) error { return c.Settle(ctx, e) }))
	want("settled", "shares.1")
	do(c.Settle(ctx, e), nil)
	do(c.Switch(ctx, e), nil)
	do(c.Drop(ctx, was), mpc.ErrEpoch)
	was = e
	do(c.Drop(ctx, was), nil)
	do(c.Back(ctx, e), mpc.ErrEpoch)
	f.connect()
	f.begin(serial(2), faceOf(crowd.Person(0), 1))
	f.begin(serial(3), faceOf(crowd.Person(5), 1))
	if got := f.ask(serial(2), serial(3)); !got[0] || got[1] {
		t.Errorf("answers %v", got)
	}

	// Kept shares that are damaged: they are removed, and the others can go back.
	e = f.keep()
	path := filepath.Join(room.Folder(0), "shares.2.kept")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[4096+9] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.clients[1].Switch(ctx, e); err != nil {
		t.Fatal(err)
	}
	if err := c.Switch(ctx, e); err == nil {
		t.Error("it switched to damaged shares")
	}
	want("damaged", "shares.1")
	do(f.clients[2].Drop(ctx, was), nil)
	do(f.clients[1].Back(ctx, e), nil)
	f.connect()
	f.begin(serial(4), faceOf(crowd.Person(5), 2))
	if got := f.ask(serial(3), serial(4)); got[0] || !got[1] {
		t.Errorf("answers %v", got)
	}
}
