//go:build unix

package poseidon

import (
	"fmt"
	"math/big"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	iden3 "github.com/iden3/go-iden3-crypto/poseidon"
)

// processor is the processor time of this process, all threads.
func processor(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestBenchPoseidon prints the BENCH lines of hashing two elements when
// PERHUMAN_BENCH=1: processor time a hash, the three alternating.
func TestBenchPoseidon(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rounds, warm, hashes = 31, 2, 16 * BulkSize
	left, right := pairs(hashes)
	dst, l, r := make([]fr.Element, hashes), make([]fr.Element, hashes), make([]fr.Element, hashes)
	in := make([][]*big.Int, hashes)
	for i := range in {
		in[i] = []*big.Int{left[i].BigInt(new(big.Int)), right[i].BigInt(new(big.Int))}
	}
	ways := []func(){
		func() {
			for _, x := range in {
				if _, err := iden3.Hash(x); err != nil {
					t.Fatal(err)
				}
			}
		},
		func() {
			for i := range dst {
				dst[i] = Hash2(&left[i], &right[i])
			}
		},
		func() {
			copy(l, left)
			copy(r, right)
			HashPairs(dst, l, r)
		},
	}
	var times [3][]float64
	var scalar, bulk []float64
	for round := range rounds + warm {
		var took [3]float64
		for i, way := range ways {
			start := processor(t)
			way()
			took[i] = float64(processor(t)-start) / hashes
		}
		if round < warm {
			continue
		}
		for i := range took {
			times[i] = append(times[i], took[i])
		}
		scalar, bulk = append(scalar, took[1]/took[0]), append(bulk, took[2]/took[0])
	}
	allocs := testing.AllocsPerRun(10, func() { Hash2(&left[0], &right[0]) })
	fmt.Printf("BENCH poseidon_iden3_cpu_ns %.0f ns\n", median(times[0]))
	fmt.Printf("BENCH poseidon_scalar_cpu_ns %.0f ns\n", median(times[1]))
	fmt.Printf("BENCH poseidon_bulk_cpu_ns %.0f ns\n", median(times[2]))
	fmt.Printf("BENCH poseidon_scalar_vs_iden3 %.3f ratio\n", median(scalar))
	fmt.Printf("BENCH poseidon_scalar_allocations %.0f allocations\n", allocs)
	if vectors() {
		fmt.Printf("BENCH poseidon_bulk_vs_iden3 %.3f ratio\n", median(bulk))
	} else {
		fmt.Printf("SKIP poseidon_bulk_vs_iden3: no AVX-512 IFMA\n")
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
