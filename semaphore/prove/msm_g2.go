package prove

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
)

// g2 is curve for G2.
type g2 struct {
	den, prefix [batch]bn254.E2
	kind        [batch]special
}

func (c *g2) add(buf []bn254.G2Affine, ops []op) {
	var acc bn254.E2
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
	var slope, x bn254.E2
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
			*dst = bn254.G2Affine{}
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
func (c *g2) unusual(i int, p, q *bn254.G2Affine) {
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

func (c *g2) gather(buf, points []bn254.G2Affine, refs []uint32) {
	for i, ref := range refs {
		buf[i] = points[ref>>1]
		if ref&1 == 1 {
			buf[i].Y.Neg(&buf[i].Y)
		}
	}
}

func (c *g2) weigh(parts [][2]bn254.G2Affine, size int) bn254.G2Jac {
	var plain, weighted, total bn254.G2Jac
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

func (c *g2) wipe() { *c = g2{} }

// horner joins the windows of a multiplication in G2.
func hornerG2(windows []bn254.G2Jac, width int) (sum bn254.G2Jac) {
	for i := len(windows) - 1; i >= 0; i-- {
		for range width {
			sum.DoubleAssign()
		}
		sum.AddAssign(&windows[i])
	}
	return sum
}
