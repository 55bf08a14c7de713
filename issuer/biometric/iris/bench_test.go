//go:build unix

package iris

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// An entry is one eye's code of 12,800 bits in all 31 rotations, as in
// biometrics.md section 5; a person is four of them, both eyes upright and
// mirrored. The gallery, 22 MB, streams from memory.
func TestBenchIris(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const entries, rounds, warm = 8192, 21, 2
	r := rand.New(rand.NewPCG(1, 1))
	dense := fills(r)["dense"]
	gallery := make([]Template, entries)
	for i := range gallery {
		gallery[i] = noise(r, 200, r.Uint64, dense)
	}
	probe := noise(r, 200, r.Uint64, dense)
	all := tiers()
	spent := make([][]float64, len(all)+1)
	sum := 0
	for round := range warm + rounds {
		for i, tier := range all {
			q := newQuery(probe, tier)
			n := entries
			if tier == pureGo {
				n /= 8
			}
			began := cpuTime(t)
			q.Walk(n, func(i int) Template { return gallery[i] }, func(_ int, d Distance, _ int) { sum += d.Diff })
			if round >= warm {
				spent[i] = append(spent[i], float64(cpuTime(t)-began)/float64(n))
			}
		}
		people := NewPairQuery(Pair{probe, gallery[0]})
		began := cpuTime(t)
		people.Walk(entries/2, func(i int) Pair { return Pair{gallery[2*i], gallery[2*i+1]} },
			func(_ int, upright, _ Score) { sum += upright.Left.Diff })
		if round >= warm {
			spent[len(all)] = append(spent[len(all)], float64(cpuTime(t)-began)/(entries/2))
		}
	}
	if sum == 0 {
		t.Error("nothing compared")
	}
	ns := make([]float64, len(spent))
	ratios := make([][]float64, len(spent))
	for i, s := range spent {
		for round := range s {
			ratios[i] = append(ratios[i], spent[0][round]/s[round])
		}
		slices.Sort(ratios[i])
		slices.Sort(s)
		ns[i] = s[len(s)/2]
	}
	best := len(all) - 1
	for i, tier := range all {
		t.Logf("%v: %.0f ns an entry", tier, ns[i])
	}
	if best == 0 {
		fmt.Println("SKIP iris_plain_vs_purego: this processor has no kernel")
	} else {
		fmt.Printf("BENCH iris_plain_vs_purego %.2f ratio\n", ratios[best][rounds/2])
		fmt.Printf("BENCH iris_plain_avx2_vs_purego %.2f ratio\n", ratios[1][rounds/2])
	}
	fmt.Printf("BENCH iris_plain_entries_per_s_core %.0f 1/s\n", 1e9/ns[best])
	fmt.Printf("BENCH iris_plain_people_per_s_core %.0f 1/s\n", 1e9/ns[len(all)])
}
