//go:build amd64 && !purego

package prove

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/perhuman/perhuman/semaphore/prove/internal/ifma"
)

// Where the processor has AVX-512 IFMA the additions run eight abreast from
// loading the points to storing the sums (package ifma). Points are scaled as
// that package wants them, and read from the table without a copy.

// laneBlocks is a batch in blocks of lanes.
const laneBlocks = batch / ifma.Lanes

// laneOps are operations as ifma takes them: sources as references (index and
// sign), filled up to whole blocks with repetitions of the last.
type laneOps struct {
	a, b, dst [batch]uint32
	suspects  [2][laneBlocks]uint8
}

// set takes ops whose sources are indexes, shifted by one, or references.
func (l *laneOps) set(ops []op, shift int) (blocks int) {
	for i, o := range ops {
		l.a[i], l.b[i], l.dst[i] = uint32(o.a)<<shift, uint32(o.b)<<shift, uint32(o.dst)
	}
	last := len(ops) - 1
	n := (len(ops) + ifma.Lanes - 1) / ifma.Lanes * ifma.Lanes
	for i := len(ops); i < n; i++ {
		l.a[i], l.b[i], l.dst[i] = l.a[last], l.b[last], l.dst[last]
	}
	return n / ifma.Lanes
}

// identity makes every place its own source and destination.
func (l *laneOps) identity(n int) (blocks int) {
	blocks = (n + ifma.Lanes - 1) / ifma.Lanes
	for i := range blocks * ifma.Lanes {
		at := uint32(min(i, n-1))
		l.a[i], l.dst[i] = at<<1, at
	}
	return blocks
}

// laneInverter is inverter over blocks.
type laneInverter struct {
	products, inverses [2 * laneBlocks]ifma.Block
}

// invert writes the inverses of v, none of them zero and all below 4q, to out.
func (t *laneInverter) invert(out, v []ifma.Block) { t.level(out, v, t.products[:], t.inverses[:]) }

func (t *laneInverter) level(out, v, products, inverses []ifma.Block) {
	n := len(v)
	if n == 1 {
		invertBlock(&out[0], &v[0])
		return
	}
	half := n / 2
	next := half + n&1
	prod, inv := products[:next], inverses[:next]
	ifma.Mul(prod[:half], v[:half], v[half:2*half])
	if n&1 == 1 {
		prod[half] = v[n-1]
	}
	t.level(inv, prod, products[next:], inverses[next:])
	ifma.Mul(out[:half], inv[:half], v[half:2*half])
	ifma.Mul(out[half:2*half], inv[:half], v[:half])
	if n&1 == 1 {
		out[n-1] = inv[half]
	}
}

// invertBlock inverts eight numbers with one inversion. They come scaled by
// 2^4; so their inverses are short by 2^8.
func invertBlock(out, v *ifma.Block) {
	var x, prefix [ifma.Lanes]fp.Element
	acc := fp.One()
	for j := range x {
		x[j] = v.Get(j)
		prefix[j] = acc
		acc.Mul(&acc, &x[j])
	}
	acc.Inverse(&acc)
	var scale fp.Element
	scale.SetUint64(1 << 8)
	acc.Mul(&acc, &scale)
	for j := len(x) - 1; j >= 0; j-- {
		prefix[j].Mul(&prefix[j], &acc)
		acc.Mul(&acc, &x[j])
		out.Set(j, &prefix[j])
	}
}

// scaledOne is 1 as blocks hold it.
func scaledOne() (e fp.Element) {
	e.SetOne()
	ifma.Scale(&e)
	return e
}
