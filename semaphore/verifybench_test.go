//go:build unix

package semaphore_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
)

// Each thing that is measured runs once a round, all in turn.
const (
	benchRounds = 15
	benchWarm   = 2
)

// timing is something timed: what one round takes of the processor, over n.
type timing struct {
	name string
	n    int
	run  func()
	took []float64 // microseconds, in rounds
}

// rounds runs all timings in turn, so that each ratio is of neighbours.
func rounds(t testing.TB, all ...*timing) {
	t.Helper()
	for round := range benchWarm + benchRounds {
		for _, one := range all {
			start := semaphore.CPU(t)
			one.run()
			if took := semaphore.CPU(t) - start; round >= benchWarm {
				one.took = append(one.took, float64(took.Nanoseconds())/1e3/float64(one.n))
			}
		}
	}
}

func (m *timing) report() {
	fmt.Printf("BENCH %s_cpu_us %.1f us\n", m.name, semaphore.Median(append([]float64(nil), m.took...)))
}

// over gives the median of the rounds' ratios.
func (m *timing) over(base *timing) float64 {
	ratios := make([]float64, len(m.took))
	for i := range ratios {
		ratios[i] = m.took[i] / base.took[i]
	}
	return semaphore.Median(ratios)
}

// distinct makes n proofs of a few real ones, no two with the same points.
func distinct(t testing.TB, real []*semaphore.Proof, n int) []*semaphore.Proof {
	t.Helper()
	out := make([]*semaphore.Proof, n)
	for i := range out {
		out[i] = semaphore.Remade(t, real[i%len(real)], uint64(i+1))
	}
	return out
}

// TestBenchVerify prints the BENCH lines of verification when PERHUMAN_BENCH=1:
// processor time of one thread a proof, and the ratios to gnark's verifier and
// to our own Verify, measured in turn in one process. Plain is without the vector
// instructions.
func TestBenchVerify(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	v, err := semaphore.NewVerifier()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := semaphore.PlainVerifier()
	if err != nil {
		t.Fatal(err)
	}
	oracle := semaphore.GnarkVerifier(t)
	ps := distinct(t, proofsOf(t, 20, 8), 512)
	must := func(errs ...error) {
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	gnark := &timing{name: "verify_single_gnark", n: 16, run: func() {
		for _, p := range ps[:16] {
			must(oracle(p))
		}
	}}
	single := &timing{name: "verify_single", n: 64, run: func() {
		for _, p := range ps[:64] {
			must(v.Verify(p))
		}
	}}
	plainSingle := &timing{name: "verify_plain_single", n: 32, run: func() {
		for _, p := range ps[:32] {
			must(plain.Verify(p))
		}
	}}
	plainBatch := &timing{name: "verify_plain_batch64", n: 64, run: func() { must(plain.VerifyBatch(ps[:64])...) }}
	all := []*timing{gnark, single, plainSingle, plainBatch}
	batch := func(name string, ps []*semaphore.Proof, times int) *timing {
		one := &timing{name: name, n: len(ps) * times, run: func() {
			for range times {
				must(v.VerifyBatch(ps)...)
			}
		}}
		all = append(all, one)
		return one
	}
	batch8 := batch("verify_batch8", ps[:8], 8)
	batch64 := batch("verify_batch64", ps[:64], 4)
	batch512 := batch("verify_batch512", ps, 1)
	one := batch("verify_batch192", ps[:192], 4)
	three := append(distinct(t, proofsOf(t, 32, 8), 64), distinct(t, semaphore.OfficialProofs(t, 10), 64)...)
	mixed := batch("verify_batch192_mixed3", append(three, ps[:64]...), 4)

	// Batches of 64 with bad proofs: false statements with good points, which
	// only the equation finds, and points outside the subgroup.
	var worst []*timing
	for _, how := range []string{"false", "outside"} {
		for _, c := range []struct {
			name string
			bad  func(i int) bool
		}{
			{"first", func(i int) bool { return i == 0 }},
			{"last", func(i int) bool { return i == 63 }},
			{"4", func(i int) bool { return i%16 == 5 }},
			{"half", func(i int) bool { return i%2 == 0 }},
			{"all", func(int) bool { return true }},
		} {
			spoilt := append([]*semaphore.Proof(nil), ps[:64]...)
			for i, p := range spoilt {
				if c.bad(i) {
					spoilt[i] = semaphore.Spoilt(t, p, how == "outside")
				}
			}
			one := &timing{name: fmt.Sprintf("batch_bad_%s_%s", how, c.name), n: 64, run: func() {
				for i, err := range v.VerifyBatch(spoilt) {
					if (err != nil) != c.bad(i) {
						t.Fatalf("proof %d: %v", i, err)
					}
				}
			}}
			worst = append(worst, one)
		}
	}
	rounds(t, append(all, worst...)...)
	for _, one := range all {
		one.report()
	}
	fmt.Printf("BENCH verify_single_vs_gnark %.3f ratio\n", single.over(gnark))
	fmt.Printf("BENCH verify_plain_single_vs_gnark %.3f ratio\n", plainSingle.over(gnark))
	fmt.Printf("BENCH verify_plain_batch64_vs_gnark %.3f ratio\n", plainBatch.over(gnark))
	fmt.Printf("BENCH verify_batch8_vs_gnark %.3f ratio\n", batch8.over(gnark))
	fmt.Printf("BENCH verify_batch64_vs_gnark %.3f ratio\n", batch64.over(gnark))
	fmt.Printf("BENCH verify_batch512_vs_gnark %.3f ratio\n", batch512.over(gnark))
	fmt.Printf("BENCH verify_mixed3_vs_one %.3f ratio\n", mixed.over(one))
	most := 0.0
	for _, one := range worst {
		ratio := one.over(single)
		most = max(most, ratio)
		fmt.Printf("BENCH %s_vs_singles %.3f ratio\n", one.name, ratio)
	}
	fmt.Printf("BENCH batch_bad_worst_vs_singles %.3f ratio\n", most)
}
