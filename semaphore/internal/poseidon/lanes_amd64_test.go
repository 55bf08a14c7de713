//go:build amd64 && !purego

package poseidon

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// write and read are the lanes as numbers.
func (l *lanes) write(i int, x *big.Int) {
	for j := range l[0] {
		w := new(big.Int).Rsh(x, uint(52*j))
		l[i/8][j][i%8] = w.And(w, big.NewInt(limbMask)).Uint64()
	}
}

func (l *lanes) read(t *testing.T, i int) *big.Int {
	t.Helper()
	x := new(big.Int)
	for j := 4; j >= 0; j-- {
		w := l[i/8][j][i%8]
		if w > limbMask {
			t.Fatalf("lane %d limb %d has more than 52 bits", i, j)
		}
		x.Lsh(x, 52).Or(x, new(big.Int).SetUint64(w))
	}
	return x
}

// upTo fills lanes with random numbers of at most a tenth of r times n, and
// with the numbers that go wrong first: 0, r, the bound and limbs of ones.
func upTo(r *rand.Rand, tenths int64) (l lanes, x [laneCount]*big.Int) {
	bound := new(big.Int).Mul(fr.Modulus(), big.NewInt(tenths))
	bound.Div(bound, big.NewInt(10))
	ones := new(big.Int).Lsh(big.NewInt(1), uint(bound.BitLen()-1))
	ones.Sub(ones, big.NewInt(1))
	for i := range x {
		switch r.IntN(6) {
		case 0:
			x[i] = new(big.Int).Set(bound)
		case 1:
			x[i] = ones
		case 2:
			x[i] = []*big.Int{new(big.Int), fr.Modulus(), big.NewInt(1), new(big.Int).Sub(fr.Modulus(), big.NewInt(1))}[r.IntN(4)]
			if x[i].Cmp(bound) > 0 {
				x[i] = new(big.Int)
			}
		default:
			b := make([]byte, 40)
			for j := range b {
				b[j] = byte(r.Uint32())
			}
			x[i] = new(big.Int).SetBytes(b)
			x[i].Mod(x[i], bound)
		}
		l.write(i, x[i])
	}
	return l, x
}

// TestLaneOperations holds every operation, at the greatest operands that the
// proof of the bounds knows, to big integers and to the greatest results.
func TestLaneOperations(t *testing.T) {
	if !vectors() {
		t.Log("no AVX-512 IFMA: hashing does not use these")
		return
	}
	r := rand.New(rand.NewPCG(5, 2))
	m := fr.Modulus()
	unR := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), 260), m)
	rounds := 300
	if long() {
		rounds = 100_000
	}
	constant := func(to []uint64) *big.Int {
		var e fr.Element
		e.MustSetRandom()
		switch r.IntN(4) {
		case 0:
			e = fr.Element{}
		case 1: // the words of r-1
			for j, w := range new(big.Int).Sub(m, big.NewInt(1)).Bits() {
				e[j] = uint64(w)
			}
		}
		inLimbs(to, e)
		x := new(big.Int)
		for j := 3; j >= 0; j-- {
			x.Lsh(x, 64).Or(x, new(big.Int).SetUint64(e[j]))
		}
		return x
	}
	check := func(name string, got *lanes, tenths int64, want func(i int) *big.Int) {
		t.Helper()
		bound := new(big.Int).Mul(m, big.NewInt(tenths))
		for i := range laneCount {
			x := got.read(t, i)
			if new(big.Int).Mul(x, big.NewInt(10)).Cmp(bound) > 0 {
				t.Fatalf("%s: lane %d is above %d tenths of r", name, i, tenths)
			}
			w := want(i)
			if x.Mod(x, m).Cmp(w.Mod(w, m)) != 0 {
				t.Fatalf("%s: lane %d is wrong", name, i)
			}
		}
	}
	times := func(a, b *big.Int) *big.Int {
		x := new(big.Int).Mul(a, b)
		return x.Mul(x, unR).Mod(x, m)
	}
	add := func(terms ...*big.Int) *big.Int {
		x := new(big.Int)
		for _, y := range terms {
			x.Add(x, y)
		}
		return x
	}
	var out lanes
	for range rounds {
		for _, c := range [][2]int64{{46, 11}, {610, 191}} {
			l, x := upTo(r, c[0])
			pow5Lanes(&out, &l)
			check(fmt.Sprintf("pow5 of %d tenths", c[0]), &out, c[1], func(i int) *big.Int {
				s := times(x[i], x[i])
				return times(times(s, s), x[i])
			})
			pow5Lanes(&l, &l)
			if l != out {
				t.Fatal("pow5 in place differs")
			}
		}
		var k [15]uint64
		k0, k1, k2 := constant(k[:5]), constant(k[5:10]), constant(k[10:])
		small, e := upTo(r, 10)
		enterLanes(&out, &small, (*[10]uint64)(k[:10]))
		check("enter", &out, 21, func(i int) *big.Int { return add(k0, times(e[i], k1)) })

		a, x := upTo(r, 11)
		b, y := upTo(r, 610)
		c, z := upTo(r, 610)
		addTimesConstantLanes(&out, &a, &a, (*[10]uint64)(k[:10]))
		check("add times constant", &out, 32, func(i int) *big.Int { return add(x[i], k0, times(x[i], k1)) })
		rowLanes(&out, &a, &b, &c, &k)
		check("row", &out, 46, func(i int) *big.Int { return add(x[i], k0, times(y[i], k1), times(z[i], k2)) })
		lastLanes(&out, &a, &a, &a, &k)
		check("last", &out, 11, func(i int) *big.Int { return add(times(x[i], k0), times(x[i], k1), times(x[i], k2)) })
		d, w := upTo(r, 598)
		addTimesLanes(&d, &d, &a, (*[5]uint64)(k[:5]))
		check("add times", &d, 609, func(i int) *big.Int { return add(w[i], times(x[i], k0)) })
	}
}
