package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// T60: from every released schema, twice, and by many processes at once.
func TestT60Migrations(t *testing.T) {
	for have := range migrations {
		m := one(t)
		conn := dial(t, m.Databases[0].DSN)
		if have > 0 {
			mustExec(t, conn, createVersions)
		}
		for i, createStep := range migrations[:have] {
			mustExec(t, conn, createStep)
			mustExec(t, conn, sqlClaimVersion, i+1, 1)
		}
		var wg sync.WaitGroup
		stores := make([]*Store, 4)
		for i := range stores {
			wg.Go(func() {
				var err error
				if stores[i], err = open(context.Background(), m, Options{Writers: 1, Readers: 1}, faults{noFsync: true}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			t.FailNow()
		}
		for i, s := range stores {
			if out, err := s.Spend(t.Context(), storetest.NewAct(1, uint64(i))); err != nil || out.Result != verifier.Accepted {
				t.Fatalf("%+v %v", out, err)
			}
			_ = s.Close()
		}
		var rows int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM schema_versions").Scan(&rows); err != nil || rows != len(migrations) {
			t.Fatalf("%d versions, %v", rows, err)
		}
		again := mustOpen(t, m, Options{}, faults{})
		if out, err := again.Spent(t.Context(), storetest.NewAct(1, 1)); err != nil || out.Result != verifier.NonceUsed {
			t.Fatalf("%+v %v", out, err)
		}
	}
}

func dial(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func mustExec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// What is not this deployment's database is refused, and left as it was.
func TestForeignDatabases(t *testing.T) {
	refused := func(name string, m Map, f faults, text string) {
		t.Helper()
		s, err := open(t.Context(), m, Options{Timeout: 2 * time.Second}, f)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unsafe := faults{noFsync: true}
	refused("a server that does not write to its disk", one(t), faults{}, "fsync")

	foreign := one(t)
	mustExec(t, dial(t, foreign.Databases[0].DSN), "CREATE TABLE nonces (x BIGINT)")
	refused("somebody else's tables", foreign, unsafe, "already exists")

	newer := one(t)
	mustOpen(t, newer, Options{}, faults{})
	mustExec(t, dial(t, newer.Databases[0].DSN), sqlClaimVersion, 99, 1)
	refused("a newer schema", newer, unsafe, "schema 99")

	ours := three(t)
	mustOpen(t, ours, Options{}, faults{})
	other := ours
	other.Name = "test.forum.example"
	refused("another deployment", other, unsafe, `belongs to "forum.example"`)
	swapped := ours
	swapped.Databases = []Database{{ours.Databases[1].DSN, ours.Databases[0].Shards}, {ours.Databases[0].DSN, ours.Databases[1].Shards}, ours.Databases[2]}
	refused("two DSNs swapped", swapped, unsafe, "holds shards")
	twice := ours
	twice.Databases = []Database{ours.Databases[0], {ours.Databases[0].DSN, ours.Databases[1].Shards}, ours.Databases[2]}
	refused("one database twice", twice, unsafe, "holds shards")

	careless := one(t)
	careless.Databases[0].DSN += "&synchronous_commit=off"
	refused("commits that do not wait", careless, unsafe, "synchronous_commit")
	refused("nobody there", One("postgres:///x?host=/nonexistent&password=hunter2", "a"), unsafe, "connect")
	if _, err := open(t.Context(), One("host=a port=hunter2", "a"), Options{}, unsafe); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a DSN in an error: %v", err)
	}
}

// An epoch fences those who have an older map, at once and in the middle of
// their work.
func TestFencing(t *testing.T) {
	old := three(t)
	s := mustOpen(t, old, Options{}, faults{})
	a := storetest.NewAct(1, 1)
	if _, err := s.Spend(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	next := old
	next.Epoch = 2
	n := mustOpen(t, next, Options{}, faults{})
	for i := range 20 {
		if _, err := s.Spend(t.Context(), storetest.NewAct(2, uint64(i))); !errors.Is(err, ErrFenced) || !errors.Is(err, verifier.ErrUnavailable) {
			t.Fatalf("an old map was written with: %v", err)
		}
	}
	if err := s.SaveState(t.Context(), "x", nil); !errors.Is(err, ErrFenced) {
		t.Errorf("an old map was written with: %v", err)
	}
	if _, err := open(t.Context(), old, Options{}, faults{noFsync: true}); !errors.Is(err, ErrFenced) {
		t.Errorf("an old map was opened: %v", err)
	}
	for i := range 20 {
		if out, err := n.Spend(t.Context(), storetest.NewAct(2, uint64(i))); err != nil || out.Result != verifier.Accepted || out.Replayed {
			t.Fatalf("%+v %v", out, err)
		}
	}
	// Only some databases know of the new map yet: an act is fenced between two.
	for i := range 3 {
		mustExec(t, dial(t, next.Databases[i].DSN), "UPDATE deployment SET epoch = 3")
		for j := range 60 {
			out, err := n.Spend(t.Context(), storetest.NewAct(byte(10+i), uint64(j)))
			if err == nil && out.Result != verifier.Accepted || err != nil && !errors.Is(err, verifier.ErrUnavailable) && !errors.Is(err, verifier.ErrInDoubt) {
				t.Fatalf("%+v %v", out, err)
			}
			if i == 2 && err == nil {
				t.Fatal("all databases have a newer map")
			}
		}
	}
}
