//go:build unix

package semaphore

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// cpu is the processor time of this process, all threads.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestBenchVerify prints the BENCH lines of verification when PERHUMAN_BENCH=1:
// processor time, ours and gnark's alternating in one process.
func TestBenchVerify(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1")
	}
	keys := gnarkKeys(t)
	v := verifier(t)
	var proof *Proof
	for _, c := range official(t).Proofs {
		if c.Depth == 20 {
			p, err := ParseProof(c.Proof)
			if err != nil {
				t.Fatal(err)
			}
			proof = p
		}
	}
	ours := func() {
		if err := v.Verify(proof); err != nil {
			t.Fatal(err)
		}
	}
	theirs := func() {
		s, err := newStatement(proof)
		if err == nil {
			err = gnarkVerify(keys, &s)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ours()
	theirs()
	const rounds, each = 21, 40
	var a, b, ratio []float64
	for range rounds {
		start := cpu(t)
		for range each {
			ours()
		}
		middle := cpu(t)
		for range each {
			theirs()
		}
		end := cpu(t)
		x, y := float64(middle-start)/each, float64(end-middle)/each
		a, b, ratio = append(a, x), append(b, y), append(ratio, x/y)
	}
	fmt.Printf("BENCH verify_single_cpu_us %.0f us\n", median(a)/1e3)
	fmt.Printf("BENCH verify_single_gnark_cpu_us %.0f us\n", median(b)/1e3)
	fmt.Printf("BENCH verify_single_vs_gnark %.3f ratio\n", median(ratio))
}

// TestBenchVerifyBatch prints processor time per proof at depth 20 when
// PERHUMAN_BENCH=1.
func TestBenchVerifyBatch(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1")
	}
	v := verifier(t)
	var base *Proof
	for _, p := range crowd(t, len(official(t).Proofs)) {
		if p.MerkleTreeDepth == 20 {
			base = p
		}
	}
	ps := make([]*Proof, 512)
	for i := range ps {
		ps[i] = rerandomise(t, base, uint64(i+1))
	}
	for _, n := range []int{8, 64, 512} {
		var times []float64
		for range 7 {
			start := cpu(t)
			for _, err := range v.VerifyBatch(ps[:n]) {
				if err != nil {
					t.Fatal(err)
				}
			}
			times = append(times, float64(cpu(t)-start)/float64(n))
		}
		fmt.Printf("BENCH verify_batch%d_cpu_us %.0f us\n", n, median(times)/1e3)
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
