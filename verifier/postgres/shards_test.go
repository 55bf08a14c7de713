package postgres

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// split gives acts of which nonce and nullifier live in different databases,
// and with a key in the third.
func split(t *testing.T, s *Store, fill byte, count int) (acts []verifier.Act) {
	t.Helper()
	for n := uint64(0); len(acts) < count; n++ {
		a := storetest.NewAct(fill, n)
		a.Credential, a.Key = "app", string(rune('a'+n%26))+string(rune('a'+n/26%26))+string(rune('a'+n/676))
		dbs := map[*database]bool{s.of(a.Nonce): true, s.of(keyDigest(a)): true, s.of([32]byte(a.Nullifier)): true}
		if len(dbs) == 3 {
			acts = append(acts, a)
		}
	}
	return acts
}

// A nonce that is spent through two shards is refused the second time, whoever
// comes with it.
func TestNonceThroughTwoShards(t *testing.T) {
	s := mustOpen(t, three(t), Options{}, faults{})
	a := storetest.NewAct(1, 1)
	if out, err := s.Spend(t.Context(), a); err != nil || out.Result != verifier.Accepted {
		t.Fatalf("%+v %v", out, err)
	}
	seen := map[*database]bool{}
	for n := uint64(0); len(seen) < 3; n++ {
		b := storetest.NewAct(2, n)
		seen[s.of([32]byte(b.Nullifier))] = true
		b.Nonce = a.Nonce
		if out, err := s.Spend(t.Context(), b); err != nil || out.Result != verifier.NonceUsed {
			t.Fatalf("%+v %v", out, err)
		}
		b.Nonce = storetest.NewAct(3, n).Nonce // the nullifier was not touched
		if out, err := s.Spend(t.Context(), b); err != nil || out.Result != verifier.Accepted {
			t.Fatalf("%+v %v", out, err)
		}
	}
}

// A process dies between two commits of one act. That costs a challenge at
// most: under its key the act goes on where it stopped, and nobody is accepted
// twice.
func TestCrashBetweenShards(t *testing.T) {
	for after := 1; after <= 2; after++ { // the nonce; the nonce and the key
		m := three(t)
		var commits atomic.Int32
		boom := errors.New("the process died")
		dying := mustOpen(t, m, Options{}, faults{between: func() error {
			if int(commits.Add(1)) == after {
				return boom
			}
			return nil
		}})
		s := mustOpen(t, m, Options{}, faults{}) // after the restart
		for i, a := range split(t, dying, 1, 12) {
			a.Record = []byte("first")
			if i%2 == 1 {
				a.Key = ""
				if after == 2 {
					continue // there is one commit before the nullifier's
				}
			}
			rival := a
			rival.Nonce, rival.Key = storetest.NewAct(2, uint64(i)).Nonce, ""
			a.Event = &verifier.Event{ID: string(rune('a' + i)), Created: time.UnixMilli(1)}
			commits.Store(0)
			if out, err := dying.Spend(t.Context(), a); !errors.Is(err, verifier.ErrInDoubt) || !errors.Is(err, boom) || out.Result != 0 {
				t.Fatalf("%+v %v", out, err)
			}
			if i%4 < 2 { // somebody else is first
				if out, err := s.Spend(t.Context(), rival); err != nil || out.Result != verifier.Accepted {
					t.Fatalf("%+v %v", out, err)
				}
			}
			out, err := s.Spend(t.Context(), a)
			switch {
			case a.Key == "":
				if err != nil || out.Result != verifier.NonceUsed {
					t.Fatalf("without a key: %+v %v", out, err)
				}
			case i%4 < 2:
				if err != nil || out.Result != verifier.NullifierUsed {
					t.Fatalf("too late: %+v %v", out, err)
				}
			default:
				if err != nil || out.Result != verifier.Accepted || !out.Replayed || string(out.Record) != "first" {
					t.Fatalf("under its key: %+v %v", out, err)
				}
				if out, err := s.Spend(t.Context(), rival); err != nil || out.Result != verifier.NullifierUsed {
					t.Fatalf("a second acceptance: %+v %v", out, err)
				}
				events, err := s.Claim(t.Context(), time.UnixMilli(2), time.Hour, 10)
				if err != nil || len(events) != 1 || events[0].ID != a.Event.ID {
					t.Fatalf("the event of what was accepted in the end: %+v %v", events, err)
				}
			}
		}
	}
}

// A key that belongs to another act gives the challenge back, in whichever
// database it is.
func TestKeyConflictKeepsTheChallenge(t *testing.T) {
	s := mustOpen(t, three(t), Options{}, faults{})
	acts := split(t, s, 1, 2)
	first, second := acts[0], acts[1]
	if out, err := s.Spend(t.Context(), first); err != nil || out.Result != verifier.Accepted {
		t.Fatalf("%+v %v", out, err)
	}
	own := second.Key
	second.Key = first.Key
	if out, err := s.Spend(t.Context(), second); err != nil || out.Result != verifier.KeyConflict {
		t.Fatalf("%+v %v", out, err)
	}
	second.Key = own
	if out, err := s.Spend(t.Context(), second); err != nil || out.Result != verifier.Accepted || out.Replayed {
		t.Fatalf("%+v %v", out, err)
	}
}

// Transactions of processes that run at the strictest level give each other up
// all the time; they are tried again, and every act is answered.
func TestSerializationFailures(t *testing.T) {
	m := one(t)
	m.Databases[0].DSN += "&default_transaction_isolation=serializable"
	var retries atomic.Int32
	f := faults{retried: func() { retries.Add(1) }}
	a, b := mustOpen(t, m, Options{}, f), mustOpen(t, m, Options{}, f)
	for round := 0; round < 4 || retries.Load() == 0 && round < 40; round++ {
		outs, errs := storetest.Race(either{a, b}, func(i int) verifier.Act {
			act := storetest.NewAct(1, uint64(round*8+i%8))
			act.Nonce = storetest.NewAct(2, uint64(round*64+i)).Nonce
			return act
		})
		won := 0
		for _, o := range outs {
			if o.Result == verifier.Accepted {
				won++
			}
		}
		if len(errs) > 0 || won != 8 {
			t.Fatalf("%d of 8 nullifiers were won, errors %v", won, errs)
		}
	}
	if retries.Load() == 0 {
		t.Error("nothing was ever tried again")
	}
	t.Logf("%d transactions were tried again", retries.Load())
}
