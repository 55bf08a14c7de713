//go:build unix

package circuit

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore"
)

// TestBench prints the figures that `make bench` collects: CPU time of the
// process, one thread, median of 15 runs after 2 to warm up, depth 20.
func TestBench(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("PERHUMAN_BENCH=1 measures")
	}
	const depth = 20
	s := compiledAt(t, depth)
	fmt.Printf("BENCH circuit20_r1cs %d constraints\n", s.r1cs.GetNbConstraints())
	fmt.Printf("BENCH circuit20_scs %d constraints\n", s.scs.GetNbConstraints())
	keys := schemes(t, depth)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	id, path := member(t)
	message, scope := semaphore.Uint256{31: 7}, semaphore.Uint256{31: 9}
	w, err := Witness(depth, id, path, message, scope)
	if err != nil {
		t.Fatal(err)
	}
	public, err := PublicWitness(path.Root, id.Nullifier(scope), message, scope)
	if err != nil {
		t.Fatal(err)
	}
	report(t, "circuit20_solve_r1cs_cpu_ms", 1, func() error { return s.r1cs.IsSolved(w) })
	for _, name := range []string{"groth16", "plonk"} {
		k := keys[name]
		proof, err := k.prove(w)
		if err != nil {
			t.Fatal(err)
		}
		report(t, "circuit20_"+name+"_prove_cpu_ms", 1, func() error {
			_, err := k.prove(w)
			return err
		})
		report(t, "circuit20_"+name+"_verify_cpu_ms", 20, func() error { return k.verify(proof, public) })
	}
}

func report(t testing.TB, name string, repeat int, f func() error) {
	t.Helper()
	var runs []float64
	for i := range 17 {
		start := cpu(t)
		for range repeat { // the clock of the process is coarse
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}
		if d := cpu(t) - start; i >= 2 {
			runs = append(runs, float64(d.Microseconds())/1000/float64(repeat))
		}
	}
	slices.Sort(runs)
	fmt.Printf("BENCH %s %.3f ms\n", name, runs[len(runs)/2])
}

// cpu is the user and system time of this process so far.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
