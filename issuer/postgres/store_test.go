package postgres

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/storetest"
	"github.com/perhuman/perhuman/verifier/postgres/pgtest"
	sqltest "github.com/perhuman/perhuman/verifier/storetest"
)

// shared is the cluster of all tests that do no harm to theirs. That it skips
// its fsyncs changes nothing but the time that they take.
var shared = pgtest.Shared{Settings: []string{"fsync=off"}}

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }

func openWith(t testing.TB, dsn string, f faults) *Store {
	t.Helper()
	f.noFsync = true
	s, err := open(t.Context(), dsn, Options{Busy: time.Second}, f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openAt(t testing.TB, dsn string) issuer.Store { return openWith(t, dsn, faults{}) }

func TestStoreChild(t *testing.T) { storetest.Child(t, openAt) }

func under(s issuer.Store) *Store {
	if u, ok := s.(interface{ Unwrap() issuer.Store }); ok {
		s = u.Unwrap()
	}
	return s.(*Store)
}

func TestStore(t *testing.T) {
	var mu sync.Mutex
	dsns := map[*Store]string{}
	kept := func(s *Store, dsn string) *Store {
		mu.Lock()
		defer mu.Unlock()
		dsns[s] = dsn
		return s
	}
	of := func(s issuer.Store) string {
		mu.Lock()
		defer mu.Unlock()
		return dsns[under(s)]
	}
	where := func(t testing.TB) string { return shared.Schema(t) }
	storetest.Run(t, storetest.Store{
		Kills: 5,
		Open: func(t testing.TB) issuer.Store {
			dsn := where(t)
			return kept(openWith(t, dsn, faults{}), dsn)
		},
		Reopen: func(t testing.TB, s issuer.Store) issuer.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return kept(openWith(t, of(s), faults{}), of(s))
		},
		Second: func(t testing.TB, s issuer.Store) issuer.Store { return kept(openWith(t, of(s), faults{}), of(s)) },
		Faulty: func(t testing.TB) (issuer.Store, *storetest.Faults) {
			f := &storetest.Faults{}
			dsn := where(t)
			return kept(openWith(t, dsn, faults{statement: f.Statement, commit: f.Commit}), dsn), f
		},
		Busy: func(t testing.TB, s issuer.Store) func() {
			c, err := pgx.Connect(t.Context(), of(s))
			if err != nil {
				t.Fatal(err)
			}
			tx, err := c.Begin(t.Context())
			if err == nil {
				_, err = tx.Exec(t.Context(), `SELECT writer FROM binding FOR UPDATE`)
			}
			if err != nil {
				t.Fatal(err)
			}
			return func() { _ = tx.Rollback(context.Background()); _ = c.Close(context.Background()) }
		},
		Refusing: map[string]func(testing.TB, issuer.Store) func(){
			// As after a switch-over that left this server a standby: sessions end,
			// and new ones cannot write.
			"read-only": func(t testing.TB, s issuer.Store) func() {
				c, err := pgx.Connect(t.Context(), of(s))
				if err != nil {
					t.Fatal(err)
				}
				exec := func(query string) {
					t.Helper()
					if _, err := c.Exec(context.Background(), query); err != nil {
						t.Error(err)
					}
				}
				exec(`ALTER ROLE CURRENT_USER SET default_transaction_read_only = on`)
				exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'perhuman-issuer'`)
				return func() {
					exec(`SET default_transaction_read_only = off`)
					exec(`ALTER ROLE CURRENT_USER RESET default_transaction_read_only`)
					_ = c.Close(context.Background())
				}
			},
		},
		Tamper: func(t testing.TB, s issuer.Store, query string) {
			c, err := pgx.Connect(t.Context(), of(s))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close(context.Background()) }()
			if _, err := c.Exec(t.Context(), query); err != nil {
				t.Fatalf("%s: %v", query, err)
			}
		},
		Where: where,
		At:    openAt,
	})
}

// T44: every statement is a constant.
func TestT44StatementsAreConstants(t *testing.T) { sqltest.ConstantStatements(t, ".", 50) }

// A server that is not durable is refused, and so is a DSN that makes it so.
func TestNotDurable(t *testing.T) {
	dsn := shared.Schema(t)
	if _, err := Open(t.Context(), dsn, Options{}); err == nil {
		t.Error("a server with fsync off")
	}
	if _, err := open(t.Context(), dsn+"&synchronous_commit=off", Options{}, faults{noFsync: true}); err == nil {
		t.Error("synchronous_commit=off")
	}
	s, err := open(t.Context(), dsn, Options{RequireStandby: true}, faults{noFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Bind(t.Context(), issuer.Binding{Origin: "x"}); err != nil {
		t.Fatal(err) // the first act has no row yet to be asked at
	}
	if err := s.Bind(t.Context(), issuer.Binding{Origin: "x"}); err == nil {
		t.Error("no standby, and it writes")
	}
}
