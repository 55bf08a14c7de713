//go:build amd64 && !purego

package ifma

import (
	"math/big"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

func need(t *testing.T) {
	t.Helper()
	if Available() {
		return
	}
	const why = "no AVX-512 IFMA on this processor"
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// value is the integer in a lane.
func value(b *Block, j int) *big.Int {
	v := new(big.Int)
	for i := 4; i >= 0; i-- {
		v.Lsh(v, 52).Add(v, new(big.Int).SetUint64(b[i][j]))
	}
	return v
}

func put(b *Block, j int, v *big.Int) {
	mask := big.NewInt(1<<52 - 1)
	v = new(big.Int).Set(v)
	for i := range b {
		b[i][j] = new(big.Int).And(v, mask).Uint64()
		v.Rsh(v, 52)
	}
}

// numbers fills blocks with integers below limit times q, its edges included.
func numbers(r *rand.Rand, n int, limit int64) []Block {
	out := make([]Block, n)
	top := new(big.Int).Mul(fp.Modulus(), big.NewInt(limit))
	for i := range out {
		for j := range Lanes {
			var b [40]byte
			for k := range b {
				b[k] = byte(r.Uint32())
			}
			v := new(big.Int).SetBytes(b[:])
			switch r.IntN(8) {
			case 0:
				v.SetInt64(int64(r.IntN(3)))
			case 1:
				v.Sub(top, big.NewInt(int64(1+r.IntN(3))))
			case 2:
				v.Mul(fp.Modulus(), big.NewInt(r.Int64N(limit)))
			case 3: // long runs of ones, for the carries
				v.Lsh(big.NewInt(1), uint(r.IntN(250)))
				v.Sub(v, big.NewInt(1))
			}
			put(&out[i], j, v.Mod(v, top))
		}
	}
	return out
}

func TestArithmetic(t *testing.T) {
	need(t)
	r := rand.New(rand.NewPCG(1, 2))
	q := fp.Modulus()
	rInv := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), 260), q)
	for range 40 {
		const n = 7
		u, v := 1+r.Int64N(30), 1+r.Int64N(16)
		x, y, w, z := numbers(r, n, u), numbers(r, n, v), numbers(r, n, 1), make([]Block, n)
		check := func(name string, limit int64, want func(a, b, c *big.Int) *big.Int) {
			t.Helper()
			for i := range z {
				for j := range Lanes {
					got := value(&z[i], j)
					d := want(value(&x[i], j), value(&y[i], j), value(&w[i], j))
					if d.Sub(d, got).Mod(d, q).Sign() != 0 {
						t.Fatalf("%s: wrong residue", name)
					}
					if got.Cmp(new(big.Int).Mul(q, big.NewInt(limit))) >= 0 {
						t.Fatalf("%s: result above %d*q", name, limit)
					}
					for _, limb := range z[i] {
						if limb[j]>>52 != 0 {
							t.Fatalf("%s: limb of more than 52 bits", name)
						}
					}
				}
			}
		}
		Mul(z, x, y)
		check("mul", 2+u*v/84, func(a, b, _ *big.Int) *big.Int { return a.Mul(a, b).Mul(a, rInv) })
		Add(z, x, y)
		check("add", u+v, func(a, b, _ *big.Int) *big.Int { return a.Add(a, b) })
		Sub(z, x, y, Q16)
		check("sub", u+16, func(a, b, _ *big.Int) *big.Int { return a.Sub(a, b) })
		for k, m := range []int64{2, 4, 8, 16} {
			y = numbers(r, n, m-1)
			Sub2(z, x, y, w, Multiple(k))
			check("sub2", u+m, func(a, b, c *big.Int) *big.Int { return a.Sub(a, b).Sub(a, c) })
		}
		copy(z, x)
		y = numbers(r, n, v)
		Mul(z, z, y)
		check("mul in place", 2+u*v/84, func(a, b, _ *big.Int) *big.Int { return a.Mul(a, b).Mul(a, rInv) })
	}
}

// TestRows moves elements through blocks and back.
func TestRows(t *testing.T) {
	need(t)
	r := rand.New(rand.NewPCG(3, 4))
	const n = 6
	rows := make([][4]fp.Element, 100)
	for i := range rows {
		for j := range rows[i] {
			if r.IntN(9) > 0 {
				rows[i][j].SetBigInt(new(big.Int).SetUint64(r.Uint64()))
				rows[i][j].Inverse(&rows[i][j])
			}
		}
	}
	refs, dst := make([]uint32, n*Lanes), make([]uint32, n*Lanes)
	for i := range refs {
		refs[i] = r.Uint32N(200)
		dst[i] = uint32(i*2%99) + uint32(i*2/99)
	}
	for negate := range 4 {
		for half := range 2 { // rows of two elements, every second of them
			lo, hi := make([]Block, n), make([]Block, n)
			Gather(lo, hi, &rows[0][2*half], 7, refs, negate)
			for range 14 { // to just above 28q: Scatter reduces from 32q
				zero := make([]Block, n)
				Sub(lo, lo, zero, Q2)
				Sub(hi, hi, zero, Q2)
			}
			out := make([][4]fp.Element, 100)
			Scatter(&out[0][2*half], 7, dst, lo, hi)
			for i, ref := range refs {
				want := [2]fp.Element(rows[ref>>1][2*half : 2*half+2])
				for k := range want {
					if ref&1 == 1 && negate>>k&1 == 1 {
						want[k].Neg(&want[k])
					}
				}
				if got := [2]fp.Element(out[dst[i]][2*half : 2*half+2]); got != want {
					t.Fatalf("row %d, negate %d: %v, want %v", i, negate, got, want)
				}
			}
		}
	}
}

func TestSuspects(t *testing.T) {
	need(t)
	r := rand.New(rand.NewPCG(5, 6))
	x, y := numbers(r, 50, 1), numbers(r, 50, 1)
	for i := range x {
		for j := range Lanes {
			if r.IntN(5) == 0 {
				put(&y[i], j, value(&x[i], j))
			}
		}
	}
	out := make([]uint8, len(x))
	Suspects(out, x, y)
	for i := range x {
		for j := range Lanes {
			a, b := value(&x[i], j), value(&y[i], j)
			want := a.Sign() == 0 || b.Sign() == 0 || a.Cmp(b) == 0
			if got := out[i]>>j&1 == 1; got != want {
				t.Fatalf("block %d lane %d: %v, want %v", i, j, got, want)
			}
		}
	}
}

func TestElements(t *testing.T) {
	need(t)
	r := rand.New(rand.NewPCG(7, 8))
	b := numbers(r, 30, 4)
	for i := range b {
		for j := range Lanes {
			want := new(big.Int).Mod(value(&b[i], j), fp.Modulus())
			e := b[i].Get(j)
			b[i].Set(j, &e)
			if got := value(&b[i], j); got.Cmp(want) != 0 {
				t.Fatalf("%v, want %v", got, want)
			}
			scaled := e
			Scale(&scaled)
			Unscale(&scaled)
			if scaled != e {
				t.Fatal("Unscale does not undo Scale")
			}
		}
	}
}
