package postgres

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/backup"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/sqlite"
)

// An issuer moves from SQLite to PostgreSQL and back: the same bytes each time,
// and it goes on from there.
func TestMove(t *testing.T) {
	file := func() *sqlite.Store {
		s, err := sqlite.Open(filepath.Join(t.TempDir(), "issuer.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	w := testkit.NewWorld(t, 1)
	next := uint64(1)
	enrol := func(s issuer.Store) {
		t.Helper()
		i, err := issuer.New(t.Context(), w.Config(s, w.Matcher()))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(next))); err != nil {
				t.Fatal(err)
			}
			next++
		}
		if _, err := i.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	dump := func(s backup.Source) []byte {
		var b bytes.Buffer
		if err := s.Dump(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	from, server, back := file(), openWith(t, shared.Schema(t), faults{}), file()
	defer func() { _ = server.Close() }()
	enrol(from)
	if err := backup.Copy(t.Context(), server, from); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dump(from), dump(server)) {
		t.Error("PostgreSQL holds something else")
	}
	enrol(server)
	if err := backup.Copy(t.Context(), back, server); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dump(server), dump(back)) {
		t.Error("SQLite holds something else")
	}
	enrol(back)
}
