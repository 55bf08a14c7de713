package postgres

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/postgres/pgtest"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// shared is the cluster of all tests that do no harm to theirs. That it skips
// its fsyncs changes nothing but the time that they take.
var shared = pgtest.Shared{Settings: []string{"fsync=off"}}

func mustOpen(t testing.TB, m Map, o Options, f faults) *Store {
	t.Helper()
	f.noFsync = true
	s, err := open(t.Context(), m, o, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// three spreads the shards over three databases, in no order.
func three(t testing.TB) Map {
	return Map{Name: "forum.example", Epoch: 1, Databases: []Database{
		{DSN: shared.Schema(t), Shards: "0-9,40-50"}, {DSN: shared.Schema(t), Shards: "10-20,51-63"}, {DSN: shared.Schema(t), Shards: "21-39"},
	}}
}

func one(t testing.TB) Map { return One(shared.Schema(t), "forum.example") }

func TestStore(t *testing.T) {
	for name, layout := range map[string]func(testing.TB) Map{"one database": one, "three databases": three} {
		if testing.Short() && name == "one database" { // the other one says more
			continue
		}
		t.Run(name, func(t *testing.T) {
			maps := map[verifier.Store]Map{}
			opened := func(t testing.TB, m Map, f faults) verifier.Store {
				s := mustOpen(t, m, Options{Readers: 2}, f)
				maps[s] = m
				return s
			}
			storetest.Run(t, storetest.Store{
				Rounds: 5,
				Open:   func(t testing.TB) verifier.Store { return opened(t, layout(t), faults{}) },
				Reopen: func(t testing.TB, s verifier.Store) verifier.Store {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					return opened(t, maps[s], faults{})
				},
				Doubtful: func(t testing.TB, kept bool) (verifier.Store, func() int) {
					var fired atomic.Int32
					fail := func() error {
						if fired.CompareAndSwap(0, 1) {
							return errors.New("the connection broke")
						}
						return nil
					}
					f := faults{beforeCommit: fail}
					if kept {
						f = faults{afterCommit: fail}
					}
					return opened(t, layout(t), f), func() int { return int(fired.Load()) }
				},
			})
		})
	}
}

func TestT44StatementsAreConstants(t *testing.T) { storetest.ConstantStatements(t, ".", 30) }
