//go:build linux

package postgres

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/storetest"
	"github.com/perhuman/perhuman/verifier/postgres/pgtest"
)

// T05: a disk that is full and has room again, on a cluster of its own. The
// table that every intake writes is filled with rows of a page each until it is
// larger than a file of the write-ahead log; then no file may grow any more.
func TestT05DiskFull(t *testing.T) {
	cluster := pgtest.Start(t, "fsync=off", "autovacuum=off")
	dsns := map[*Store]string{}
	kept := func(dsn string) issuer.Store {
		s := openWith(t, dsn, faults{})
		dsns[s] = dsn
		return s
	}
	storetest.RunRefusing(t, storetest.Store{
		Open: func(t testing.TB) issuer.Store { return kept(cluster.Schema(t)) },
		Reopen: func(t testing.TB, s issuer.Store) issuer.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return kept(dsns[under(s)])
		},
		Refusing: map[string]func(testing.TB, issuer.Store) func(){
			"full": func(t testing.TB, s issuer.Store) func() {
				c, err := pgx.Connect(t.Context(), dsns[under(s)])
				if err != nil {
					t.Fatal(err)
				}
				exec := func(query string) {
					t.Helper()
					if _, err := c.Exec(context.Background(), query); err != nil {
						t.Error(err)
					}
				}
				exec(`ALTER TABLE intakes ALTER receipt SET STORAGE PLAIN`)
				exec(`INSERT INTO intakes (id, op, session, commitment, received, state, code, receipt)
					SELECT sha256(n::text::bytea), 0, sha256(('s' || n)::bytea), '', 0, 'filler', '', decode(repeat(md5(n::text), 487), 'hex') FROM generate_series(1, 2200) n`)
				var size int64
				if err := c.QueryRow(t.Context(), `SELECT pg_relation_size('intakes')`).Scan(&size); err != nil || size <= 16<<20 {
					t.Fatal(size, err)
				}
				lift := cluster.LimitFiles(t, size)
				return func() {
					lift()
					exec(`DELETE FROM intakes WHERE state = 'filler'`)
					exec(`ALTER TABLE intakes ALTER receipt SET STORAGE EXTENDED`)
					_ = c.Close(context.Background())
				}
			},
		},
	})
}
