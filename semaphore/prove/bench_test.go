//go:build unix

package prove

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestBench prints the figures that `make bench` collects. CPU time of the
// process, one thread, median of 15 runs after 2 to warm up.
func TestBench(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("PERHUMAN_BENCH=1 measures")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := load(t, 20)
	s := member(t, "a person", 299, 300)
	in, err := new(secrets).inputs(20, s.id, s.path, s.message, s.scope)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []struct {
		name string
		f    func() error
	}{
		{"prove20_cpu_ms", func() error {
			_, err := p.Prove(context.Background(), s.id, s.path, s.message, s.scope)
			return err
		}},
		{"witness20_cpu_ms", func() error {
			for range 100 { // the clock of the process is coarse
				if _, err := p.layout.solve(in); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		scale := 1.0
		if b.name == "witness20_cpu_ms" {
			scale = 100
		}
		var runs []float64
		for i := range 17 {
			start := cpu(t)
			if err := b.f(); err != nil {
				t.Fatal(err)
			}
			if d := cpu(t) - start; i >= 2 {
				runs = append(runs, float64(d.Microseconds())/1000/scale)
			}
		}
		slices.Sort(runs)
		fmt.Printf("BENCH %s %.3f ms\n", b.name, runs[len(runs)/2])
	}
}

// cpu is the user and system time of this process so far.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
