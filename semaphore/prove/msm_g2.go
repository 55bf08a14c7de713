package prove

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// pair is a vector over Fp2 = Fp[u]/(u^2+1), component by component.
type pair struct{ c0, c1 fp.Vector }

func (z pair) sub(x, y pair) {
	z.c0.Sub(x.c0, y.c0)
	z.c1.Sub(x.c1, y.c1)
}

func (z pair) add(x, y pair) {
	z.c0.Add(x.c0, y.c0)
	z.c1.Add(x.c1, y.c1)
}

// g2 is curve for G2, the same method as g1 over Fp2.
type g2 struct {
	px, py, qx, qy [2][batch]fp.Element
	den, inv       [2][batch]fp.Element
	t              [4][batch]fp.Element
	inverter       inverter
	unusual        []exception
}

func vector(v *[2][batch]fp.Element, n int) pair {
	return pair{fp.Vector(v[0][:n]), fp.Vector(v[1][:n])}
}

func (c *g2) add(buf []bn254.G2Affine, ops []op) {
	n := len(ops)
	px, py, qx, qy := vector(&c.px, n), vector(&c.py, n), vector(&c.qx, n), vector(&c.qy, n)
	for i, o := range ops {
		p, q := &buf[o.a], &buf[o.b]
		px.c0[i], px.c1[i], py.c0[i], py.c1[i] = p.X.A0, p.X.A1, p.Y.A0, p.Y.A1
		qx.c0[i], qx.c1[i], qy.c0[i], qy.c1[i] = q.X.A0, q.X.A1, q.Y.A0, q.Y.A1
	}
	den, inv := vector(&c.den, n), vector(&c.inv, n)
	den.sub(qx, px)
	qy.sub(qy, py)
	for i, o := range ops {
		p, q := &buf[o.a], &buf[o.b]
		if den.c0[i].IsZero() && den.c1[i].IsZero() || p.X.IsZero() || q.X.IsZero() {
			c.classify(i, p, q)
		}
	}
	c.invert(inv, den)
	slope := den
	c.mul(slope, qy, inv)
	x := inv
	c.square(x, slope)
	x.sub(x, px)
	x.sub(x, qx)
	px.sub(px, x)
	c.mul(px, px, slope)
	px.sub(px, py)
	for _, e := range c.unusual {
		x.c0[e.at], x.c1[e.at] = e.g2.X.A0, e.g2.X.A1
		px.c0[e.at], px.c1[e.at] = e.g2.Y.A0, e.g2.Y.A1
	}
	c.unusual = c.unusual[:0]
	for i, o := range ops {
		dst := &buf[o.dst]
		dst.X.A0, dst.X.A1, dst.Y.A0, dst.Y.A1 = x.c0[i], x.c1[i], px.c0[i], px.c1[i]
	}
}

func (c *g2) scratch(i, n int) fp.Vector { return fp.Vector(c.t[i][:n]) }

// mul is Karatsuba: z may be x or y.
func (c *g2) mul(z, x, y pair) {
	n := len(z.c0)
	a, b, s, t := c.scratch(0, n), c.scratch(1, n), c.scratch(2, n), c.scratch(3, n)
	a.Mul(x.c0, y.c0)
	b.Mul(x.c1, y.c1)
	s.Add(x.c0, x.c1)
	t.Add(y.c0, y.c1)
	s.Mul(s, t)
	s.Sub(s, a)
	z.c1.Sub(s, b)
	z.c0.Sub(a, b)
}

// square is (a+b)(a-b) + 2ab*u.
func (c *g2) square(z, x pair) {
	n := len(z.c0)
	s, t, d := c.scratch(0, n), c.scratch(1, n), c.scratch(2, n)
	s.Add(x.c0, x.c1)
	d.Sub(x.c0, x.c1)
	t.Mul(x.c0, x.c1)
	z.c0.Mul(s, d)
	z.c1.Add(t, t)
}

// invert uses 1/(a+bu) = (a-bu)/(a^2+b^2): the tree runs over Fp.
func (c *g2) invert(z, x pair) {
	n := len(z.c0)
	a, b := c.scratch(0, n), c.scratch(1, n)
	a.Mul(x.c0, x.c0)
	b.Mul(x.c1, x.c1)
	a.Add(a, b)
	c.inverter.invert(b, a)
	z.c0.Mul(x.c0, b)
	z.c1.Mul(x.c1, b)
	for i := range z.c1 {
		z.c1[i].Neg(&z.c1[i])
	}
}

func (c *g2) classify(i int, p, q *bn254.G2Affine) {
	e := exception{at: i}
	switch {
	case q.IsInfinity():
		e.g2 = *p
	case p.IsInfinity():
		e.g2 = *q
	case !c.den[0][i].IsZero() || !c.den[1][i].IsZero():
		return
	case p.Y.Equal(&q.Y):
		e.g2.Double(p)
	}
	c.den[0][i].SetOne()
	c.den[1][i].SetZero()
	c.unusual = append(c.unusual, e)
}

// double doubles up to batch points in place.
func (c *g2) double(points []bn254.G2Affine) {
	n := len(points)
	x, y := vector(&c.px, n), vector(&c.py, n)
	slope, den, inv := vector(&c.qx, n), vector(&c.den, n), vector(&c.inv, n)
	for i := range points {
		p := &points[i]
		x.c0[i], x.c1[i], y.c0[i], y.c1[i] = p.X.A0, p.X.A1, p.Y.A0, p.Y.A1
	}
	den.add(y, y)
	for i := range points {
		if points[i].IsInfinity() {
			den.c0[i].SetOne()
		}
	}
	c.invert(inv, den)
	c.square(slope, x)
	den.add(slope, slope)
	slope.add(slope, den)
	c.mul(slope, slope, inv)
	x3 := inv
	c.square(x3, slope)
	x3.sub(x3, x)
	x3.sub(x3, x)
	x.sub(x, x3)
	c.mul(x, x, slope)
	x.sub(x, y)
	for i := range points {
		p := &points[i]
		p.X.A0, p.X.A1, p.Y.A0, p.Y.A1 = x3.c0[i], x3.c1[i], x.c0[i], x.c1[i]
	}
}

func (c *g2) gather(buf, points []bn254.G2Affine, refs []uint32) {
	for i, ref := range refs {
		buf[i] = points[ref>>1]
		if ref&1 == 1 {
			buf[i].Y.Neg(&buf[i].Y)
		}
	}
}

func (c *g2) weigh(parts [][2]bn254.G2Affine, size int) bn254.G2Jac { return weighG2(parts, size) }

// weighG2 is weigh in Jacobian coordinates.
func weighG2(parts [][2]bn254.G2Affine, size int) bn254.G2Jac {
	var plain, weighted, total bn254.G2Jac
	for i := len(parts) - 1; i > 0; i-- {
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

func (c *g2) wipe() {
	clear(c.unusual[:cap(c.unusual)])
	*c = g2{}
}

// hornerG2 joins the windows of a multiplication.
func hornerG2(windows []bn254.G2Jac, width int) (sum bn254.G2Jac) {
	for i := len(windows) - 1; i >= 0; i-- {
		for range width {
			sum.DoubleAssign()
		}
		sum.AddAssign(&windows[i])
	}
	return sum
}

func multiexpG2(points []bn254.G2Affine) *multiexp[bn254.G2Affine, bn254.G2Jac] {
	return newMultiexp(kind[bn254.G2Affine, bn254.G2Jac]{
		curve:  func() curve[bn254.G2Affine, bn254.G2Jac] { return new(g2) },
		double: func() func([]bn254.G2Affine) { return new(g2).double },
		horner: hornerG2,
	}, points)
}
