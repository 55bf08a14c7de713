package field29

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// samplesP are edge values and random ones.
func samplesP(n int) []fp.Element {
	r := rand.New(rand.NewPCG(29, 29))
	out := make([]fp.Element, 0, n+6)
	var one, minus fp.Element
	one.SetOne()
	minus.Neg(&one)
	out = append(out, fp.Element{}, one, minus, fp.Element{1}, fp.Element{0, 0, 0, 1 << 61}, fp.Element{^uint64(0), ^uint64(0), ^uint64(0), 1<<61 - 1})
	for range n {
		var b [48]byte
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		var e fp.Element
		e.SetBytes(b[:])
		out = append(out, e)
	}
	return out
}

// settled checks the bounds that the package comment promises.
func settled(t *testing.T, x [Limbs]int32, q *big.Int) {
	t.Helper()
	v := new(big.Int)
	for i := Limbs - 1; i >= 0; i-- {
		if i < Limbs-1 && (x[i] < 0 || x[i] > mask) {
			t.Fatalf("limb %d is %d", i, x[i])
		}
		v.Lsh(v, Bits).Add(v, big.NewInt(int64(x[i])))
	}
	v.Mul(v, big.NewInt(10))
	if v.Cmp(new(big.Int).Neg(q)) < 0 || v.Cmp(new(big.Int).Mul(q, big.NewInt(11))) > 0 {
		t.Fatalf("value %v/10 is out of bounds", v)
	}
}

func TestFp(t *testing.T) {
	q := fp.Modulus()
	samples := samplesP(60)
	for i := range samples {
		var x Fp
		x.From(&samples[i])
		settled(t, x, q)
		if back := x.Element(); back != samples[i] {
			t.Fatalf("%v comes back as %v", samples[i], back)
		}
		if x.IsZero() != samples[i].IsZero() {
			t.Fatalf("IsZero of %v", samples[i])
		}
		var inv, neg Fp
		inv.Inverse(&x)
		neg.Neg(&x)
		settled(t, neg, q)
		var want fp.Element
		if want.Inverse(&samples[i]); inv.Element() != want {
			t.Fatal("inverse")
		}
		if want.Neg(&samples[i]); neg.Element() != want {
			t.Fatal("negative")
		}
		for j := range samples {
			k := (i*7 + j*3) % len(samples)
			var y, w, z, sum, dif Fp
			y.From(&samples[j])
			w.From(&samples[k])
			z.Mul(&x, &y)
			settled(t, z, q)
			want.Mul(&samples[i], &samples[j])
			if z.Element() != want {
				t.Fatalf("%v * %v", samples[i], samples[j])
			}
			z.Sub(&x, &y)
			settled(t, z, q)
			if want.Sub(&samples[i], &samples[j]); z.Element() != want {
				t.Fatal("difference")
			}
			z.Sub2(&x, &y, &w)
			settled(t, z, q)
			if want.Sub(&want, &samples[k]); z.Element() != want {
				t.Fatal("two differences")
			}
			// (x+y)(x-y), and products of differences
			sum.LooseAdd(&x, &y)
			dif.LooseSub(&x, &y)
			if dif.IsZero() != (i == j) {
				t.Fatalf("IsZero of %v - %v", samples[i], samples[j])
			}
			z.Mul(&sum, &dif)
			settled(t, z, q)
			var a, b fp.Element
			a.Add(&samples[i], &samples[j])
			b.Sub(&samples[i], &samples[j])
			want.Mul(&a, &b)
			if z.Element() != want {
				t.Fatal("product of loose elements")
			}
			a.Mul(&samples[k], &b)
			want.Mul(&samples[i], &b)
			var other Fp
			other.LooseSub(&y, &x)
			z.MulSub(&w, &dif, &x, &other)
			settled(t, z, q)
			if want.Add(&a, &want); z.Element() != want {
				t.Fatal("MulSub")
			}
			z.MulAdd(&dif, &dif, &other, &other)
			settled(t, z, q)
			if want.Mul(&b, &b).Double(&want); z.Element() != want {
				t.Fatal("MulAdd")
			}
		}
	}
}

// TestExtremeLimbs: limbs at their bounds do not overflow.
func TestExtremeLimbs(t *testing.T) {
	value := func(x Fp) *big.Int {
		v := new(big.Int)
		for i := Limbs - 1; i >= 0; i-- {
			v.Lsh(v, Bits).Add(v, big.NewInt(int64(x[i])))
		}
		return v
	}
	q := fp.Modulus()
	rInv := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), Bits*Limbs), q)
	check := func(got Fp, want *big.Int) {
		t.Helper()
		want = new(big.Int).Mul(want, rInv)
		if want.Sub(want, value(got)); want.Mod(want, q).Sign() != 0 {
			t.Fatal("overflow")
		}
	}
	for _, sign := range []int32{1, -1} {
		var sum, dif Fp
		for i := range Limbs - 1 {
			sum[i], dif[i] = 2*mask, sign*mask
		}
		sum[8], dif[8] = 7_000_000, sign*3_500_000
		product := func(a, b Fp) *big.Int { return new(big.Int).Mul(value(a), value(b)) }
		var z Fp
		z.Mul(&sum, &dif)
		check(z, product(sum, dif))
		z.MulAdd(&dif, &dif, &dif, &dif)
		check(z, new(big.Int).Add(product(dif, dif), product(dif, dif)))
		var neg Fp
		for i := range neg {
			neg[i] = -dif[i]
		}
		z.MulSub(&dif, &dif, &dif, &neg)
		check(z, new(big.Int).Sub(product(dif, dif), product(dif, neg)))
		z.MulSub(&dif, &neg, &dif, &dif)
		check(z, new(big.Int).Sub(product(dif, neg), product(dif, dif)))
	}
}

func TestFr(t *testing.T) {
	q := fr.Modulus()
	samples := samplesP(40)
	for i := range samples {
		for j := range samples {
			var a, b, want fr.Element
			a.SetBigInt(samples[i].BigInt(new(big.Int)))
			b.SetBigInt(samples[j].BigInt(new(big.Int)))
			var x, y, z Fr
			x.From(&a)
			y.From(&b)
			if x.Element() != a {
				t.Fatal("comes back different")
			}
			z.Mul(&x, &y)
			settled(t, z, q)
			if want.Mul(&a, &b); z.Element() != want {
				t.Fatal("product")
			}
			z.Add(&x, &y)
			settled(t, z, q)
			if want.Add(&a, &b); z.Element() != want {
				t.Fatal("sum")
			}
			z.Sub(&x, &y)
			settled(t, z, q)
			if want.Sub(&a, &b); z.Element() != want {
				t.Fatal("difference")
			}
			var d Fr
			d.LooseSub(&x, &y)
			z.Mul(&d, &d)
			settled(t, z, q)
			if want.Square(&want); z.Element() != want {
				t.Fatal("product of differences")
			}
			z.Neg(&x)
			if want.Neg(&a); z.Element() != want {
				t.Fatal("negative")
			}
		}
	}
}

func BenchmarkMul(b *testing.B) {
	s := samplesP(2)
	var x, y Fp
	x.From(&s[6])
	y.From(&s[7])
	for b.Loop() {
		x.Mul(&x, &y)
	}
}

func BenchmarkMulFourLimbs(b *testing.B) {
	s := samplesP(2)
	for b.Loop() {
		s[6].Mul(&s[6], &s[7])
	}
}
