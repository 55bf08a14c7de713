package prove

import (
	"math/bits"
	"reflect"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/perhuman/perhuman/semaphore/prove/internal/field29"
)

// limbCoset is the coset over package field29: the plain radix-two transforms,
// the inverse one from natural to bit-reversed order and the other one back.
type limbCoset struct {
	roots, inverse []field29.Fr // powers of the domain's root and of its inverse
	scale          []field29.Fr // shift^i / size, in bit-reversed order
}

func newLimbCoset(domain int) (*limbCoset, error) {
	g, err := shift(domain)
	if err != nil {
		return nil, err
	}
	c := &limbCoset{
		roots:   make([]field29.Fr, domain/2),
		inverse: make([]field29.Fr, domain/2),
		scale:   make([]field29.Fr, domain),
	}
	var root, inv, size fr.Element
	root.Square(&g)
	inv.Inverse(&root)
	size.SetUint64(uint64(domain))
	size.Inverse(&size)
	power := func(first fr.Element, ratio *fr.Element, n int, put func(i int, v *fr.Element)) {
		for i := range n {
			put(i, &first)
			first.Mul(&first, ratio)
		}
	}
	power(fr.One(), &root, domain/2, func(i int, v *fr.Element) { c.roots[i].From(v) })
	power(fr.One(), &inv, domain/2, func(i int, v *fr.Element) { c.inverse[i].From(v) })
	width := bits.Len(uint(domain)) - 1
	power(size, &g, domain, func(i int, v *fr.Element) {
		c.scale[bits.Reverse32(uint32(i))>>(32-width)].From(v)
	})
	return c, nil
}

// bytes is the memory of the powers.
func (c *limbCoset) bytes() int {
	return (len(c.roots) + len(c.inverse) + len(c.scale)) * int(reflect.TypeFor[field29.Fr]().Size())
}

// quotient is vectorCoset's, on one goroutine: WebAssembly has no other.
func (c *limbCoset) quotient(a, b []fr.Element, _ int) {
	var v [3][]field29.Fr
	for i := range v {
		v[i] = make([]field29.Fr, len(a))
		defer clear(v[i])
	}
	for i := range a {
		v[0][i].From(&a[i])
		v[1][i].From(&b[i])
		v[2][i].Mul(&v[0][i], &v[1][i])
	}
	for i := range v {
		c.toCoset(v[i])
	}
	for i := range a {
		x := &v[0][i]
		x.Mul(x, &v[1][i])
		x.Sub(x, &v[2][i])
		a[i] = x.Element()
	}
}

// toCoset turns values on the domain into values on the coset.
func (c *limbCoset) toCoset(v []field29.Fr) {
	n := len(v)
	var t field29.Fr
	for half, stride := n/2, 1; half > 0; half, stride = half/2, stride*2 {
		for first := 0; first < n; first += 2 * half {
			low, high := v[first:first+half], v[first+half:first+2*half]
			for i := range low {
				t.LooseSub(&low[i], &high[i])
				low[i].Add(&low[i], &high[i])
				high[i].Mul(&t, &c.inverse[i*stride])
			}
		}
	}
	for i := range v {
		v[i].Mul(&v[i], &c.scale[i])
	}
	for half, stride := 1, n/2; half < n; half, stride = half*2, stride/2 {
		for first := 0; first < n; first += 2 * half {
			low, high := v[first:first+half], v[first+half:first+2*half]
			for i := range low {
				t.Mul(&high[i], &c.roots[i*stride])
				high[i].Sub(&low[i], &t)
				low[i].Add(&low[i], &t)
			}
		}
	}
}
