package sqlite

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// TestTailsOfManyProcesses: three stores on one file, whose tails have different
// lengths, spend, look and sweep in turns. Each knows at once what the others
// wrote, put into the index and forgot, and no id is used twice.
func TestTailsOfManyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	var stores [3]*Store
	for i, limit := range []int64{1, 7, 40} {
		stores[i] = mustOpen(t, path, faults{})
		stores[i].w.tailLimit = limit
		defer stores[i].Close()
	}
	r := rand.New(rand.NewPCG(5, 22)) // #nosec G404 -- repeatable chance for a test
	type row struct {
		message [32]byte
		closes  time.Time
	}
	spent, now, highest := map[[32]byte]row{}, storetest.NewAct(0, 0).Now, int64(0)
	accepted, refused, forgotten := 0, 0, 0
	for step := range uint64(2000) {
		s := stores[r.IntN(len(stores))]
		now = now.Add(time.Minute)
		if r.IntN(40) == 0 { // forget whatever may go
			for {
				n, err := s.Sweep(t.Context(), now)
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					break
				}
			}
			for nullifier, was := range spent {
				if !was.closes.IsZero() && was.closes.Before(now.Add(-verifier.SweepGrace)) {
					delete(spent, nullifier)
					forgotten++
				}
			}
		}
		a := storetest.NewAct(1, step)
		a.Nullifier, a.Scope, a.Now, a.Expires = storetest.NewAct(2, uint64(r.IntN(400))).Nullifier, [32]byte{}, now, now.Add(time.Minute)
		if r.IntN(8) > 0 {
			a.Closes = now.Add(time.Duration(r.IntN(60)) * time.Minute)
		}
		want := verifier.Accepted
		if was, known := spent[a.Nullifier]; known {
			want = verifier.NullifierUsed
			a.Message = was.message
			refused++
		} else {
			spent[a.Nullifier] = row{a.Message, a.Closes}
			accepted++
		}
		told, err := stores[r.IntN(len(stores))].Spent(t.Context(), a)
		if err != nil || told.Result != want {
			t.Fatalf("step %d: foretold %+v %v, want %s", step, told, err, want)
		}
		out, err := s.Spend(t.Context(), a)
		if err != nil || out.Result != want || out.SameMessage != (want == verifier.NullifierUsed) || !out.FirstSeen.Equal(told.FirstSeen) {
			t.Fatalf("step %d: %+v %v, want %s", step, out, err, want)
		}
		if want == verifier.Accepted {
			if _, last := s.tail.span(); last <= highest {
				t.Fatalf("step %d: row %d after row %d", step, last, highest)
			} else {
				highest = last
			}
		}
	}
	if accepted < 400 || refused < 400 || forgotten < 300 {
		t.Errorf("too little happened: %d accepted, %d refused, %d forgotten", accepted, refused, forgotten)
	}
	// All that is left is in the index or above the mark, once.
	var stray int
	if err := stores[0].reads.QueryRowContext(t.Context(), `
SELECT (SELECT count(*) FROM spent WHERE id <= (SELECT upto FROM spent_mark))
	- (SELECT count(*) FROM spent_by_nullifier i JOIN spent s ON s.id = i.id AND i.part = substr(s.nullifier, 1, 16))
	+ (SELECT count(*) FROM spent_by_nullifier WHERE id NOT IN (SELECT id FROM spent))`).Scan(&stray); err != nil || stray != 0 {
		t.Errorf("%d rows are not in step with the index, %v", stray, err)
	}
	t.Logf("%d accepted, %d refused, %d forgotten", accepted, refused, forgotten)
}
