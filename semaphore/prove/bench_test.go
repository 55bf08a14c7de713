//go:build unix

package prove

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
)

// candidate is one thing to measure. Its run repeats it, since the clock of
// the process is coarse.
type candidate struct {
	name   string
	repeat int
	run    func() error
	runs   []float64 // milliseconds
}

func (c *candidate) median() float64 {
	slices.Sort(c.runs)
	return c.runs[len(c.runs)/2]
}

// measure takes turns: processor time of 15 runs after 2 to warm up.
func measure(t *testing.T, all ...*candidate) {
	t.Helper()
	for i := range 17 {
		for _, c := range all {
			start := cpu(t)
			for range c.repeat {
				if err := c.run(); err != nil {
					t.Fatal(err)
				}
			}
			if d := cpu(t) - start; i >= 2 {
				c.runs = append(c.runs, d.Seconds()*1000/float64(c.repeat))
			}
		}
	}
}

func bench(t *testing.T) {
	t.Helper()
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("PERHUMAN_BENCH=1 measures")
	}
	procs := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
}

// TestBenchProve prints the cost of a proof at depth 20 with all tables, with
// none, and with gnark-crypto's multi-scalar multiplication in our place.
func TestBenchProve(t *testing.T) {
	bench(t)
	s := member(t, "a person", 299, 300)
	tabled, bare, plain := load(t, 20), load(t, 20, WithoutTables()), plainProver(t)
	start := cpu(t)
	if err := tabled.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("BENCH prover_prepare20_cpu_ms %.0f ms\n", (cpu(t)-start).Seconds()*1000)
	with := func(name string, p *Prover) *candidate {
		return &candidate{name: name, repeat: 1, run: func() error { _, err := s.prove(p); return err }}
	}
	a, b, c := with("prove20_cpu_ms", tabled), with("prove20_no_tables_cpu_ms", bare), with("prove20_plain_msm_cpu_ms", plain)
	n := &candidate{name: "prover_new20_cpu_ms", repeat: 5, run: func() error {
		_, err := New(bytes.NewReader(depth20.ZKey()))
		return err
	}}
	measure(t, a, b, c, n)
	for _, c := range []*candidate{a, b, c, n} {
		fmt.Printf("BENCH %s %.1f ms\n", c.name, c.median())
	}
	fmt.Printf("BENCH prove20_vs_plain_msm %.3f ratio\n", a.median()/c.median())
	fmt.Printf("BENCH prove20_no_tables_vs_plain_msm %.3f ratio\n", b.median()/c.median())
	fmt.Printf("BENCH prover_memory_mb %.1f MB\n", float64(tabled.Memory())/1e6)
	fmt.Printf("BENCH prover_memory_no_tables_mb %.1f MB\n", float64(bare.Memory())/1e6)
}

// TestBenchWitness prints the cost of a witness beside that of the official
// calculator, compiled beforehand, in one instance for all runs.
func TestBenchWitness(t *testing.T) {
	bench(t)
	s := member(t, "a person", 299, 300)
	in, err := new(secrets).inputs(20, s.id, s.path, s.message, s.scope)
	if err != nil {
		t.Fatal(err)
	}
	o, l := newOracle(t, 20), newLayout(20)
	ours := &candidate{repeat: 100, run: func() error { _, err := l.solve(in); return err }}
	theirs := &candidate{repeat: 2, run: func() error { _, err := o.solve(in); return err }}
	measure(t, ours, theirs)
	fmt.Printf("BENCH witness20_cpu_ms %.3f ms\n", ours.median())
	fmt.Printf("BENCH witness20_wasm_cpu_ms %.1f ms\n", theirs.median())
	fmt.Printf("BENCH witness20_vs_wasm %.4f ratio\n", ours.median()/theirs.median())
}

// plainProver is ours with gnark-crypto's multiplications.
func plainProver(t *testing.T) *Prover {
	t.Helper()
	k, err := parseZKey(depth20.ZKey())
	if err != nil {
		t.Fatal(err)
	}
	p := load(t, 20, WithoutTables(), WithWorkers(1))
	s := *p.tables.current()
	var a, c []bn254.G1Affine
	var b []bn254.G2Affine
	for _, i := range s.aWires {
		a = append(a, k.a[i])
	}
	c = append(c, k.c...)
	for _, i := range s.bWires {
		b = append(b, k.b2[i])
		c = append(c, k.b1[i])
	}
	s.a = whole(s.a, libraryG1{append(a, k.delta1)})
	s.b = whole(s.b, libraryG2{append(b, k.delta2)})
	s.c = whole(s.c, libraryG1{append(append(c, k.beta1), k.h...)})
	p.tables.sums.Store(&s)
	st := member(t, "a person", 299, 300)
	if proof, err := st.prove(p); err != nil {
		t.Fatal(err)
	} else if err := gnarkVerify(t, proof); err != nil {
		t.Fatal(err)
	}
	return p
}

// whole is a sum in one part with another multiplier.
func whole[J any](c cut[J], m multiplier[J]) cut[J] {
	c.parts = []part[J]{{from: 0, to: c.n, section: -1, weight: 1, multiplier: m}}
	return c
}

// libraryG1 is gnark-crypto's multiplication as a multiplier.
type libraryG1 struct{ points []bn254.G1Affine }

func (m libraryG1) size() int     { return len(m.points) }
func (m libraryG1) cost() int     { return len(m.points) }
func (m libraryG1) steps(int) int { return 1 }
func (m libraryG1) bytes() int    { return len(m.points) * g1Size }

func (m libraryG1) withTable(int) (multiplier[bn254.G1Jac], []func()) { return m, nil }

func (m libraryG1) sum(_ context.Context, scalars []fr.Element, workers int, step func()) (out bn254.G1Jac, err error) {
	defer step()
	_, err = out.MultiExp(m.points, scalars, ecc.MultiExpConfig{NbTasks: workers})
	return out, err
}

// libraryG2 is libraryG1 for G2.
type libraryG2 struct{ points []bn254.G2Affine }

func (m libraryG2) size() int     { return len(m.points) }
func (m libraryG2) cost() int     { return len(m.points) }
func (m libraryG2) steps(int) int { return 1 }
func (m libraryG2) bytes() int    { return len(m.points) * g2Size }

func (m libraryG2) withTable(int) (multiplier[bn254.G2Jac], []func()) { return m, nil }

func (m libraryG2) sum(_ context.Context, scalars []fr.Element, workers int, step func()) (out bn254.G2Jac, err error) {
	defer step()
	_, err = out.MultiExp(m.points, scalars, ecc.MultiExpConfig{NbTasks: workers})
	return out, err
}

// cpu is the user and system time of this process so far.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
