package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/postgres/pgtest"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// TestBenchBatches: 512 callers whose acts share transactions, against 512 whose
// acts each have a transaction of their own on 16 connections, in turns. The
// server writes to its disk and may join the commits of its connections, as it
// always does.
func TestBenchBatches(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1 to measure")
	}
	c := pgtest.Start(t)
	measured := func(o Options) *Store {
		s, err := Open(t.Context(), One(c.Schema(t), "bench"), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	batched, single := measured(Options{}), measured(Options{BatchLimit: 1, Writers: 16})
	var b, s, ratio []float64
	for round := range 16 {
		x := spendFor(t, single, byte(round+1), 1024)
		y := spendFor(t, batched, byte(round+1), 4096)
		if round > 0 {
			s, b, ratio = append(s, x), append(b, y), append(ratio, y/x)
		}
	}
	fmt.Printf("BENCH spend_pg_single_per_s %.0f spends/s\n", median(s))
	fmt.Printf("BENCH spend_pg_batch_per_s %.0f spends/s\n", median(b))
	fmt.Printf("BENCH spend_pg_batch_vs_single %.1f ratio\n", median(ratio))
}

// spendFor spends n acts by 512 callers and gives the throughput.
func spendFor(t *testing.T, store *Store, series byte, n uint64) float64 {
	t.Helper()
	var wg sync.WaitGroup
	begin := time.Now()
	for c := range uint64(512) {
		wg.Go(func() {
			for i := c; i < n; i += 512 {
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
	binary.BigEndian.PutUint64(a.Nullifier[:], i*0x9E3779B97F4A7C15)
	binary.BigEndian.PutUint64(a.Nonce[:], uint64(now.UnixMilli())<<16)
	a.Now, a.Expires = now, now.Truncate(time.Second).Add(time.Hour)
	return a
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
