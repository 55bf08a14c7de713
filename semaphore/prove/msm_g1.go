package prove

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// special marks additions that the chord formula does not cover.
type special uint8

const (
	chord   special = iota
	first           // the second point is infinity
	second          // the first is
	nothing         // they are opposite
	tangent         // they are equal
)

// g1 is curve for G1.
type g1 struct {
	den, prefix [batch]fp.Element
	kind        [batch]special
}

func (c *g1) add(buf []bn254.G1Affine, ops []op) {
	var acc fp.Element
	acc.SetOne()
	for i, o := range ops {
		p, q, den := &buf[o.a], &buf[o.b], &c.den[i]
		c.kind[i] = chord
		den.Sub(&q.X, &p.X)
		if den.IsZero() || p.X.IsZero() || q.X.IsZero() {
			c.unusual(i, p, q)
		}
		c.prefix[i] = acc
		acc.Mul(&acc, den)
	}
	acc.Inverse(&acc)
	for i := len(ops) - 1; i >= 0; i-- {
		den := &c.den[i]
		c.prefix[i].Mul(&c.prefix[i], &acc)
		acc.Mul(&acc, den)
	}
	var slope, x fp.Element
	for i, o := range ops {
		p, q, dst := &buf[o.a], &buf[o.b], &buf[o.dst]
		switch c.kind[i] {
		case chord:
			slope.Sub(&q.Y, &p.Y)
		case first:
			*dst = *p
			continue
		case second:
			*dst = *q
			continue
		case nothing:
			*dst = bn254.G1Affine{}
			continue
		case tangent:
			slope.Square(&p.X)
			x.Double(&slope)
			slope.Add(&slope, &x)
		}
		slope.Mul(&slope, &c.prefix[i])
		x.Square(&slope)
		x.Sub(&x, &p.X)
		x.Sub(&x, &q.X)
		q0 := p.X
		q0.Sub(&q0, &x)
		q0.Mul(&q0, &slope)
		dst.Y.Sub(&q0, &p.Y)
		dst.X = x
	}
}

// unusual classifies an addition whose denominator or one of whose
// x-coordinates is zero.
func (c *g1) unusual(i int, p, q *bn254.G1Affine) {
	den := &c.den[i]
	switch {
	case q.IsInfinity():
		c.kind[i] = first
	case p.IsInfinity():
		c.kind[i] = second
	case !den.IsZero():
		return
	case p.Y.Equal(&q.Y): // no point of order two exists, so y is not 0
		c.kind[i] = tangent
		den.Double(&p.Y)
		return
	default:
		c.kind[i] = nothing
	}
	den.SetOne()
}

func (c *g1) gather(buf, points []bn254.G1Affine, refs []uint32) {
	for i, ref := range refs {
		buf[i] = points[ref>>1]
		if ref&1 == 1 {
			buf[i].Y.Neg(&buf[i].Y)
		}
	}
}

func (c *g1) weigh(parts [][2]bn254.G1Affine, size int) bn254.G1Jac {
	var plain, weighted, total bn254.G1Jac
	for i := len(parts) - 1; i > 0; i-- { // weighted = sum of i * plain of part i
		plain.AddMixed(&parts[i][0])
		weighted.AddAssign(&plain)
		total.AddMixed(&parts[i][1])
	}
	total.AddMixed(&parts[0][1])
	for ; size > 1; size /= 2 {
		weighted.DoubleAssign()
	}
	total.AddAssign(&weighted)
	return total
}

func (c *g1) wipe() { *c = g1{} }

// horner joins the windows of a multiplication in G1.
func hornerG1(windows []bn254.G1Jac, width int) (sum bn254.G1Jac) {
	for i := len(windows) - 1; i >= 0; i-- {
		for range width {
			sum.DoubleAssign()
		}
		sum.AddAssign(&windows[i])
	}
	return sum
}
