package prove

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
)

// g1 is curve for G1. It works on vectors of coordinates, which gnark-crypto
// multiplies eight at a time where the processor can.
type g1 struct {
	px, py, qx, qy [batch]fp.Element
	den, inv       [batch]fp.Element
	inverter       inverter
	unusual        []exception
}

func (c *g1) add(buf []bn254.G1Affine, ops []op) {
	n := len(ops)
	px, py, qx, qy := fp.Vector(c.px[:n]), fp.Vector(c.py[:n]), fp.Vector(c.qx[:n]), fp.Vector(c.qy[:n])
	for i, o := range ops {
		p, q := &buf[o.a], &buf[o.b]
		px[i], py[i] = p.X, p.Y
		qx[i], qy[i] = q.X, q.Y
	}
	den, inv := fp.Vector(c.den[:n]), fp.Vector(c.inv[:n])
	den.Sub(qx, px)
	qy.Sub(qy, py)
	for i := range den {
		if den[i].IsZero() || px[i].IsZero() || qx[i].IsZero() {
			c.classify(i, &buf[ops[i].a], &buf[ops[i].b])
		}
	}
	c.inverter.invert(inv, den)
	// slope = (y2-y1)/(x2-x1), x3 = slope^2 - x1 - x2, y3 = slope*(x1-x3) - y1
	slope := den
	slope.Mul(qy, inv)
	x := inv
	x.Mul(slope, slope)
	x.Sub(x, px)
	x.Sub(x, qx)
	px.Sub(px, x)
	px.Mul(px, slope)
	px.Sub(px, py)
	for _, e := range c.unusual {
		x[e.at], px[e.at] = e.g1.X, e.g1.Y
	}
	c.unusual = c.unusual[:0]
	for i, o := range ops {
		dst := &buf[o.dst]
		dst.X, dst.Y = x[i], px[i]
	}
}

// exception is a sum that the chord formula does not give.
type exception struct {
	at int
	g1 bn254.G1Affine
	g2 bn254.G2Affine
}

// classify finds the sums that involve infinity, a doubling or a point and its
// opposite. They are rare, except where buckets are empty.
func (c *g1) classify(i int, p, q *bn254.G1Affine) {
	e := exception{at: i}
	switch {
	case q.IsInfinity():
		e.g1 = *p
	case p.IsInfinity():
		e.g1 = *q
	case !c.den[i].IsZero():
		return // an x-coordinate is zero, nothing else
	case p.Y.Equal(&q.Y):
		e.g1.Double(p)
	}
	c.den[i].SetOne()
	c.unusual = append(c.unusual, e)
}

// double doubles up to batch points in place.
func (c *g1) double(points []bn254.G1Affine) {
	n := len(points)
	x, y := fp.Vector(c.px[:n]), fp.Vector(c.py[:n])
	slope, den, inv := fp.Vector(c.qx[:n]), fp.Vector(c.den[:n]), fp.Vector(c.inv[:n])
	for i := range points {
		x[i], y[i] = points[i].X, points[i].Y
	}
	// slope = 3x^2/2y, x3 = slope^2 - 2x, y3 = slope*(x-x3) - y
	den.Add(y, y)
	for i := range den {
		if den[i].IsZero() { // infinity: there is no point of order two
			den[i].SetOne()
		}
	}
	c.inverter.invert(inv, den)
	slope.Mul(x, x)
	den.Add(slope, slope)
	slope.Add(slope, den)
	slope.Mul(slope, inv)
	x3 := inv
	x3.Mul(slope, slope)
	x3.Sub(x3, x)
	x3.Sub(x3, x)
	x.Sub(x, x3)
	x.Mul(x, slope)
	x.Sub(x, y)
	for i := range points {
		points[i].X, points[i].Y = x3[i], x[i]
	}
}

func (c *g1) gather(buf, points []bn254.G1Affine, refs []uint32) {
	for i, ref := range refs {
		buf[i] = points[ref>>1]
		if ref&1 == 1 {
			buf[i].Y.Neg(&buf[i].Y)
		}
	}
}

func (c *g1) weigh(parts [][2]bn254.G1Affine, size int) bn254.G1Jac { return weighG1(parts, size) }

// weighG1 is weigh in Jacobian coordinates.
func weighG1(parts [][2]bn254.G1Affine, size int) bn254.G1Jac {
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

func (c *g1) wipe() {
	clear(c.unusual[:cap(c.unusual)])
	*c = g1{}
}

// hornerG1 joins the windows of a multiplication.
func hornerG1(windows []bn254.G1Jac, width int) (sum bn254.G1Jac) {
	for i := len(windows) - 1; i >= 0; i-- {
		for range width {
			sum.DoubleAssign()
		}
		sum.AddAssign(&windows[i])
	}
	return sum
}

func multiexpG1(points []bn254.G1Affine) *multiexp[bn254.G1Affine, bn254.G1Jac] {
	return newMultiexp(kind[bn254.G1Affine, bn254.G1Jac]{
		curve:  func() curve[bn254.G1Affine, bn254.G1Jac] { return new(g1) },
		double: func() func([]bn254.G1Affine) { return new(g1).double },
		horner: hornerG1,
	}, points)
}
