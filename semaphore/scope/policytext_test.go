package scope_test

import (
	"errors"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore/scope"
)

func TestPolicyText(t *testing.T) {
	for text, want := range map[string]scope.Policy{
		"once":                   scope.Once(),
		"returning":              scope.Returning(),
		"5/day":                  scope.PerDay(5),
		"3/1h0m0s":               scope.PerEpoch(time.Hour, 3),
		"1/24h0m1s":              scope.PerEpoch(86401*time.Second, 1),
		"snapshot:17:once":       scope.Snapshot(17, scope.Once()),
		"snapshot:1:2/day":       scope.Snapshot(1, scope.PerDay(2)),
		"snapshot:900:returning": scope.Snapshot(900, scope.Returning()),
	} {
		got, err := scope.ParsePolicy(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%q: %+v %v, written %q", text, got, err, got.String())
		}
	}
	for text, want := range map[string]scope.Policy{
		"24/24h": scope.PerDay(24), "2/90m": scope.PerEpoch(90*time.Minute, 2), "snapshot:8:3/1h": scope.Snapshot(8, scope.PerEpoch(time.Hour, 3)),
	} {
		if got, err := scope.ParsePolicy(text); err != nil || got != want {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "Once", "once ", "0/day", "1001/day", "+1/day", "01/day", "1", "1/", "/day", "1/0s", "1/1500ms", "1/-1h", "x/day", "1/1h/1h",
		"snapshot", "snapshot:", "snapshot:1", "snapshot:1:", "snapshot:0:once", "snapshot:01:once", "snapshot:-1:once", "snapshot:+1:once",
		"snapshot:1:snapshot:2:once", "snapshot:18446744073709551616:once", "snapshot:18446744073709551615:once", "per_epoch (no policy)",
	} {
		if p, err := scope.ParsePolicy(text); !errors.Is(err, scope.ErrPolicy) {
			t.Errorf("%q is %+v, %v", text, p, err)
		}
	}
}

func TestSnapshotOfNothing(t *testing.T) {
	for _, p := range []scope.Policy{
		scope.Snapshot(0, scope.Once()), scope.Snapshot(1, scope.Policy{}), scope.Snapshot(2, scope.Snapshot(1, scope.Once())),
		scope.Snapshot(1<<63, scope.Once()),
	} {
		if p.Validate() == nil {
			t.Errorf("%+v is accepted", p)
		}
	}
	// The scope is that of the inner policy: freezing the set changes no nullifier.
	p := scope.PerDay(2)
	now := time.Unix(1_800_014_400, 0)
	if scope.Snapshot(9, p).Period(now) != p.Period(now) {
		t.Error("another period")
	}
}
