package issuer_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/perhuman/perhuman/issuer"
)

func aSchedule(t *rapid.T) issuer.Schedule {
	return issuer.Schedule{
		Period:   rapid.Uint64Range(1, 10*86400).Draw(t, "period"),
		Cooldown: rapid.Uint64Range(1, 30*86400).Draw(t, "cool-down"),
		Lead:     rapid.Uint64Range(0, 2*86400).Draw(t, "lead"),
		Slack:    rapid.Uint64Range(0, 7200).Draw(t, "slack"),
		Settle:   60,
	}
}

// protocol.md section 7, for any metadata and anchors as late as they like: the
// out waits for the cool-down; the boundary is a multiple of the period, at
// least the lead after the out; the in comes after it; and no period that divides
// P sees both keys.
func TestSchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := aSchedule(t)
		announced := rapid.Uint64Range(1_700_000_000, 1_900_000_000).Draw(t, "announced")
		due := s.OutDue(announced)
		if due < announced+s.Cooldown || due >= announced+s.Cooldown+s.Period {
			t.Fatalf("out due at %d", due)
		}
		out := due + rapid.Uint64Range(0, 3*86400).Draw(t, "late")
		b := s.Boundary(out)
		if b%s.Period != 0 || b < out+s.Lead || b >= out+s.Lead+s.Period {
			t.Fatalf("boundary %d of an out at %d", b, out)
		}
		if planned := due + s.Lead + s.Slack; out <= due+s.Slack && (b > planned || planned%s.Period != 0) {
			t.Fatal("an out within the slack missed its boundary")
		}
		in := s.InDue(b) + rapid.Uint64Range(0, 86400).Draw(t, "late in")
		if in < b+60 {
			t.Fatal("in before the boundary")
		}
		// The last second in which anybody accepts the old leaf, the first for the
		// new one, in periods that divide P.
		parts := rapid.Uint64Range(1, 48).Draw(t, "parts")
		if s.Period%parts == 0 && s.Lead > 0 {
			length := s.Period / parts
			if last, first := out+s.Lead-1, in; last/length == first/length {
				t.Fatalf("period of %d s holds both keys", length)
			}
		}
	})
}

// All re-keys that are announced towards one boundary leave at one moment, so
// that they share a batch.
func TestScheduleBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := aSchedule(t)
		a := rapid.Uint64Range(1_700_000_000, 1_900_000_000).Draw(t, "a")
		b := a + rapid.Uint64Range(0, s.Period-1).Draw(t, "later")
		if x, y := s.OutDue(a), s.OutDue(b); y != x && y != x+s.Period {
			t.Fatalf("outs at %d and %d", x, y)
		}
	})
}

// A longer period that the operator publishes later only moves a new leaf to a
// later boundary, and a deletion's delay counts from the moment at which no
// verifier takes the old leaf any more.
func TestScheduleChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := aSchedule(t)
		b := s.Boundary(rapid.Uint64Range(1_700_000_000, 1_900_000_000).Draw(t, "out"))
		longer := s
		longer.Period *= rapid.Uint64Range(1, 9).Draw(t, "times")
		if in := longer.InDue(b); in < s.InDue(b) || (in-60)%longer.Period != 0 || (in-60)%s.Period != 0 {
			t.Fatalf("in due at %d", in)
		}
		delay := rapid.Uint64Range(1, 90*86400).Draw(t, "delay")
		removed := b
		if back := s.ReentryDue(removed, delay); back-(removed+s.Lead) < delay {
			t.Fatal("back too early")
		}
	})
}
