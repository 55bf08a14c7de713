package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// TestBenchGroupCommit: 64 callers that share commits against 64 that pay for
// one each, in turns, so that a disk that others use is slow for both.
func TestBenchGroupCommit(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1 to measure")
	}
	measured := func(o Options) *Store {
		s, err := OpenWith(filepath.Join(t.TempDir(), "s.db"), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	group, single := measured(Options{}), measured(Options{BatchLimit: 1})
	spendFor(t, group, 100, tailLimit) // from now on the index follows, in passes
	var g, s, ratio []float64
	for round := range 21 {
		a := spendFor(t, single, byte(round+1), 320)
		b := spendFor(t, group, byte(round+1), 3200)
		if round > 0 {
			s, g, ratio = append(s, a), append(g, b), append(ratio, b/a)
		}
	}
	fmt.Printf("BENCH spend_sqlite_single_per_s %.0f spends/s\n", median(s))
	fmt.Printf("BENCH spend_sqlite_group_per_s %.0f spends/s\n", median(g))
	fmt.Printf("BENCH spend_sqlite_group_vs_single %.1f ratio\n", median(ratio))
}

// spendFor spends n acts by 64 callers and gives the throughput.
func spendFor(t *testing.T, store *Store, series byte, n uint64) float64 {
	t.Helper()
	var wg sync.WaitGroup
	begin := time.Now()
	for c := range uint64(64) {
		wg.Go(func() {
			for i := c; i < n; i += 64 {
				if _, err := store.Spend(context.Background(), scattered(series, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(begin).Seconds()
}

// scattered is an act as they come: nullifiers from all over the tree, a nonce
// that begins with the time, as verifier.Challenge makes them.
func scattered(series byte, i uint64) verifier.Act {
	a, now := storetest.NewAct(series, i), time.Now()
	binary.BigEndian.PutUint64(a.Nullifier[:], (uint64(series)<<32|i)*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(a.Nonce[:], uint64(now.UnixMilli())<<16)
	a.Now, a.Expires = now, now.Truncate(time.Second).Add(time.Hour)
	return a
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
