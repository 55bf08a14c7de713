//go:build amd64 && !purego

package pairing8

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// newAcross is an element in the first six lanes, with what the library has.
func newAcross(r *rand.Rand, k *constants) (*E2, bn254.E12) {
	s := samples(r, 12)
	var z bn254.E12
	for i := range 6 {
		*coefficient(&z, i) = bn254.E2{A0: s[2*i], A1: s[2*i+1]}
	}
	o := operand{e: new(E2)}
	o.e.setE12(&z, k)
	o.stretch(r) // the idle lanes become other zeros
	return o.e, z
}

func TestAcross(t *testing.T) {
	k := need(t)
	r := rand.New(rand.NewPCG(11, 12))
	s := &space{k: k}
	for range 200 {
		f, x := newAcross(r, k)
		g, y := newAcross(r, k)
		var easy bn254.E12
		easy.Inverse(&x)
		var c bn254.E12
		c.Conjugate(&x)
		easy.Mul(&easy, &c)
		c.FrobeniusSquare(&easy)
		easy.Mul(&easy, &c)
		var u E2
		u.setE12(&easy, k)
		line := newOperand(r, k)
		for lane, from := range [5]int{0, 1, 1, 2, 2} {
			line.want[lane] = line.want[from]
			if lane == 2 || lane == 4 {
				line.want[lane].MulByNonResidue(&line.want[lane])
			}
			line.e.setRaw(lane, &line.want[lane])
		}
		for lane := 5; lane < Lanes; lane++ {
			line.e.setRaw(lane, &line.want[lane])
		}
		line.e.enter(k)
		for _, c := range []struct {
			name string
			run  func(*E2)
			want func(*bn254.E12)
		}{
			{"itself", func(d *E2) { *d = *f }, func(w *bn254.E12) { *w = x }},
			{"mul", func(d *E2) { s.mul(d, f, g) }, func(w *bn254.E12) { w.Mul(&x, &y) }},
			{"square", func(d *E2) { s.square(d, f) }, func(w *bn254.E12) { w.Square(&x) }},
			{"cyclotomic square", func(d *E2) { s.cyclotomicSquare(d, &u) }, func(w *bn254.E12) { w.Square(&easy) }},
			{"conjugate", func(d *E2) { s.conjugate(d, f) }, func(w *bn254.E12) { w.Conjugate(&x) }},
			{"frobenius", func(d *E2) { s.frobenius(d, f, 1) }, func(w *bn254.E12) { w.Frobenius(&x) }},
			{"frobenius square", func(d *E2) { s.frobenius(d, f, 2) }, func(w *bn254.E12) { w.FrobeniusSquare(&x) }},
			{"frobenius cube", func(d *E2) { s.frobenius(d, f, 3) }, func(w *bn254.E12) { w.FrobeniusCube(&x) }},
			{"line", func(d *E2) { s.line(d, f, line.e) }, func(w *bn254.E12) {
				*w = x
				w.MulBy034(&line.want[0], &line.want[1], &line.want[3])
			}},
		} {
			var d E2
			c.run(&d)
			var want bn254.E12
			c.want(&want)
			check(t, c.name, &d, func(lane int) (w bn254.E2) {
				if lane < 6 {
					w = *coefficient(&want, lane)
				}
				return w
			}, k)
		}
	}
}

func TestFinalExponentiation(t *testing.T) {
	k := need(t)
	r := rand.New(rand.NewPCG(13, 14))
	var z bn254.E12
	for i := range 40 {
		switch i {
		case 0: // 0 stays 0, which is not 1
		case 1:
			z.SetOne()
		case 2:
			z.C0.B1.A0 = fp.One()
		default:
			_, z = newAcross(r, k)
		}
		if got, want := FinalExponentiation(&z), bn254.FinalExponentiation(&z); got != want {
			t.Fatalf("element %d: another power", i)
		}
	}
}

func TestSeedDigits(t *testing.T) {
	k := need(t)
	sum := new(big.Int)
	for i := len(k.seed) - 1; i >= 0; i-- {
		d := k.seed[i]
		if d != 0 && (d&1 == 0 || d > 7 || d < -7) {
			t.Fatalf("digit %d", d)
		}
		sum.Lsh(sum, 1)
		sum.Add(sum, big.NewInt(int64(d)))
	}
	if sum.Cmp(big.NewInt(curveSeed)) != 0 || k.seed[len(k.seed)-1] <= 0 {
		t.Errorf("digits of %s", sum)
	}
}

func BenchmarkAcross(b *testing.B) {
	k := need(b)
	f, x := newAcross(rand.New(rand.NewPCG(1, 1)), k)
	s := &space{k: k}
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"mul", func() { s.mul(f, f, f) }},
		{"library mul", func() { x.Mul(&x, &x) }},
		{"square", func() { s.square(f, f) }},
		{"library square", func() { x.Square(&x) }},
		{"cyclotomic", func() { s.cyclotomicSquare(f, f) }},
		{"library cyclotomic", func() { x.CyclotomicSquare(&x) }},
		{"line", func() { s.line(f, f, f) }},
		{"library line", func() { x.MulBy034(&x.C0.B0, &x.C0.B1, &x.C0.B2) }},
		{"final", func() { FinalExponentiation(&x) }},
		{"library final", func() { bn254.FinalExponentiation(&x) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.run()
			}
		})
	}
}

func TestAccumulator(t *testing.T) {
	need(t)
	r := rand.New(rand.NewPCG(15, 16))
	var a Accumulator
	var want bn254.E12
	a.SetOne()
	want.SetOne()
	for range 40 {
		a.Square()
		want.Square(&want)
		s := samples(r, 8)
		c0, c3, c4 := bn254.E2{A0: s[0], A1: s[1]}, bn254.E2{A0: s[2], A1: s[3]}, bn254.E2{A0: s[4], A1: s[5]}
		if want.IsZero() {
			t.Fatal("the test decides nothing")
		}
		c0.A0.SetRandom()
		a.Line(&c0, &c3, &c4)
		want.MulBy034(&c0, &c3, &c4)
		var line FixedLine
		var at Place
		line.Set(&c3, &c4)
		at.Set(&s[6], &s[7])
		a.Fixed(&line, &at)
		c3.MulByElement(&c3, &s[6])
		c4.MulByElement(&c4, &s[7])
		want.MulBy34(&c3, &c4)
		got := a.Value()
		if bn254.FinalExponentiation(&got) != bn254.FinalExponentiation(&want) {
			t.Fatal("another product")
		}
		_, want = newAcross(r, a.s.k)
		a.f.setE12(&want, a.s.k)
	}
	if n := testing.AllocsPerRun(3, func() {
		var a Accumulator
		a.SetOne()
		a.Square()
		v := a.Value()
		v = FinalExponentiation(&v)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
