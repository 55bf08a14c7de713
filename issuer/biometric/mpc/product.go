package mpc

import (
	"encoding/binary"
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// bits is one party's part of a vector of secret bits, 64 to a word: the vector
// is the exclusive or of three, of which party i has the i-th (own) and the one
// before (prev). Any one party's two are uniform.
type bits struct{ own, prev []uint64 }

func newBits(n int) bits { return bits{make([]uint64, n), make([]uint64, n)} }

func (b bits) len() int { return len(b.own) }

func (b bits) part(from, n int) bits {
	return bits{b.own[from:][:n:n], b.prev[from:][:n:n]}
}

// flip sets b to b xor mask, which is public: it goes into the part of party 0.
func (b bits) flip(party int, mask uint64) {
	words := b.own
	switch party {
	case 1:
		words = b.prev
	case 2:
		return
	}
	for i := range words {
		words[i] ^= mask
	}
}

// keep sets b to b and mask, which is public.
func (b bits) keep(mask []uint64) {
	for i, m := range mask {
		b.own[i] &= m
		b.prev[i] &= m
	}
}

// xor sets b to x xor y.
func (b bits) xor(x, y bits) {
	xorWords(b.own, x.own, y.own)
	xorWords(b.prev, x.prev, y.prev)
}

func xorWords(dst, x, y []uint64) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] ^ y[i]
	}
}

// gate is one vector of products: dst becomes x and y, x or y, or
// otherwise if x is 0 and y if x is 1, as kind says. dst may be any of them.
type gate struct {
	kind      gateKind
	dst, x, y bits
	otherwise bits // of choose
}

type gateKind uint8

const (
	and gateKind = iota
	or
	choose
	carry // the majority of the three parts of x themselves
)

// evaluate computes gates in one round, one bit sent for each bit of a product.
// Gates of one call do not depend on each other: all are read before one is
// written.
func (r *run) evaluate(gates []gate) error {
	n := 0
	for _, g := range gates {
		n += g.x.len()
	}
	out, in := r.buffers(8 * n)
	at := out
	for _, g := range gates {
		g.local(at)
		at = at[8*g.x.len():]
	}
	r.zeros.xor(out)
	if err := r.exchange(out, in); err != nil {
		return err
	}
	for _, g := range gates {
		k := 8 * g.x.len()
		g.finish(out[:k], in[:k])
		out, in = out[k:], in[k:]
	}
	return nil
}

// local gives this party's part of the products, which it covers with zeros and
// sends. Of the nine products of three parts by three, party i has the three
// that are made of parts i and i-1 and not of i-1 alone.
func (g gate) local(out []byte) {
	n := g.x.len()
	xo, xp := g.x.own[:n], g.x.prev[:n]
	out = out[:8*n]
	switch g.kind {
	case carry:
		for i, x := range xo {
			binary.LittleEndian.PutUint64(out[8*i:], x&xp[i])
		}
	case choose:
		yo, yp, oo, op := g.y.own[:n], g.y.prev[:n], g.otherwise.own[:n], g.otherwise.prev[:n]
		for i, x := range xo {
			own, prev := yo[i]^oo[i], yp[i]^op[i]
			binary.LittleEndian.PutUint64(out[8*i:], x&(own^prev)^xp[i]&own)
		}
	default:
		yo, yp := g.y.own[:n], g.y.prev[:n]
		for i, x := range xo {
			own := yo[i]
			binary.LittleEndian.PutUint64(out[8*i:], x&(own^yp[i])^xp[i]&own)
		}
	}
}

// finish takes what was sent and what came as the products' two parts.
func (g gate) finish(sent, came []byte) {
	finishPart(g.kind, g.dst.own, g.x.own, g.y.own, g.otherwise.own, sent)
	finishPart(g.kind, g.dst.prev, g.x.prev, g.y.prev, g.otherwise.prev, came)
}

func finishPart(kind gateKind, dst, x, y, otherwise []uint64, product []byte) {
	n := len(x)
	dst, product = dst[:n], product[:8*n]
	switch kind {
	case or:
		y = y[:n]
		for i := range dst {
			dst[i] = x[i] ^ y[i] ^ binary.LittleEndian.Uint64(product[8*i:])
		}
	case choose:
		otherwise = otherwise[:n]
		for i := range dst {
			dst[i] = otherwise[i] ^ binary.LittleEndian.Uint64(product[8*i:])
		}
	default:
		for i := range dst {
			dst[i] = binary.LittleEndian.Uint64(product[8*i:])
		}
	}
}

// fold ors rows of width words each, rows after one another, into the first.
func (r *run) fold(width int, vectors ...bits) error {
	for {
		var gates []gate
		for i, v := range vectors {
			rows := v.len() / width
			if rows < 2 {
				continue
			}
			half := (rows + 1) / 2
			x := v.part(0, (rows-half)*width)
			gates = append(gates, gate{kind: or, dst: x, x: x, y: v.part(half*width, (rows-half)*width)})
			vectors[i] = v.part(0, half*width)
		}
		if len(gates) == 0 {
			return nil
		}
		if err := r.evaluate(gates); err != nil {
			return err
		}
	}
}

// foldLanes ors the 64 bits of each word into its lowest bit; the others are
// cleared.
func (r *run) foldLanes(v bits) error {
	shifted := newBits(v.len())
	for lanes := 32; lanes > 0; lanes /= 2 {
		for i := range v.own {
			shifted.own[i], shifted.prev[i] = v.own[i]>>lanes, v.prev[i]>>lanes
		}
		if err := r.evaluate([]gate{{kind: or, dst: v, x: v, y: shifted}}); err != nil {
			return err
		}
	}
	for i := range v.own {
		v.own[i] &= 1
		v.prev[i] &= 1
	}
	return nil
}

// open reveals the lowest bit of each word to all three parties: each gets the
// third part from the party before.
func (r *run) open(v bits) ([]bool, error) {
	out, in := r.buffers(v.len())
	for i, w := range v.prev {
		out[i] = byte(w & 1)
	}
	if err := r.exchange(out, in); err != nil {
		return nil, err
	}
	opened := make([]bool, v.len())
	for i := range opened {
		if in[i] > 1 {
			return nil, fmt.Errorf("%w: opened bit", wire.ErrFrame)
		}
		opened[i] = (byte(v.own[i]^v.prev[i])^in[i])&1 == 1
	}
	return opened, nil
}
