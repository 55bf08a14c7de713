package mpc_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

func openRoll(t testing.TB, path string) *mpc.Roll {
	t.Helper()
	r, err := mpc.OpenRoll(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestRoll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roll")
	r := openRoll(t, path)
	begin := func(s, c byte, place int, want error) {
		t.Helper()
		at, err := r.Begin(mpc.Serial{s}, mpc.Capture{c})
		if !errors.Is(err, want) || want == nil && (err != nil || at != place) {
			t.Errorf("begin %d of capture %d: place %d, %v", s, c, at, err)
		}
	}
	settle := func(f func(mpc.Serial) error, s byte, want error) {
		t.Helper()
		if err := f(mpc.Serial{s}); !errors.Is(err, want) {
			t.Errorf("serial %d: %v", s, err)
		}
	}
	begin(1, 1, 0, nil)
	begin(2, 2, 1, nil)
	begin(1, 1, 0, nil)           // a retry
	begin(1, 9, 0, mpc.ErrSerial) // another person's
	begin(3, 1, 0, mpc.ErrSerial) // one capture, two serials
	settle(r.Commit, 1, nil)
	settle(r.Commit, 1, nil)
	settle(r.Commit, 5, mpc.ErrSerial)
	settle(r.Free, 2, nil)
	settle(r.Free, 2, nil)
	settle(r.Commit, 2, mpc.ErrSerial)
	begin(2, 2, 0, mpc.ErrSerial) // a serial ends for ever
	begin(3, 2, 2, nil)           // its capture may come again
	begin(4, 1, 0, mpc.ErrSerial) // a member's does not
	settle(r.Free, 1, nil)
	begin(4, 1, 3, nil)
	for range 2 { // the second time after a restart
		if got := r.Pending(); !slices.Equal(got, []mpc.Serial{{3}, {4}}) || r.Len() != 4 {
			t.Errorf("pending %v of %d", got, r.Len())
		}
		_ = r.Close()
		if _, err := r.Begin(mpc.Serial{77}, mpc.Capture{77}); !errors.Is(err, mpc.ErrRoll) {
			t.Errorf("closed: %v", err)
		}
		r = openRoll(t, path)
	}
}

// A file cut anywhere opens with what was whole in it; one with damage before
// its last record does not open.
func TestRollDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "roll")
	r := openRoll(t, path)
	for i := range byte(3) {
		if _, err := r.Begin(mpc.Serial{i + 1}, mpc.Capture{i + 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.Commit(mpc.Serial{1}), r.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := mpc.OpenRoll(path)
		if err != nil {
			t.Fatalf("cut to %d: %v", n, err)
		}
		if want := min(max(n-16, 0)/64, 3); r.Len() != want {
			t.Errorf("cut to %d: %d places, not %d", n, r.Len(), want)
		}
		if _, err := r.Begin(mpc.Serial{99}, mpc.Capture{99}); err != nil { // goes on from there
			t.Error(err)
		}
		_ = r.Close()
		if r, err = mpc.OpenRoll(path); err != nil {
			t.Fatalf("cut to %d, went on: %v", n, err)
		}
		_ = r.Close()
	}
	for at := range len(whole) - 64 {
		b := slices.Clone(whole)
		b[at] ^= 0x10
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := mpc.OpenRoll(path); !errors.Is(err, mpc.ErrRoll) {
			t.Errorf("byte %d changed: %v", at, err)
		}
	}
}

// Files of any bytes open or have an error, and never panic.
func FuzzOpenRoll(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed")
	r := openRoll(f, path)
	for i := range byte(2) {
		if _, err := r.Begin(mpc.Serial{i}, mpc.Capture{i}); err != nil {
			f.Fatal(err)
		}
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "roll")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := mpc.OpenRoll(path); err == nil {
			_ = r.Close()
		} else if !errors.Is(err, mpc.ErrRoll) {
			t.Error(err)
		}
	})
}
