//go:build amd64 && !purego

package pairing8

import (
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
)

// wide is an e12 with what the library makes of each lane.
type wide struct {
	want [Lanes]bn254.E12
	f    e12
}

func newWide(r *rand.Rand, k *constants) *wide {
	w := new(wide)
	for i := range w.f {
		o := newOperand(r, k)
		w.f[i] = *o.e
		for lane := range Lanes {
			*coefficient(&w.want[lane], i) = o.want[lane]
		}
	}
	return w
}

func coefficient(x *bn254.E12, i int) *bn254.E2 {
	return [6]*bn254.E2{&x.C0.B0, &x.C1.B0, &x.C0.B1, &x.C1.B1, &x.C0.B2, &x.C1.B2}[i]
}

func (w *wide) check(t *testing.T, name string, k *constants) {
	t.Helper()
	for i := range w.f {
		check(t, name, &w.f[i], func(l int) bn254.E2 { return *coefficient(&w.want[l], i) }, k)
	}
}

func TestTower(t *testing.T) {
	k := need(t)
	r := rand.New(rand.NewPCG(7, 8))
	s := new(scratch)
	s.one = k.one
	for range 100 {
		w := newWide(r, k)
		w.f.square(s)
		for l := range w.want {
			w.want[l].Square(&w.want[l])
		}
		w.check(t, "square", k)

		c0, c3, c4 := newOperand(r, k), newOperand(r, k), newOperand(r, k)
		w.f.multiply(&line{*c0.e, *c3.e, *c4.e}, s)
		for l := range w.want {
			w.want[l].MulBy034(&c0.want[l], &c3.want[l], &c4.want[l])
		}
		w.check(t, "multiply", k)

		var want bn254.E12
		want.SetOne()
		for l := range w.want {
			want.Mul(&want, &w.want[l])
		}
		if w.f.product(k) != want {
			t.Fatal("product of the lanes differs")
		}

		w.f.setOne(k)
		for l := range w.want {
			w.want[l].SetOne()
		}
		w.check(t, "one", k)
	}
}
