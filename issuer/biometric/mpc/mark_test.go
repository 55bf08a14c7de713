package mpc_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
)

// A number is never given twice: not in one life, not after a crash at any
// moment, which is a start from what the disk holds.
func TestMark(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark")
	if _, err := mpc.OpenMark(path); !errors.Is(err, mpc.ErrMark) {
		t.Errorf("missing: %v", err)
	}
	m, err := mpc.CreateMark(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mpc.CreateMark(path); !errors.Is(err, mpc.ErrMark) {
		t.Errorf("made twice: %v", err)
	}
	used := uint64(0)
	for _, step := range []uint64{1, 1, 2, 500, 1, 1024, 5000, 1} {
		for _, n := range []uint64{used, used - min(used, 1)} {
			if err := m.Use(n); !errors.Is(err, mpc.ErrReplayed) {
				t.Errorf("%d after %d: %v", n, used, err)
			}
		}
		used += step
		if err := m.Use(used); err != nil || m.Next() != used+1 {
			t.Fatal(err)
		}
		if m, err = mpc.OpenMark(path); err != nil {
			t.Fatal(err)
		}
		if m.Next() <= used {
			t.Fatalf("after a crash %d is next, %d was used", m.Next(), used)
		}
		used = m.Next() - 1
	}
	if err := m.Use(1<<64 - 1); !errors.Is(err, mpc.ErrConfig) {
		t.Errorf("the last number: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := mpc.OpenMark(path); !errors.Is(err, mpc.ErrMark) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		b[i] ^= 1
	}
	// Where nothing can be written nothing is used.
	gone := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	if m, err = mpc.CreateMark(filepath.Join(gone, "mark")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	if err := m.Use(1); !errors.Is(err, mpc.ErrMark) {
		t.Errorf("no disk: %v", err)
	}
}

// A party whose machine was put back begins above what the others have seen.
func TestNumbersAfterRestart(t *testing.T) {
	r := newRoom(t)
	if err := r.marks[2].Use(70_000); err != nil {
		t.Fatal(err)
	}
	s := r.sessions(t, time.Minute, nil)
	for i := range s {
		if s[i].First() != 70_001 {
			t.Errorf("party %d would begin with %d", i, s[i].First())
		}
	}
	if _, err := s[2].CheckInputs(t.Context(), 70_000, [32]byte{}, nil); err != nil {
		t.Errorf("nothing to check: %v", err)
	}
	c := newCrowd(rand.New(rand.NewPCG(6, 6)), 1, 1, func(int, int, int, int) uint16 { return 1 })
	if _, err := s[2].Match(t.Context(), 70_000, c.job(2, mpc.Prefix, nil)); !errors.Is(err, mpc.ErrReplayed) {
		t.Errorf("a number used twice: %v", err)
	}
	if _, err := s[2].Match(t.Context(), 70_005, c.job(2, mpc.Prefix, nil)); !errors.Is(err, mpc.ErrBroken) {
		t.Errorf("after an error: %v", err)
	}
}
