package iris

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// tiers gives what this processor can run, the reference first.
func tiers() []tier {
	all := []tier{pureGo}
	for t := avx2; t <= bestTier(); t++ {
		all = append(all, t)
	}
	return all
}

// noise fills a template by the density of ones in code and mask: "sparse" and
// "dense" masks leave little or nearly everything to compare.
func noise(r *rand.Rand, cols int, code, mask func() uint64) Template {
	t := newTemplate(cols)
	for p := range planes {
		for i := range t.plane(p) {
			t.plane(p)[i] = code()
			if p == planes-1 {
				t.plane(p)[i] = mask()
			}
		}
	}
	return t
}

func fills(r *rand.Rand) map[string]func() uint64 {
	return map[string]func() uint64{
		"zero":   func() uint64 { return 0 },
		"one":    func() uint64 { return ^uint64(0) },
		"random": r.Uint64,
		"sparse": func() uint64 { return r.Uint64() & r.Uint64() & r.Uint64() & r.Uint64() & r.Uint64() & r.Uint64() },
		"dense":  func() uint64 { return r.Uint64() | r.Uint64() | r.Uint64() | r.Uint64() },
	}
}

// agree compares every count of every tier with the reference's, and the
// minima with what the definition makes of them.
func agree(t rapid.TB, query, a, b Template) {
	t.Helper()
	reference := newQuery(query, pureGo)
	wantA, wantB := reference.one(a), reference.one(b)
	for _, tier := range tiers()[1:] {
		q := newQuery(query, tier)
		var out counts
		q.kernel(a, b, b, a, 2, &out)
		for at := range Rotations {
			for i, e := range []Template{a, b} {
				want := reference.At(e, MaxRotation-at)
				got := Distance{int(out[2*at+i] & 0xffffffff), 2 * int(out[2*at+i]>>32)}
				if got != want || want != Between(query.Rotate(MaxRotation-at), e) {
					t.Fatalf("%v, %d columns, entry %d, rotation %d: %v, want %v", tier, query.cols, i, MaxRotation-at, got, want)
				}
			}
		}
		if x, y := q.two(a, b, a, Template{}, 2); x != wantA || y != wantB {
			t.Fatalf("%v: minima %v, %v, want %v, %v", tier, x, y, wantA, wantB)
		}
		if d, by := q.Min(b); d != wantB.distance || by != wantB.rotation {
			t.Fatalf("%v: minimum %v at %d, want %v", tier, d, by, wantB)
		}
	}
}

// Every kind of code against every kind of mask, in every shape modulo a
// register.
func TestKernelsEqualReference(t *testing.T) {
	t.Logf("tiers: %v", tiers())
	r := rand.New(rand.NewPCG(41, 42))
	f := fills(r)
	for _, cols := range []int{64, 68, 72, 76, 80, 200, 256, 1024} {
		for code := range f {
			for mask := range f {
				agree(t, noise(r, cols, f[code], f[mask]), noise(r, cols, f["random"], f["dense"]), noise(r, cols, f[code], f[mask]))
			}
		}
	}
}

func TestKernelsEqualReferenceRandomly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		f := fills(r)
		cols := 4 * rapid.IntRange(16, 256).Draw(t, "columns/4")
		kind := rapid.SampledFrom([]string{"zero", "one", "random", "sparse", "dense"})
		draw := func(name string) Template {
			return noise(r, cols, f[kind.Draw(t, name+" code")], f[kind.Draw(t, name+" mask")])
		}
		agree(t, draw("query"), draw("a"), draw("b"))
	})
}

// A single common bit at the seam, found by each tier in the one rotation that
// has it, and equal minima resolved to the lowest rotation.
func TestKernelsAtTheSeam(t *testing.T) {
	for _, cols := range []int{64, 200} {
		for by := -MaxRotation; by <= MaxRotation; by++ {
			query, e := newTemplate(cols), newTemplate(cols)
			setColumn(query.plane(mask), cols-1, 1<<31)
			setColumn(e.plane(mask), ((cols-1+by)%cols+cols)%cols, 1<<31)
			agree(t, query, e, newTemplate(cols))
			for _, tier := range tiers() {
				if d, got := newQuery(query, tier).Min(e); d.Bits != 2 || got != by {
					t.Fatalf("%v: one bit at rotation %d found at %d, %v", tier, by, got, d)
				}
			}
		}
		all := noise(nil, cols, func() uint64 { return 0 }, func() uint64 { return ^uint64(0) })
		for _, tier := range tiers() {
			if d, by := newQuery(all, tier).Min(all); by != -MaxRotation || d.Diff != 0 || d.Bits != all.Bits() {
				t.Errorf("%v: equal minima: rotation %d, %v", tier, by, d)
			}
		}
	}
}

// Walk gives what Min and Scores give, for any number of entries.
func TestWalk(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var pairs []Pair
	for range 5 {
		pairs = append(pairs, Pair{noise(r, 200, r.Uint64, r.Uint64), noise(r, 200, r.Uint64, r.Uint64)})
	}
	for _, tier := range tiers() {
		for n := range len(pairs) + 1 {
			q, walked := newQuery(pairs[4].Left, tier), 0
			q.Walk(n, func(i int) Template { return pairs[i].Left }, func(i int, d Distance, by int) {
				if want, rotation := q.Min(pairs[i].Left); i != walked || d != want || by != rotation {
					t.Errorf("%v: entry %d: %v at %d", tier, i, d, by)
				}
				walked++
			})
			p := NewPairQuery(pairs[3])
			p.Walk(n, func(i int) Pair { return pairs[i] }, func(i int, upright, mirrored Score) {
				if x, y := p.Scores(pairs[i]); x != upright || y != mirrored {
					t.Errorf("%v: pair %d", tier, i)
				}
				walked++
			})
			if walked != 2*n {
				t.Errorf("%v: %d of %d entries", tier, walked, 2*n)
			}
		}
	}
}

// Shapes that differ compare nothing in any tier, and nothing is read.
func TestKernelsOfOtherShapes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	small, large := noise(r, 64, r.Uint64, r.Uint64), noise(r, 256, r.Uint64, r.Uint64)
	for _, tier := range tiers() {
		q := newQuery(small, tier)
		for _, e := range []Template{large, {}} {
			all := []Template{e, small, small, e, small}
			q.Walk(len(all), func(i int) Template { return all[i] }, func(i int, d Distance, _ int) {
				if (all[i].cols == small.cols) != (d.Bits > 0) {
					t.Errorf("%v: entry %d: %v", tier, i, d)
				}
			})
		}
		if d, _ := newQuery(Template{}, tier).Min(small); d != (Distance{}) {
			t.Errorf("%v: empty query: %v", tier, d)
		}
	}
}

// 31 rotations of one eye against entries two at a time, per entry, by tier.
func BenchmarkTier(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	f := fills(r)
	entries := make([]Template, 64)
	for i := range entries {
		entries[i] = noise(r, 200, r.Uint64, f["dense"])
	}
	for _, tier := range tiers() {
		b.Run(fmt.Sprint(tier), func(b *testing.B) {
			q := newQuery(entries[0], tier)
			for b.Loop() {
				q.Walk(len(entries), func(i int) Template { return entries[i] }, func(int, Distance, int) {})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(len(entries)*b.N), "ns/entry")
		})
	}
}
