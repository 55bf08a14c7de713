//go:build amd64 && !purego

package pairing8

import (
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// need leaves a test out where the processor cannot run it.
func need(t testing.TB) *constants {
	t.Helper()
	if !Available() {
		if os.Getenv("CI") == "true" {
			t.Fatal("no AVX-512 IFMA here; with -tags purego there is nothing to test")
		}
		t.Skip("SKIP: no AVX-512 IFMA here, callers use the library")
	}
	return newConstants()
}

// samples are edge values first, then random ones.
func samples(r *rand.Rand, n int) []fp.Element {
	out := make([]fp.Element, n)
	for i := range out {
		switch i % 16 {
		case 0:
		case 1:
			out[i].SetOne()
		case 2:
			out[i].SetOne()
			out[i].Neg(&out[i])
		case 3: // the raw word 1
			out[i] = fp.Element{1}
		case 4: // the raw words of p - 1
			out[i] = fp.Element{modulus0 - 1, modulus1, modulus2, modulus3}
		default:
			for j := range out[i] {
				out[i][j] = r.Uint64()
			}
			out[i][3] %= modulus3
		}
	}
	r.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// operand is what a lane test is given: eight elements as the library has
// them, and in lanes with random multiples of p up to the bound of 3p added.
type operand struct {
	want [Lanes]bn254.E2
	e    *E2
}

func newOperand(r *rand.Rand, k *constants) operand {
	o := operand{e: new(E2)}
	s := samples(r, 2*Lanes)
	for lane := range Lanes {
		o.want[lane] = bn254.E2{A0: s[2*lane], A1: s[2*lane+1]}
		o.e.setRaw(lane, &o.want[lane])
	}
	o.e.enter(k)
	o.stretch(r)
	return o
}

// stretch moves every number to another one of its class in [0, 3p).
func (o *operand) stretch(r *rand.Rand) {
	for h := range o.e {
		for lane := range Lanes {
			x := o.e[h].integer(lane)
			x.Mod(x, fp.Modulus())
			x.Add(x, new(big.Int).Mul(fp.Modulus(), big.NewInt(r.Int64N(3))))
			for j := range o.e[h] {
				o.e[h][j][lane] = new(big.Int).And(x, big.NewInt(mask)).Uint64()
				x.Rsh(x, radix)
			}
		}
	}
}

func (a *Fp) integer(lane int) *big.Int {
	x := new(big.Int)
	for j := limbs - 1; j >= 0; j-- {
		x.Lsh(x, radix)
		x.Add(x, new(big.Int).SetUint64(a[j][lane]))
	}
	return x
}

// check asserts the invariant of all results and their values.
func check(t *testing.T, name string, got *E2, want func(lane int) bn254.E2, k *constants) {
	t.Helper()
	bound := new(big.Int).Mul(fp.Modulus(), big.NewInt(3))
	for h := range got {
		for lane := range Lanes {
			for j := range got[h] {
				if got[h][j][lane] > mask {
					t.Fatalf("%s: limb %d of lane %d is %x", name, j, lane, got[h][j][lane])
				}
			}
			if got[h].integer(lane).Cmp(bound) >= 0 {
				t.Fatalf("%s: lane %d is %x", name, lane, got[h].integer(lane))
			}
		}
	}
	plain := *got
	plain.leave(k)
	for lane := range Lanes {
		if x, w := plain.get(lane), want(lane); x != w {
			t.Fatalf("%s: lane %d: %s, want %s", name, lane, x.String(), w.String())
		}
	}
}

func TestOperations(t *testing.T) {
	k := need(t)
	r := rand.New(rand.NewPCG(1, 2))
	// times is c*x for a small integer c.
	times := func(c int64, x bn254.E2) bn254.E2 {
		var s fp.Element
		s.SetInt64(c)
		x.MulByElement(&x, &s)
		return x
	}
	plus := func(x, y bn254.E2) bn254.E2 { return *x.Add(&x, &y) }
	product := func(x, y bn254.E2) bn254.E2 { return *x.Mul(&x, &y) }
	for range 300 {
		var o [8]operand
		for i := range o {
			o[i] = newOperand(r, k)
		}
		w := func(i, lane int) bn254.E2 { return o[i].want[lane] }
		p := func(i int) *E2 { return o[i].e }
		var b Fp = o[1].e[0]
		terms := make([]term, 1+r.IntN(6))
		for i := range terms {
			terms[i] = term{[2]*E2{p(i), p(i + 1)}, [2]*E2{p(i + 1), p(i + 2)}, randomIndex(r), randomIndex(r)}
		}
		for _, c := range []struct {
			name string
			run  func(dst *E2)
			want func(l int) bn254.E2
		}{
			{"mul1", func(d *E2) { mul1(d, p(0), p(1)) }, func(l int) bn254.E2 { return product(w(0, l), w(1, l)) }},
			{"mul1 square", func(d *E2) { mul1(d, p(0), p(0)) }, func(l int) bn254.E2 { return product(w(0, l), w(0, l)) }},
			{"mul2", func(d *E2) { mul2(d, p(0), p(1), p(2), p(3)) }, func(l int) bn254.E2 {
				return plus(product(w(0, l), w(1, l)), product(w(2, l), w(3, l)))
			}},
			{"mul3", func(d *E2) { mul3(d, p(0), p(1), p(2), p(3), p(4), p(5)) }, func(l int) bn254.E2 {
				return plus(plus(product(w(0, l), w(1, l)), product(w(2, l), w(3, l))), product(w(4, l), w(5, l)))
			}},
			{"mul4", func(d *E2) { mul4(d, p(0), p(1), p(2), p(3), p(4), p(5), p(6), p(7)) }, func(l int) bn254.E2 {
				x := plus(plus(product(w(0, l), w(1, l)), product(w(2, l), w(3, l))), product(w(4, l), w(5, l)))
				return plus(x, product(w(6, l), w(7, l)))
			}},
			{"each", func(d *E2) { each(d, p(0), p(1)) }, func(l int) (x bn254.E2) {
				a, b := w(0, l), w(1, l)
				x.A0.Mul(&a.A0, &b.A0)
				x.A1.Mul(&a.A1, &b.A1)
				return x
			}},
			{"each2", func(d *E2) { each2(d, p(0), p(1), p(2), p(3)) }, func(l int) (x bn254.E2) {
				a, b, c, d := w(0, l), w(1, l), w(2, l), w(3, l)
				var y bn254.E2
				x.A0.Mul(&a.A0, &b.A0)
				x.A1.Mul(&a.A1, &b.A1)
				y.A0.Mul(&c.A0, &d.A0)
				y.A1.Mul(&c.A1, &d.A1)
				return plus(x, y)
			}},
			{"scale", func(d *E2) { scale(d, p(0), &b) }, func(l int) bn254.E2 {
				x, y := w(0, l), w(1, l)
				return *x.MulByElement(&x, &y.A0)
			}},
			{"add", func(d *E2) { add(d, p(0), p(1)) }, func(l int) bn254.E2 { return plus(w(0, l), w(1, l)) }},
			{"sub", func(d *E2) { sub(d, p(0), p(1)) }, func(l int) bn254.E2 { return plus(w(0, l), times(-1, w(1, l))) }},
			{"sub itself", func(d *E2) { sub(d, p(0), p(0)) }, func(l int) bn254.E2 { return bn254.E2{} }},
			{"neg", func(d *E2) { neg(d, p(0)) }, func(l int) bn254.E2 { return times(-1, w(0, l)) }},
			{"double", func(d *E2) { double(d, p(0)) }, func(l int) bn254.E2 { return times(2, w(0, l)) }},
			{"times3", func(d *E2) { times3(d, p(0)) }, func(l int) bn254.E2 { return times(3, w(0, l)) }},
			{"times4", func(d *E2) { times4(d, p(0)) }, func(l int) bn254.E2 { return times(4, w(0, l)) }},
			{"timesMinus8", func(d *E2) { timesMinus8(d, p(0)) }, func(l int) bn254.E2 { return times(-8, w(0, l)) }},
			{"times8", func(d *E2) { times8(d, p(0)) }, func(l int) bn254.E2 { return times(8, w(0, l)) }},
			{"timesMinus12", func(d *E2) { timesMinus12(d, p(0)) }, func(l int) bn254.E2 { return times(-12, w(0, l)) }},
			{"add3", func(d *E2) { add3(d, p(0), p(1)) }, func(l int) bn254.E2 { return plus(w(0, l), times(3, w(1, l))) }},
			{"sub2", func(d *E2) { sub2(d, p(0), p(1)) }, func(l int) bn254.E2 { return plus(w(0, l), times(-2, w(1, l))) }},
			{"times3Sub2", func(d *E2) { times3Sub2(d, p(0), p(1)) }, func(l int) bn254.E2 { return plus(times(3, w(0, l)), times(-2, w(1, l))) }},
			{"choose", func(d *E2) { choose(d, p(0), p(1), &[Lanes]uint64{0, 15, 3, 8, 7, 7, 12, 1}) }, func(l int) bn254.E2 {
				return w([]int{0, 1, 0, 1, 0, 0, 1, 0}[l], []int{0, 7, 3, 0, 7, 7, 4, 1}[l])
			}},
			{"mixed", func(d *E2) { mixed(d, &terms[0], len(terms)) }, func(l int) (sum bn254.E2) {
				for i := range terms {
					sum = plus(sum, product(w(i+int(terms[i].ia[l]/8), int(terms[i].ia[l]%8)), w(i+1+int(terms[i].ib[l]/8), int(terms[i].ib[l]%8))))
				}
				return sum
			}},
			{"twiceSub6", func(d *E2) { twiceSub6(d, p(0), p(1)) }, func(l int) bn254.E2 { return plus(times(2, w(0, l)), times(-6, w(1, l))) }},
			{"xi", func(d *E2) { xi(d, p(0)) }, func(l int) bn254.E2 { x := w(0, l); return *x.MulByNonResidue(&x) }},
		} {
			var fresh E2
			c.run(&fresh)
			check(t, c.name, &fresh, c.want, k)
			// In place, where the destination is the first operand.
			saved := *p(0)
			c.run(p(0))
			if *p(0) != fresh {
				t.Fatalf("%s in place differs", c.name)
			}
			*p(0) = saved
		}
	}
}

func randomIndex(r *rand.Rand) *[Lanes]uint64 {
	var out [Lanes]uint64
	for i := range out {
		out[i] = r.Uint64N(16)
	}
	return &out
}

// The extremes of the invariant: every limb pattern just below 3p, and 0.
func TestExtremes(t *testing.T) {
	k := need(t)
	top := new(big.Int).Mul(fp.Modulus(), big.NewInt(3))
	top.Sub(top, big.NewInt(1))
	fill := func(x *big.Int) (e E2) {
		for h := range e {
			for lane := range Lanes {
				for j := range e[h] {
					e[h][j][lane] = new(big.Int).And(new(big.Int).Rsh(x, uint(radix*j)), big.NewInt(mask)).Uint64()
				}
			}
		}
		return e
	}
	value := func(e *E2) (x bn254.E2) {
		plain := *e
		plain.leave(k)
		return plain.get(0)
	}
	high, low := fill(top), fill(new(big.Int))
	half := fill(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 4*radix), big.NewInt(1))) // full limbs
	upper := E2{high[0], low[0]}
	lower := E2{low[0], high[0]}
	all := []E2{high, low, half, upper, lower}
	for _, a := range all {
		for _, b := range all {
			x, y := value(&a), value(&b)
			var d E2
			mul4(&d, &a, &b, &a, &b, &a, &b, &a, &b)
			var w bn254.E2
			w.Mul(&x, &y)
			w.Double(&w)
			w.Double(&w)
			check(t, "mul4", &d, func(int) bn254.E2 { return w }, k)
			six := slices.Repeat([]term{{[2]*E2{&a, &a}, [2]*E2{&b, &b}, new([Lanes]uint64), new([Lanes]uint64)}}, 6)
			mixed(&d, &six[0], 6)
			var half3 bn254.E2
			half3.Double(&x)
			half3.Mul(&half3, &y)
			w.Add(&w, &half3)
			check(t, "mixed", &d, func(int) bn254.E2 { return w }, k)
			twiceSub6(&d, &a, &b)
			var x2, y6 bn254.E2
			x2.Double(&x)
			y6.Double(&y)
			y6.Add(&y6, &y)
			y6.Double(&y6)
			w.Sub(&x2, &y6)
			check(t, "twiceSub6", &d, func(int) bn254.E2 { return w }, k)
			sub(&d, &a, &b)
			w.Sub(&x, &y)
			check(t, "sub", &d, func(int) bn254.E2 { return w }, k)
			xi(&d, &a)
			w.MulByNonResidue(&x)
			check(t, "xi", &d, func(int) bn254.E2 { return w }, k)
			timesMinus12(&d, &a)
			w.Sub(&bn254.E2{}, &x)
			w.Double(&w)
			x2.Double(&w)
			w.Add(&w, &x2)
			w.Double(&w)
			check(t, "timesMinus12", &d, func(int) bn254.E2 { return w }, k)
		}
	}
}

func BenchmarkOperations(b *testing.B) {
	k := need(b)
	r := rand.New(rand.NewPCG(1, 2))
	x, y := newOperand(r, k), newOperand(r, k)
	d := new(E2)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"mul1", func() { mul1(d, x.e, y.e) }},
		{"mul2", func() { mul2(d, x.e, y.e, y.e, x.e) }},
		{"mul3", func() { mul3(d, x.e, y.e, y.e, x.e, x.e, x.e) }},
		{"each", func() { each(d, x.e, y.e) }},
		{"add", func() { add(d, x.e, y.e) }},
		{"twiceSub6", func() { twiceSub6(d, x.e, y.e) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.run()
			}
		})
	}
	b.Run("library E2.Mul", func(b *testing.B) {
		p, q := x.want[0], y.want[0]
		for b.Loop() {
			p.Mul(&p, &q)
		}
	})
}
