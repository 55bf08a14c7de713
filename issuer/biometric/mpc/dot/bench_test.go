//go:build unix && amd64 && !purego

package dot

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// course is one thing that is measured: run does n units of work.
type course struct {
	name string
	n    int
	run  func(n int)
}

// definitions are product16 twice: where in a cache line the loop lands makes a
// third of its speed, and the two land apart. (With the check of bounds taken out
// of the loop by hand it takes two thirds of the better one; then come the packed
// tier, and what only assembly can do.)
var definitions = [...]func(a, b []uint16) uint16{product16, productA}

//go:noinline
func productA(a, b []uint16) uint16 {
	sum := uint16(0)
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// defined is reference with a dot product of the caller's.
func (q *Query) defined(entry []uint16, product func(a, b []uint16) uint16) (sum uint16) {
	n := q.shape.plane()
	for i := range iris.Rotations {
		for p := range q.shape.planes() {
			sum += product(entry[p*n:][:n], q.plane(p)[i*columnWords:])
		}
	}
	return sum
}

// An entry is one eye's share of 12,800 + 6,400 words in all 31 rotations, as in
// biometrics.md section 5. The gallery, 79 MB, streams from memory. The baseline
// is the definition (Query.reference): dot products as they are written in Go, the
// faster of two placements of the same loop, some 1.5 cycles a product where
// that of biometrics.md takes 2. The peak is what a loop of
// nothing but VPDPWSSD on registers would take for the 31 * 19,200 products, in
// the same run; Karatsuba's method needs fewer, so a share of it can be above 1.
func TestBenchDot(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const entries, rounds, warm, batch = 2048, 21, 2, 8
	shape := Shape{Columns: 200}
	r := rand.New(rand.NewPCG(1, 1))
	random := fills(r)["random"]
	g, err := NewGallery(shape, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range entries {
		if _, err := g.Append(filled(shape, 0, random)); err != nil {
			t.Fatal(err)
		}
	}
	query := func(with tier, n int) (out []*Query) {
		for range n {
			q, err := newQuery(filled(shape, 0, random), AllRows, with)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, q)
		}
		return out
	}
	sum := uint32(0)
	at := 0
	walk := func(queries []*Query) func(int) {
		return func(n int) {
			n /= len(queries)
			at = (at + n) % (entries - n + 1)
			if err := Walk(queries, g, at, at+n, func(_, _ int, s *Sums) { sum += s.Mask[3] }); err != nil {
				t.Fatal(err)
			}
		}
	}
	definition := query(pureGo, 1)[0]
	var courses []course
	for i, product := range definitions {
		courses = append(courses, course{fmt.Sprint("purego", i), 24, func(n int) {
			for i := range n {
				sum += uint32(definition.defined(g.Entry(i), product))
			}
		}})
	}
	courses = append(courses, []course{
		{"packed", 48, walk(query(pureGo, 2))},
	}...)
	best := bestTier()
	if best >= avx2 {
		courses = append(courses, course{"avx2", 512, walk(query(avx2, batch))})
	}
	if best == avx512 {
		courses = append(courses,
			course{"avx512", 512, walk(query(avx512, 1))},
			course{"avx512x2", 1024, walk(query(avx512, 2))},
			course{"avx512x8", 2048, walk(query(avx512, batch))},
			course{"peak", iris.Rotations * 600 * 16, func(n int) { peak512(n / 128) }})
	}
	spent := map[string][]float64{}
	for round := range warm + rounds {
		for _, c := range courses {
			began := cpuTime(t)
			c.run(c.n)
			if ns := float64(cpuTime(t)-began) / float64(c.n); round >= warm {
				spent[c.name] = append(spent[c.name], ns)
			}
		}
	}
	if sum == 0 {
		t.Error("nothing compared")
	}
	for i := range rounds {
		least := spent["purego0"][i]
		for k := range definitions {
			least = min(least, spent[fmt.Sprint("purego", k)][i])
		}
		spent["purego"] = append(spent["purego"], least)
	}
	median := func(f func(i int) float64) float64 {
		v := make([]float64, rounds)
		for i := range v {
			v[i] = f(i)
		}
		slices.Sort(v)
		return v[rounds/2]
	}
	over := func(a, b string) float64 { return median(func(i int) float64 { return spent[a][i] / spent[b][i] }) }
	for _, c := range courses {
		t.Logf("%s: %.1f ns", c.name, median(func(i int) float64 { return spent[c.name][i] }))
	}
	fmt.Printf("BENCH mpc_dot_packed_vs_purego %.2f ratio\n", over("purego", "packed"))
	if best < avx2 {
		fmt.Println("SKIP mpc_dot_avx2_vs_purego: this processor has no AVX2")
		return
	}
	fmt.Printf("BENCH mpc_dot_avx2_vs_purego %.2f ratio\n", over("purego", "avx2"))
	if best < avx512 {
		fmt.Println("SKIP mpc_dot_vs_purego: this processor has no AVX-512 VNNI")
		return
	}
	const products = iris.Rotations * 600 // of 32 words
	fmt.Printf("BENCH mpc_dot_vs_purego %.2f ratio\n", over("purego", "avx512x8"))
	fmt.Printf("BENCH mpc_dot_single_vs_purego %.2f ratio\n", over("purego", "avx512"))
	fmt.Printf("BENCH mpc_dot_peak_share %.3f ratio\n", products*over("peak", "avx512x8"))
	fmt.Printf("BENCH mpc_memory_per_person_bytes %.0f bytes\n", 2*float64(g.Bytes())/entries)
	fmt.Printf("BENCH mpc_dot_entry_cpu_us %.3f us\n", median(func(i int) float64 { return spent["avx512x8"][i] })/1000)
	fmt.Printf("BENCH mpc_dot_comparisons_per_s_core %.0f 1/s\n", iris.Rotations*1e9/median(func(i int) float64 { return spent["avx512x8"][i] }))
}
