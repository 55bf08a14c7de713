package galois

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func source(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func words[W Word](r *rand.Rand, n int) []W {
	out := make([]W, n)
	for i := range out {
		out[i] = W(r.Uint64())
	}
	return out
}

func bothRings(t *testing.T, f func(t *testing.T, bits int)) {
	for _, bits := range []int{16, 32} {
		t.Run(map[int]string{16: "2^16", 32: "2^32"}[bits], func(t *testing.T) { f(t, bits) })
	}
}

func TestBasisIsSelfDual(t *testing.T) {
	for i := range Degree {
		for j := range Degree {
			want := uint32(0)
			if i == j {
				want = 1
			}
			if got := alpha[uint32](i).Mul(alpha[uint32](j)).Phi(); got != want {
				t.Errorf("2^32: phi(alpha_%d*alpha_%d) = %d", i, j, got)
			}
			if got := alpha[uint16](i).Mul(alpha[uint16](j)).Phi(); got != uint16(want) {
				t.Errorf("2^16: phi(alpha_%d*alpha_%d) = %d", i, j, got)
			}
		}
	}
}

// Points and their differences are units, x has order 15 modulo 2 (the
// polynomial is irreducible), and every unit times its inverse is 1.
func TestRing(t *testing.T) {
	bothRings(t, func(t *testing.T, bits int) {
		if bits == 16 {
			ring[uint16](t)
		} else {
			ring[uint32](t)
		}
	})
}

func ring[W Word](t *testing.T) {
	one := Element[W]{1}
	odd := func(a Element[W]) bool { return (a[0]|a[1]|a[2]|a[3])&1 == 1 }
	sum := Element[W]{}
	for i := range Parties {
		sum = sum.Add(lambda[W](i))
		for j := range i {
			if d := point[W](i).Sub(point[W](j)); !odd(d) || d.Mul(d.inverse()) != one {
				t.Errorf("points %d and %d", i, j)
			}
		}
	}
	if sum != one {
		t.Errorf("the weights add up to %v", sum)
	}
	power, seen := one, map[Element[W]]bool{}
	for range 15 {
		low := power
		for k := range low {
			low[k] &= 1
		}
		seen[low] = true
		power = power.Mul(Element[W]{0, 1})
	}
	if len(seen) != 15 {
		t.Errorf("x has order %d modulo 2", len(seen))
	}
	r := rand.New(source(1))
	for range 200 {
		a, b, c := Element[W](words[W](r, 4)), Element[W](words[W](r, 4)), Element[W](words[W](r, 4))
		if a.Mul(b) != b.Mul(a) || a.Mul(b).Mul(c) != a.Mul(b.Mul(c)) || a.Mul(b.Add(c)) != a.Mul(b).Add(a.Mul(c)) {
			t.Fatal("not a commutative ring")
		}
		if a[0] |= 1; a.Mul(a.inverse()) != one {
			t.Fatalf("inverse of %v", a)
		}
		if v := [4]W(words[W](r, 4)); Embed(v).Values() != v {
			t.Fatalf("values of %v", v)
		}
	}
}

func TestDotProductOfShares(t *testing.T) {
	bothRings(t, func(t *testing.T, bits int) {
		if bits == 16 {
			dotProduct[uint16](t)
		} else {
			dotProduct[uint32](t)
		}
	})
}

func dotProduct[W Word](t *testing.T) {
	r := rand.New(source(2))
	edges := []W{0, 1, ^W(0), ^W(0) / 2, ^W(0)/2 + 1}
	for round := range 60 {
		n := 4 * (1 + round%7)
		a, b := words[W](r, n), words[W](r, n)
		if round%3 == 0 {
			for i := range a {
				a[i], b[i] = edges[r.IntN(len(edges))], edges[r.IntN(len(edges))]
			}
		}
		sa, err := Split(source(byte(round)), a)
		if err != nil {
			t.Fatal(err)
		}
		sb, err := Split(source(byte(100+round)), b)
		if err != nil {
			t.Fatal(err)
		}
		if round%2 == 1 { // refreshed shares are shares of the same
			for i := range Parties {
				if err := Refresh(source(200), i, sb[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		want, got := W(0), W(0)
		values := make([]W, n)
		for i := range a {
			want += a[i] * b[i]
		}
		for p := range Parties {
			w, additive := make([]W, n), make([]W, n)
			if err := errors.Join(Weights(p, w, sa[p]), Additive(p, additive, sb[p])); err != nil {
				t.Fatal(err)
			}
			for i := range w {
				got += w[i] * sb[p][i]
				values[i] += additive[i]
			}
		}
		if got != want {
			t.Fatalf("dot product %d, want %d", got, want)
		}
		opened, err := Open(sb)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			if values[i] != b[i] || opened[i] != b[i] {
				t.Fatalf("value %d: %d and %d, want %d", i, values[i], opened[i], b[i])
			}
		}
		sb[round%3][round%n]++
		if _, err := Open(sb); !errors.Is(err, ErrInconsistent) {
			t.Fatalf("a changed share: %v", err)
		}
	}
}

// One party's shares of the most lopsided values there are, all zero and all
// one, are uniform, bit by bit, byte by byte and in pairs of neighbours; and a
// refresh changes them without a trace of the old ones.
func TestOneShareIsUniform(t *testing.T) {
	const n = 1 << 16
	for name, fill := range map[string]uint16{"zero": 0, "one": 1, "minus one": 0xffff} {
		values := make([]uint16, n)
		for i := range values {
			values[i] = fill
		}
		shares, err := Split(source(7), values)
		if err != nil {
			t.Fatal(err)
		}
		for p, share := range shares {
			uniformly(t, name, share)
			old := append([]uint16(nil), share...)
			if err := Refresh(source(8), p, share); err != nil {
				t.Fatal(err)
			}
			uniformly(t, name+", refreshed", share)
			for i := range old {
				old[i] = share[i] - old[i]
			}
			uniformly(t, name+", difference", old)
			// Shares of two epochs do not combine: the line through them does
			// not meet zero at the values.
			mixed := [Parties][]uint16{share, shares[(p+1)%3], shares[(p+2)%3]}
			if p == 0 {
				if _, err := Open(mixed); !errors.Is(err, ErrInconsistent) {
					t.Errorf("shares of two epochs: %v", err)
				}
			}
		}
	}
}

// uniformly tests low bytes, high bytes, each coefficient's low byte, and the
// sums and products of neighbours by chi-square at six standard deviations.
func uniformly(t *testing.T, name string, share []uint16) {
	t.Helper()
	statistics := map[string]func(i int) byte{
		"low":    func(i int) byte { return byte(share[i]) },
		"high":   func(i int) byte { return byte(share[i] >> 8) },
		"sum":    func(i int) byte { return byte(share[i] + share[(i+1)%len(share)]) },
		"stride": func(i int) byte { return byte((share[i] - share[(i+4)%len(share)]) >> 4) },
		"pairs":  func(i int) byte { return byte(share[i]&15 | share[(i+1)%len(share)]&15<<4) },
		"triples": func(i int) byte {
			return byte(share[i]&7 | share[(i+2)%len(share)]&7<<3 | share[(i+3)%len(share)]&3<<6)
		},
	}
	for what, f := range statistics {
		var count [256]float64
		for i := range share {
			count[f(i)]++
		}
		chi, expected := 0., float64(len(share))/256
		for _, c := range count {
			chi += (c - expected) * (c - expected) / expected
		}
		if z := (chi - 255) / math.Sqrt(2*255); math.Abs(z) > 6 {
			t.Errorf("%s, %s: chi-square %.0f of 255 degrees", name, what, chi)
		}
	}
}

// Whatever a quadruple holds, the 2^64 masks give each of the 2^64 shares
// once: r*e_i is a bijection. Checked where it can be counted: modulo 2 on all
// 16 masks, which is what makes it one modulo 2^16.
func TestOneShareSaysNothing(t *testing.T) {
	for p := range Parties {
		seen := map[Element[uint16]]bool{}
		for r := range 16 {
			m := Element[uint16]{uint16(r & 1), uint16(r >> 1 & 1), uint16(r >> 2 & 1), uint16(r >> 3)}.Mul(point[uint16](p))
			for k := range m {
				m[k] &= 1
			}
			seen[m] = true
		}
		if len(seen) != 16 {
			t.Errorf("party %d sees %d of 16 masks", p, len(seen))
		}
	}
}

func TestRefusals(t *testing.T) {
	share := []uint16{1, 2, 3, 4}
	before := [4]uint16(share)
	broken := iotest.ErrReader(io.ErrUnexpectedEOF)
	for name, c := range map[string]struct{ got, want error }{
		"split, length":     {second(Split(source(1), share[:3])), ErrLength},
		"split, randomness": {second(Split(broken, share)), io.ErrUnexpectedEOF},
		"weights, party":    {Weights(3, share, share), ErrParty},
		"weights, length":   {Weights(0, share[:3], share), ErrLength},
		"additive, party":   {Additive(-1, share, share), ErrParty},
		"refresh, party":    {Refresh(source(1), 3, share), ErrParty},
		"refresh, length":   {Refresh(source(1), 0, share[:2]), ErrLength},
		"refresh, broken":   {Refresh(broken, 0, share), io.ErrUnexpectedEOF},
		"open, length":      {second(Open([3][]uint16{share, share, nil})), ErrLength},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	if [4]uint16(share) != before {
		t.Error("a refused call changed the share")
	}
}

func second[T any](_ T, err error) error { return err }
