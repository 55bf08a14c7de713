package dot

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// tiers gives what this processor can run.
func tiers() []tier {
	all := []tier{pureGo}
	for t := avx2; t <= bestTier(); t++ {
		all = append(all, t)
	}
	return all
}

// fills are ways of filling shares: kernels must be right for any words.
func fills(r *rand.Rand) map[string]func() uint16 {
	edges := []uint16{0, 1, 0xffff, 0x7fff, 0x8000, 0x8001}
	return map[string]func() uint16{
		"zero":   func() uint16 { return 0 },
		"ones":   func() uint16 { return 0xffff },
		"least":  func() uint16 { return 0x8000 },
		"edges":  func() uint16 { return edges[r.IntN(len(edges))] },
		"random": func() uint16 { return uint16(r.Uint32()) },
	}
}

func filled(shape Shape, party int, f func() uint16) Share {
	s := Share{shape, party, make([]uint16, shape.Words())}
	for i := range s.words {
		s.words[i] = f()
	}
	return s
}

// equal compares every tier's sums of every query and entry with the definition.
func equal(t testing.TB, shares []Share, rows RowSet, entries []Share) {
	t.Helper()
	shape, party := shares[0].shape, shares[0].party
	g, err := NewGallery(shape, party)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := g.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, with := range tiers() {
		var queries []*Query
		for _, s := range shares {
			q, err := newQuery(s, rows, with)
			if err != nil {
				t.Fatal(err)
			}
			queries = append(queries, q)
		}
		order := 0
		err := Walk(queries, g, 0, g.Len(), func(entry, query int, got *Sums) {
			if entry*len(queries)+query != order {
				t.Fatalf("%v: entry %d, query %d out of order", with, entry, query)
			}
			order++
			var want Sums
			queries[query].reference(g.Entry(entry), &want)
			for i := range iris.Rotations {
				if got.Code[i] != want.Code[i] || got.Mask[i] != want.Mask[i] {
					t.Fatalf("%v, %+v, entry %d, query %d, rotation %d: %x and %x, want %x and %x", with, shape, entry, query, 15-i,
						got.Code[i], got.Mask[i], want.Code[i], want.Mask[i])
				}
			}
		})
		if err != nil || order != len(queries)*g.Len() {
			t.Fatalf("%v: %d of %d comparisons, %v", with, order, len(queries)*g.Len(), err)
		}
	}
}

// Every kind of words against every other, in shapes with every remainder of the
// blocks that the kernels take, with and without digits.
func TestKernelsEqualReference(t *testing.T) {
	t.Logf("tiers: %v", tiers())
	r := rand.New(rand.NewPCG(61, 62))
	f := fills(r)
	for _, cols := range []int{64, 72, 80, 88, 200} {
		for _, exact := range []bool{false, true} {
			shape := Shape{cols, exact}
			for name := range f {
				queries := []Share{filled(shape, 1, f[name]), filled(shape, 1, f["random"]), filled(shape, 1, f["edges"])}
				var entries []Share
				for other := range f {
					entries = append(entries, filled(shape, 1, f[other]))
				}
				equal(t, queries[:1+cols%3], AllRows, entries)
			}
		}
	}
	for _, rows := range []RowSet{1, 0x80, InnerRows, 0xa5} {
		shape := Shape{104, rows == 1}
		equal(t, []Share{filled(shape, 2, f["random"])}, rows, []Share{filled(shape, 2, f["random"])})
	}
	for _, exact := range []bool{false, true} {
		shape := Shape{1024, exact} // the most products: no sum of pairs overflows
		equal(t, []Share{filled(shape, 0, f["ones"])}, AllRows, []Share{filled(shape, 0, f["ones"]), filled(shape, 0, f["random"])})
	}
}

func BenchmarkWalk(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	shape := Shape{Columns: 200}
	g, _ := NewGallery(shape, 0)
	random := fills(r)["random"]
	for range 512 {
		if _, err := g.Append(filled(shape, 0, random)); err != nil {
			b.Fatal(err)
		}
	}
	for _, with := range tiers() {
		for _, n := range []int{1, 2, 4, 8} {
			var queries []*Query
			for range n {
				q, _ := newQuery(filled(shape, 0, random), AllRows, with)
				queries = append(queries, q)
			}
			b.Run(fmt.Sprintf("%v/%d", with, n), func(b *testing.B) {
				entries := g.Len()
				if with == pureGo {
					entries = 16
				}
				for b.Loop() {
					_ = Walk(queries, g, 0, entries, func(int, int, *Sums) {})
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(entries*n*b.N), "ns/entry")
			})
		}
	}
}
