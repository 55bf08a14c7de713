package iris_test

import (
	"math/rand/v2"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// naive is the oracle: one bit at a time, in the flat order of the formats.
type naive struct {
	cols       int
	code, mask []bool
}

func unpack(t iris.Template) naive {
	c, m := t.Flat()
	n := naive{cols: t.Columns()}
	for i := range len(c) * 8 {
		n.code = append(n.code, c[i/8]>>(7-i%8)&1 == 1)
		n.mask = append(n.mask, m[i/8]>>(7-i%8)&1 == 1)
	}
	return n
}

func (n naive) index(row, col, w, b int) int { return row*n.cols*4 + col*4 + w*2 + b }

func (n naive) move(to func(col int) int, negateImaginary bool) naive {
	out := naive{n.cols, make([]bool, len(n.code)), make([]bool, len(n.mask))}
	for row := range 16 {
		for col := range n.cols {
			for w := range 2 {
				for b := range 2 {
					from, at := n.index(row, col, w, b), n.index(row, to(col), w, b)
					out.code[at] = n.code[from] != (negateImaginary && b == 1)
					out.mask[at] = n.mask[from]
				}
			}
		}
	}
	return out
}

func (n naive) rotate(by int) naive {
	return n.move(func(c int) int { return ((c+by)%n.cols + n.cols) % n.cols }, false)
}

func (n naive) mirror() naive {
	half := n.cols / 2
	return n.move(func(c int) int { return c/half*half + half - 1 - c%half }, true)
}

func (n naive) distance(o naive) (d iris.Distance) {
	for i := range n.code {
		if n.mask[i] && o.mask[i] {
			d.Bits++
			if n.code[i] != o.code[i] {
				d.Diff++
			}
		}
	}
	return d
}

func (n naive) equal(t iris.Template) bool {
	o := unpack(t)
	for i := range n.code {
		if n.code[i] != o.code[i] || n.mask[i] != o.mask[i] {
			return false
		}
	}
	return n.cols == o.cols
}

// random is noise in every bit: fine for comparing an implementation with its
// oracle, useless for thresholds.
func random(t testing.TB, r *rand.Rand, cols int) iris.Template {
	t.Helper()
	code, mask := make([]byte, cols*8), make([]byte, cols*8)
	for i := range code {
		code[i] = byte(r.Uint32())
		for pair := range 4 {
			if r.IntN(4) > 0 {
				mask[i] |= 3 << (2 * pair)
			}
		}
	}
	e, err := iris.FromFlat(cols, code, mask)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAgainstOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, cols := range []int{200, 256, 64, 68} {
		for range 4 {
			a, b := random(t, r, cols), random(t, r, cols)
			na, nb := unpack(a), unpack(b)
			if got, want := iris.Between(a, b), na.distance(nb); got != want {
				t.Fatalf("%d columns: %v, want %v", cols, got, want)
			}
			if !na.mirror().equal(a.Mirror()) || !a.Mirror().Mirror().Equal(a) {
				t.Fatalf("%d columns: mirror", cols)
			}
			q := iris.NewQuery(a)
			best, at := iris.Distance{}, 0
			for by := -iris.MaxRotation; by <= iris.MaxRotation; by++ {
				turned := na.rotate(by)
				if !turned.equal(a.Rotate(by)) {
					t.Fatalf("%d columns: rotation %d", cols, by)
				}
				want := turned.distance(nb)
				if got := q.At(b, by); got != want {
					t.Fatalf("%d columns: rotation %d: %v, want %v", cols, by, got, want)
				}
				if best.Bits == 0 || want.HD() < best.HD() {
					best, at = want, by
				}
			}
			if got, by := q.Min(b); got != best || by != at {
				t.Fatalf("%d columns: least %v at %d, want %v at %d", cols, got, by, best, at)
			}
			want := 0
			for _, m := range na.mask {
				if m {
					want++
				}
			}
			if a.MaskBits() != want || a.Bits() != len(na.code) || q.Columns() != cols {
				t.Fatalf("%d columns: counts", cols)
			}
		}
	}
}
