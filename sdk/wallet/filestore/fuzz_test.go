//go:build unix

package filestore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// T21: any file is opened or refused as damaged, and what is opened can be
// closed and opened again to the same.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed")
	s, err := Open(path)
	if err != nil {
		f.Fatal(err)
	}
	if err := s.Take(context.Background(), book, wallet.Use{Challenge: scope.Digest{1}, Slot: 2, Response: "r"}); err != nil {
		f.Fatal(err)
	}
	if err := s.Settle(context.Background(), book, scope.Digest{1}, wallet.Accepted); err != nil {
		f.Fatal(err)
	}
	_ = s.Close()
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(header))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "slots")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		first := len(s.books[book])
		_ = s.Close()
		if again := open(t, path); len(again.books[book]) != first {
			t.Fatal("not the same the second time")
		}
	})
}
