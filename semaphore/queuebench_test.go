//go:build unix

package semaphore

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
)

// TestBenchQueue prints, when PERHUMAN_BENCH=1, the processor time of a proof
// verified through the queue by 128 callers, over that of Verify.
func TestBenchQueue(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const callers, each, rounds, warm = 128, 4, 15, 2
	proofs := make([]*Proof, callers)
	base := crowd(t, 1)[0]
	for i := range proofs {
		proofs[i] = rerandomise(t, base, uint64(i+1))
	}
	v := verifier(t)
	q := NewQueue(v, QueueConfig{})
	defer q.Close()
	var queued, ratio []float64
	for round := range rounds + warm {
		start := cpu(t)
		var all sync.WaitGroup
		for i, p := range proofs {
			all.Go(func() {
				for range each {
					if err := q.Verify(t.Context(), fmt.Sprint(i), p); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		middle := cpu(t)
		for _, p := range proofs {
			if err := v.Verify(p); err != nil {
				t.Fatal(err)
			}
		}
		end := cpu(t)
		if round < warm {
			continue
		}
		a, b := float64(middle-start)/(callers*each), float64(end-middle)/callers
		queued, ratio = append(queued, a), append(ratio, a/b)
	}
	fmt.Printf("BENCH queue_verify_cpu_us %.0f us\n", median(queued)/1e3)
	fmt.Printf("BENCH queue_verify_vs_single %.3f ratio\n", median(ratio))
}
