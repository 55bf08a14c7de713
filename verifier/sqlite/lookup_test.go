package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// The rows of a table that is filled at once, in the order of their keys, and the
// index over them.
const sqlFill = `
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
INSERT INTO spent (id, nullifier, scope, environment, message, nonce, key, attempts, root_seq, first_ms, closes_ms)
SELECT i + 1, unhex(printf('%016x%048x', i, i)), zeroblob(32), 'live', zeroblob(32), zeroblob(32), '', 1, 1, 1, 0 FROM n;
INSERT INTO spent_by_nullifier (part, id) SELECT substr(nullifier, 1, 16), id FROM spent ORDER BY 1, 2;
UPDATE spent_mark SET upto = (SELECT max(id) FROM spent);`

// TestLongBenchLookup: the check whether a nullifier is spent, before the
// pairing, in a store of five million rows and in one of ten thousand.
func TestLongBenchLookup(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" || os.Getenv("PERHUMAN_LONG") != "1" {
		t.Skip("set PERHUMAN_BENCH=1 and PERHUMAN_LONG=1 to measure: a file of 1 GB")
	}
	const small, large = 10_000, 5_000_000
	var stores [2]*Store
	for i, rows := range []int{small, large} {
		path := filepath.Join(t.TempDir(), "s.db")
		if err := mustOpen(t, path, faults{}).Close(); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite3", path+"?_synchronous=OFF")
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		if _, err := db.Exec(sqlFill, rows); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		stores[i] = mustOpen(t, path, faults{})
		defer stores[i].Close()
	}
	r := rand.New(rand.NewPCG(5, 10)) // #nosec G404 -- repeatable chance for a bench
	look := func(s *Store, rows, n int) float64 {
		begin := cpu(t)
		for range n {
			i := uint64(r.IntN(rows))
			a := storetest.NewAct(1, i)
			a.Scope, a.Nullifier = [32]byte{}, [32]byte{}
			binary.BigEndian.PutUint64(a.Nullifier[:], i)
			binary.BigEndian.PutUint64(a.Nullifier[24:], i)
			if out, err := s.Spent(context.Background(), a); err != nil || out.Result != verifier.NullifierUsed {
				t.Fatalf("%+v %v", out, err)
			}
		}
		return float64(cpu(t)-begin) / float64(n) / 1e3
	}
	look(stores[1], large, 50_000) // what a busy store has in memory
	var few, many, ratio []float64
	for range 21 {
		a, b := look(stores[0], small, 1000), look(stores[1], large, 1000)
		few, many, ratio = append(few, a), append(many, b), append(ratio, b/a)
	}
	fmt.Printf("BENCH spend_lookup_10k_cpu_us %.1f us\n", median(few))
	fmt.Printf("BENCH spend_lookup_5m_cpu_us %.1f us\n", median(many))
	fmt.Printf("BENCH spend_lookup_5m_vs_10k %.2f ratio\n", median(ratio))
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
