package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// T60: from every released schema, with rows in it, twice. Afterwards the file
// is the one that a new store gets.
func TestT60Migrations(t *testing.T) {
	fresh := filepath.Join(t.TempDir(), "fresh.db")
	if err := mustOpen(t, fresh, faults{}).Close(); err != nil {
		t.Fatal(err)
	}
	want := schemaOf(t, fresh)
	for have := range migrations {
		path := filepath.Join(t.TempDir(), "old.db")
		a := storetest.NewAct(1, 1)
		a.Credential, a.Key, a.Record = "app", "k", []byte("first")
		db, err := sql.Open("sqlite3", path)
		if err != nil {
			t.Fatal(err)
		}
		for _, createStep := range migrations[:have] {
			if _, err := db.Exec(createStep); err != nil {
				t.Fatal(err)
			}
		}
		if have > 0 {
			if _, err := db.Exec(`INSERT INTO nonces VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)`, a.Nonce[:], a.Environment, a.Credential, a.Key,
				a.Nullifier[:], a.Scope[:], a.Message[:], a.Record, a.Expires.UnixMilli()); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(`INSERT INTO nullifiers VALUES (?, ?, ?, ?, ?, ?, 1, 1, ?, 0)`, a.Nullifier[:], a.Scope[:], a.Environment,
				a.Message[:], a.Nonce[:], a.Key, a.Now.UnixMilli()); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for round := range 2 {
			s := mustOpen(t, path, faults{})
			out, err := s.Spend(t.Context(), a)
			if have > 0 && (err != nil || !out.Replayed || string(out.Record) != "first") {
				t.Fatalf("schema %d: %+v %v", have, out, err)
			}
			rival := storetest.NewAct(2, 1)
			rival.Nullifier, rival.Scope, rival.Environment = a.Nullifier, a.Scope, a.Environment
			rival.Nonce[31] = byte(round)
			if out, err := s.Spend(t.Context(), rival); err != nil || out.Result != verifier.NullifierUsed || !out.FirstSeen.Equal(a.Now) {
				t.Fatalf("schema %d: a rival: %+v %v", have, out, err)
			}
			if err := s.Post(t.Context(), verifier.Event{ID: "e", Created: time.UnixMilli(1)}); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if got := schemaOf(t, path); got != want {
				t.Fatalf("from schema %d:\n%s\nwant\n%s", have, got, want)
			}
		}
	}
}

func schemaOf(t *testing.T, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}
