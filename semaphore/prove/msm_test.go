package prove

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// awkwardScalars mixes the edges of the digit decomposition with noise.
func awkwardScalars(n int) []fr.Element {
	r := seeded(uint64(n))
	out := make([]fr.Element, n)
	for i := range out {
		switch i % 7 {
		case 0: // zero
		case 1:
			out[i].SetOne()
		case 2:
			out[i].SetOne().Neg(&out[i])
		case 3:
			out[i] = fr.Element(halfR) // some value, as limbs
		case 4:
			out[i].SetUint64(r.Uint64())
		default:
			out[i] = randomElement(r)
		}
	}
	if n > 9 { // exactly (r-1)/2 and (r+1)/2
		var half fr.Element
		half.SetOne().Halve()
		out[8] = half
		out[9].Neg(&half)
	}
	return out
}

// TestMultiexp compares the arithmetics with gnark-crypto, on points that are equal, opposite
// and infinite too: in a bucket they meet.
func TestMultiexp(t *testing.T) {
	_, _, g1base, g2base := bn254.Generators()
	for _, n := range []int{1, 2, 10, 300, 1500} {
		scalars := awkwardScalars(n)
		p1, p2 := make([]bn254.G1Affine, n), make([]bn254.G2Affine, n)
		for i := range n {
			p1[i], p2[i] = g1base, g2base
			switch {
			case i%11 == 3 && i > 5:
				p1[i], p2[i] = p1[i-1], p2[i-1]
			case i%11 == 4 && i > 5:
				p1[i].Neg(&p1[i-2])
				p2[i].Neg(&p2[i-2])
			case i%11 == 5:
				p1[i], p2[i] = bn254.G1Affine{}, bn254.G2Affine{}
			case i > 0:
				p1[i].Add(&p1[0], &p1[max(i-1, 0)])
				p2[i].Add(&p2[0], &p2[max(i-1, 0)])
			}
		}
		var want1 bn254.G1Affine
		var want2 bn254.G2Affine
		if _, err := want1.MultiExp(p1, scalars, ecc.MultiExpConfig{}); err != nil {
			t.Fatal(err)
		}
		if _, err := want2.MultiExp(p2, scalars, ecc.MultiExpConfig{}); err != nil {
			t.Fatal(err)
		}
		for i, workers := range []int{1, 3, 100} {
			levels := []int{1, 4, 100}[i]
			var got1 bn254.G1Affine
			var got2 bn254.G2Affine
			sum1, err := made(newSumG1(p1), levels).sum(context.Background(), scalars, workers, func() {})
			if err != nil {
				t.Fatal(err)
			}
			sum2, err := made(newSumG2(p2), levels).sum(context.Background(), scalars, workers, func() {})
			if err != nil {
				t.Fatal(err)
			}
			limbs1, err := multiexpLimbsG1(p1).sum(context.Background(), scalars, workers, func() {})
			if err != nil {
				t.Fatal(err)
			}
			limbs2, err := multiexpLimbsG2(p2).sum(context.Background(), scalars, workers, func() {})
			if err != nil {
				t.Fatal(err)
			}
			plain1, err := made(multiexpG1(p1), levels).sum(context.Background(), scalars, workers, func() {})
			if err != nil {
				t.Fatal(err)
			}
			plain2, err := made(multiexpG2(p2), levels).sum(context.Background(), scalars, workers, func() {})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				got1.FromJacobian([]*bn254.G1Jac{&sum1, &limbs1, &plain1}[i])
				got2.FromJacobian([]*bn254.G2Jac{&sum2, &limbs2, &plain2}[i])
				if got1 != want1 {
					t.Errorf("G1, arithmetic %d, %d points, %d workers: wrong sum", i, n, workers)
				}
				if got2 != want2 {
					t.Errorf("G2, arithmetic %d, %d points, %d workers: wrong sum", i, n, workers)
				}
			}
		}
	}
}

// TestDigits puts scalars back together from their digits.
func TestDigits(t *testing.T) {
	scalars := awkwardScalars(100)
	for n := range 40 {
		p := newPlan(1<<(n/2)*(2+n%2)/2, 1+n%20)
		p.n = len(scalars)
		digits := make([]int16, p.windows*p.n)
		p.digits(digits, scalars)
		for i := range scalars {
			var sum, d, radix fr.Element
			radix.SetUint64(1 << p.width)
			for k := p.windows - 1; k >= 0; k-- {
				v := int64(digits[k*p.n+i])
				limit := int64(p.buckets)
				if k == p.windows-1 {
					limit = int64(p.top)
				}
				if max(v, -v) > limit {
					t.Fatalf("width %d: digit %d of window %d has no bucket", p.width, v, k)
				}
				d.SetInt64(v)
				sum.Mul(&sum, &radix)
				sum.Add(&sum, &d)
			}
			if sum != scalars[i] {
				t.Fatalf("width %d: digits of %s give %s", p.width, scalars[i].String(), sum.String())
			}
		}
	}
}

// TestSumsRunSideBySide: with two workers two tiles of every sum are computed at
// a time, with tables and without. Each worker waits for the other.
func TestSumsRunSideBySide(t *testing.T) {
	_, _, g1base, g2base := bn254.Generators()
	const n = 600
	p1, p2 := make([]bn254.G1Affine, n), make([]bn254.G2Affine, n)
	for i := range n {
		p1[i], p2[i] = g1base, g2base
		if i > 0 {
			p1[i].Add(&p1[0], &p1[i-1])
			p2[i].Add(&p2[0], &p2[i-1])
		}
	}
	for _, levels := range []int{1, 100} {
		meetInSteps(t, made[bn254.G1Jac](multiexpG1(p1), levels), n)
		meetInSteps(t, made[bn254.G2Jac](multiexpG2(p2), levels), n)
	}
}

func meetInSteps[J any](t *testing.T, m multiplier[J], n int) {
	t.Helper()
	var mu sync.Mutex
	here, both := 0, make(chan struct{})
	step := func() {
		mu.Lock()
		if here++; here == 2 {
			close(both)
		}
		mu.Unlock()
		select {
		case <-both:
		case <-time.After(20 * time.Second):
			t.Error("the other worker does not come")
		}
	}
	if _, err := m.sum(context.Background(), awkwardScalars(n), 2, step); err != nil {
		t.Error(err)
	}
}

// made gives a multiplication its table.
func made[J any](m multiplier[J], levels int) multiplier[J] {
	m, jobs := m.withTable(levels)
	for _, job := range jobs {
		job()
	}
	return m
}
