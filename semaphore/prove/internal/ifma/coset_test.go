//go:build amd64 && !purego

package ifma

import (
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr/fft"
)

// TestCoset compares with gnark-crypto's transforms.
func TestCoset(t *testing.T) {
	need(t)
	r := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{MinCoset, 256, 2048, 8192, 16384} {
		shift, err := fft.Generator(2 * uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		var root fr.Element
		root.Square(&shift)
		c := NewCoset(n, &root, &shift)
		domain := fft.NewDomain(uint64(n), fft.WithShift(shift))
		var x [3][]fr.Element
		var v [3][]Block
		for i := range x {
			x[i], v[i] = make([]fr.Element, n), make([]Block, c.Blocks())
			for k := range x[i] {
				switch r.IntN(4) {
				case 0:
					x[i][k].SetInt64(int64(r.IntN(3)) - 1)
				case 1: // r-1 and zeros: sums that grow as far as they can
					x[i][k].SetInt64(-1)
				default:
					x[i][k].SetUint64(r.Uint64())
					x[i][k].Inverse(&x[i][k])
				}
			}
			c.Load(v[i], x[i])
			c.Extend(v[i])
			domain.FFTInverse(x[i], fft.DIF)
			domain.FFT(x[i], fft.DIT, fft.OnCoset())
		}
		out := make([]fr.Element, n)
		c.Combine(out, v[0], v[1], v[2])
		for i := range out {
			var want fr.Element
			want.Mul(&x[0][i], &x[1][i])
			want.Sub(&want, &x[2][i])
			if out[i] != want {
				t.Fatalf("size %d: value %d differs", n, i)
			}
		}
	}
}
