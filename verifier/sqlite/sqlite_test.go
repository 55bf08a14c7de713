package sqlite

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

func mustOpen(t testing.TB, path string, f faults) *Store {
	t.Helper()
	s, err := open(path, Options{}, f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) { testStore(t, tailLimit) }

// The same where nearly every transaction puts the tail into the index.
func TestStoreOfShortTail(t *testing.T) { testStore(t, 3) }

func testStore(t *testing.T, limit int64) {
	mustOpen := func(t testing.TB, path string, f faults) *Store {
		s := mustOpen(t, path, f)
		s.w.tailLimit = limit
		return s
	}
	storetest.Run(t, storetest.Store{
		Rounds: 8,
		Open: func(t testing.TB) verifier.Store {
			return mustOpen(t, filepath.Join(t.TempDir(), "a store?&#%.db"), faults{})
		},
		Reopen: func(t testing.TB, s verifier.Store) verifier.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return mustOpen(t, s.(*Store).path, faults{})
		},
		Doubtful: func(t testing.TB, kept bool) (verifier.Store, func() int) {
			var fired atomic.Int32
			fail := func() error {
				if fired.CompareAndSwap(0, 1) {
					return errors.New("disk I/O error")
				}
				return nil
			}
			f := faults{beforeCommit: fail}
			if kept {
				f = faults{afterCommit: fail}
			}
			return mustOpen(t, filepath.Join(t.TempDir(), "s.db"), f), func() int { return int(fired.Load()) }
		},
	})
}
