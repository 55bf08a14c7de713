//go:build unix

package filestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

var book = wallet.Book{RP: "forum.example", Action: "post", Period: scope.PerDay(5).Period(time.Unix(1_800_000_000, 0))}

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func uses(t testing.TB, s wallet.Store, b wallet.Book) []wallet.Use {
	t.Helper()
	u, err := s.Uses(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// The file and the memory store answer alike, also after the file was closed
// and opened again at any point.
func TestEqualToMemory(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), "slots")
		file, memory := open(t, path), wallet.NewMemory()
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			b := book
			b.Action = rapid.SampledFrom([]string{"post", "vote"}).Draw(rt, "action")
			challenge := scope.Digest{rapid.Byte().Draw(rt, "challenge") % 8}
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0, 1, 2:
				u := wallet.Use{Challenge: challenge, Slot: rapid.Uint32Range(0, 4).Draw(rt, "slot"), Response: "proof.challenge"}
				if e1, e2 := file.Take(ctx, b, u), memory.Take(ctx, b, u); !errors.Is(e1, e2) {
					rt.Fatalf("take: %v, %v", e1, e2)
				}
			case 3, 4:
				o := wallet.Outcome(rapid.IntRange(1, 3).Draw(rt, "outcome"))
				if e1, e2 := file.Settle(ctx, b, challenge, o), memory.Settle(ctx, b, challenge, o); !errors.Is(e1, e2) {
					rt.Fatalf("settle: %v, %v", e1, e2)
				}
			case 5:
				if err := file.Close(); err != nil {
					rt.Fatal(err)
				}
				file = open(t, path)
			}
			if got, want := uses(t, file, b), uses(t, memory, b); !slices.Equal(got, want) {
				rt.Fatalf("file %v, memory %v", got, want)
			}
		}
	})
}

// T01 in the small: cut the file after every byte. What was acknowledged before
// the cut is there, what was cut is not, and nothing else happens.
func TestCutAnywhere(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "slots")
	s := open(t, path)
	var ends []int
	for i := range 3 {
		if err := s.Take(ctx, book, wallet.Use{Challenge: scope.Digest{byte(i)}, Slot: uint32(i), Response: "r"}); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(b))
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		cut := filepath.Join(dir, fmt.Sprint("cut", n))
		if err := os.WriteFile(cut, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Open(cut)
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		want := 0
		for _, e := range ends {
			if e <= n {
				want++
			}
		}
		if got := len(uses(t, c, book)); got != want {
			t.Fatalf("cut at %d: %d uses, want %d", n, got, want)
		}
		// And it goes on from there.
		if err := c.Take(ctx, book, wallet.Use{Challenge: scope.Digest{9}, Slot: 4, Response: "r"}); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		c = open(t, cut)
		if got := len(uses(t, c, book)); got != want+1 {
			t.Fatalf("cut at %d: %d uses after going on", n, got)
		}
	}
	// Damage that is not a cut is refused, never guessed at.
	for i := range whole[:ends[1]] {
		bad := slices.Clone(whole)
		bad[i] ^= 0x20
		file := filepath.Join(dir, "bad")
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := Open(file); err == nil {
			_ = c.Close()
			t.Fatalf("a flipped bit at %d of %d was taken", i, len(whole))
		} else if !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	}
}

func TestOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slots")
	s := open(t, path)
	if _, err := Open(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("opened twice: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	_ = s.Close()
	open(t, path)
}

// failing writes half a line and fails, or fails at Sync.
type failing struct {
	journal
	atSync bool
}

func (f failing) Write(b []byte) (int, error) {
	if f.atSync {
		return f.journal.Write(b)
	}
	n, _ := f.journal.Write(b[:len(b)/2])
	return n, errors.New("disk full")
}

func (f failing) Sync() error { return errors.New("input/output error") }

// A failed write poisons the store: nothing is answered from a guess.
func TestFailedWrite(t *testing.T) {
	ctx := context.Background()
	for _, atSync := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "slots")
		s := open(t, path)
		if err := s.Take(ctx, book, wallet.Use{Challenge: scope.Digest{1}, Slot: 1}); err != nil {
			t.Fatal(err)
		}
		s.file = failing{s.file, atSync}
		if err := s.Take(ctx, book, wallet.Use{Challenge: scope.Digest{2}, Slot: 2}); err == nil {
			t.Fatal("a failed write was acknowledged")
		}
		if _, err := s.Uses(ctx, book); !errors.Is(err, ErrFailed) {
			t.Fatalf("after a failure: %v", err)
		}
		if err := s.Take(ctx, book, wallet.Use{Challenge: scope.Digest{3}, Slot: 3}); !errors.Is(err, ErrFailed) {
			t.Fatalf("after a failure: %v", err)
		}
		_ = s.Close()
		if got := len(uses(t, open(t, path), book)); got < 1 || got > 2 {
			t.Fatalf("%d uses", got)
		}
	}
}

// T10: of many that want one slot, one gets it.
func TestT10OneWinner(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "slots"))
	var wg sync.WaitGroup
	wins := make(chan int, 32)
	for i := range 32 {
		wg.Go(func() {
			if s.Take(context.Background(), book, wallet.Use{Challenge: scope.Digest{byte(i)}, Slot: 1}) == nil {
				wins <- i
			}
		})
	}
	wg.Wait()
	if len(wins) != 1 {
		t.Fatalf("%d winners", len(wins))
	}
}
