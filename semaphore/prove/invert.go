package prove

import "github.com/consensys/gnark-crypto/ecc/bn254/fp"

// inverter inverts many field elements with one inversion. It multiplies them
// together as a tree, level by level, since a level is one vector product,
// where the usual running product is a chain.
type inverter struct {
	products, inverses [2 * batch]fp.Element
}

// invert writes the inverses of v, up to batch elements and none of them zero,
// to out.
func (t *inverter) invert(out, v fp.Vector) { t.level(out, v, t.products[:], t.inverses[:]) }

func (t *inverter) level(out, v fp.Vector, products, inverses []fp.Element) {
	n := len(v)
	if n <= 8 {
		t.chain(out, v)
		return
	}
	half := n / 2
	next := half + n&1
	prod, inv := fp.Vector(products[:next]), fp.Vector(inverses[:next])
	top := prod[:half]
	top.Mul(v[:half], v[half:2*half])
	if n&1 == 1 {
		prod[half] = v[n-1]
	}
	t.level(inv, prod, products[next:], inverses[next:])
	low, high := out[:half], out[half:2*half]
	low.Mul(inv[:half], v[half:2*half])
	high.Mul(inv[:half], v[:half])
	if n&1 == 1 {
		out[n-1] = inv[half]
	}
}

// chain is the usual method for the last few.
func (t *inverter) chain(out, v fp.Vector) {
	var acc fp.Element
	acc.SetOne()
	for i := range v {
		out[i] = acc
		acc.Mul(&acc, &v[i])
	}
	acc.Inverse(&acc)
	for i := len(v) - 1; i >= 0; i-- {
		out[i].Mul(&out[i], &acc)
		acc.Mul(&acc, &v[i])
	}
}
