//go:build amd64 && !purego

package prove

import (
	"math/bits"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/perhuman/perhuman/semaphore/prove/internal/ifma"
)

// lanePair is a vector over Fp2, component by component.
type lanePair struct{ c0, c1 []ifma.Block }

func (z lanePair) sub(x, y lanePair, k ifma.Multiple) {
	ifma.Sub(z.c0, x.c0, y.c0, k)
	ifma.Sub(z.c1, x.c1, y.c1, k)
}

func (z lanePair) sub2(x, y, w lanePair, k ifma.Multiple) {
	ifma.Sub2(z.c0, x.c0, y.c0, w.c0, k)
	ifma.Sub2(z.c1, x.c1, y.c1, w.c1, k)
}

func (z lanePair) add(x, y lanePair) {
	ifma.Add(z.c0, x.c0, y.c0)
	ifma.Add(z.c1, x.c1, y.c1)
}

// lanesG2 is curve for G2 over package ifma, the same method as lanesG1 over
// Fp2. A point is two rows.
type lanesG2 struct {
	x1, y1, x2, y2 [2][laneBlocks]ifma.Block
	den, inv       [2][laneBlocks]ifma.Block
	t              [4][laneBlocks]ifma.Block
	laneOps
	inverter laneInverter
	unusual  []exception
}

// shiftG2 is the binary logarithm of a point's size.
const shiftG2 = 7

func lanePairOf(v *[2][laneBlocks]ifma.Block, n int) lanePair { return lanePair{v[0][:n], v[1][:n]} }

func (c *lanesG2) add(buf []bn254.G2Affine, ops []op) {
	c.run(buf, buf, ops, c.set(ops, 1))
}

// addPairs performs operations whose sources are references to points.
func (c *lanesG2) addPairs(buf, points []bn254.G2Affine, ops []op) {
	c.run(buf, points, ops, c.set(ops, 0))
}

// load reads points: coordinates are below q, or q itself.
func (c *lanesG2) load(x, y lanePair, points []bn254.G2Affine, refs []uint32) {
	ifma.Gather(x.c0, x.c1, &points[0].X.A0, shiftG2, refs, 0)
	ifma.Gather(y.c0, y.c1, &points[0].Y.A0, shiftG2, refs, 3)
}

func (c *lanesG2) store(points []bn254.G2Affine, dst []uint32, x, y lanePair) {
	ifma.Scatter(&points[0].X.A0, shiftG2, dst, x.c0, x.c1)
	ifma.Scatter(&points[0].Y.A0, shiftG2, dst, y.c0, y.c1)
}

func (c *lanesG2) run(buf, points []bn254.G2Affine, ops []op, n int) {
	x1, y1, x2, y2 := lanePairOf(&c.x1, n), lanePairOf(&c.y1, n), lanePairOf(&c.x2, n), lanePairOf(&c.y2, n)
	den, inv := lanePairOf(&c.den, n), lanePairOf(&c.inv, n)
	c.load(x1, y1, points, c.a[:n*ifma.Lanes])
	c.load(x2, y2, points, c.b[:n*ifma.Lanes])
	ifma.Suspects(c.suspects[0][:n], x1.c0, x2.c0)
	ifma.Suspects(c.suspects[1][:n], x1.c1, x2.c1)
	den.sub(x2, x1, ifma.Q2)
	for i := range n {
		for mask := c.suspects[0][i] & c.suspects[1][i]; mask != 0; mask &= mask - 1 {
			if at := i*ifma.Lanes + bits.TrailingZeros8(mask); at < len(ops) {
				c.classify(points, at)
			} else {
				c.setDen(at)
			}
		}
	}
	c.invert(inv, den)           // den 3, inv 2
	y2.sub(y2, y1, ifma.Q2)      // 3
	slope := den                 //
	c.mul(slope, y2, inv)        // 4, 6
	x3 := inv                    //
	c.square(x3, slope)          // 4
	x3.sub2(x3, x1, x2, ifma.Q2) // 6
	x1.sub(x1, x3, ifma.Q8)      // 9
	c.mul(x1, x1, slope)         // 4, 8
	x1.sub(x1, y1, ifma.Q2)      // 10
	c.store(buf, c.dst[:n*ifma.Lanes], x3, x1)
	for _, e := range c.unusual {
		buf[c.dst[e.at]] = e.g2
	}
	c.unusual = c.unusual[:0]
}

func (c *lanesG2) scratch(i, n int) []ifma.Block { return c.t[i][:n] }

// mul is Karatsuba: z may be x or y. The bound of z.c0 is 4q and that of z.c1
// 4q more than that of a product of sums, for a and b below 2q: components of
// x below 9q and of y below 9q.
func (c *lanesG2) mul(z, x, y lanePair) {
	n := len(z.c0)
	a, b, s, t := c.scratch(0, n), c.scratch(1, n), c.scratch(2, n), c.scratch(3, n)
	ifma.Mul(a, x.c0, y.c0)
	ifma.Mul(b, x.c1, y.c1)
	ifma.Add(s, x.c0, x.c1)
	ifma.Add(t, y.c0, y.c1)
	ifma.Mul(s, s, t)
	ifma.Sub2(z.c1, s, a, b, ifma.Q4)
	ifma.Sub(z.c0, a, b, ifma.Q2)
}

// square is (a+b)(a-b) + 2ab*u, for components below 8q; it gives some below
// 4q.
func (c *lanesG2) square(z, x lanePair) {
	n := len(z.c0)
	s, t, d := c.scratch(0, n), c.scratch(1, n), c.scratch(2, n)
	ifma.Add(s, x.c0, x.c1)
	ifma.Sub(d, x.c0, x.c1, ifma.Q8)
	ifma.Mul(t, x.c0, x.c1)
	ifma.Mul(z.c0, s, d)
	ifma.Add(z.c1, t, t)
}

// invert uses 1/(a+bu) = (a-bu)/(a^2+b^2), for components below 8q; it gives
// some of at most 2q.
func (c *lanesG2) invert(z, x lanePair) {
	n := len(z.c0)
	a, b := c.scratch(0, n), c.scratch(1, n)
	ifma.Mul(a, x.c0, x.c0)
	ifma.Mul(b, x.c1, x.c1)
	ifma.Add(a, a, b)
	c.inverter.invert(b, a)
	ifma.Mul(z.c0, x.c0, b)
	ifma.Mul(z.c1, x.c1, b)
	clear(a)
	ifma.Sub(z.c1, a, z.c1, ifma.Q2)
}

func (c *lanesG2) setDen(at int) {
	one := scaledOne()
	c.den[0][at/ifma.Lanes].Set(at%ifma.Lanes, &one)
	one.SetZero()
	c.den[1][at/ifma.Lanes].Set(at%ifma.Lanes, &one)
}

// classify is g2's, on the sources of operation number at.
func (c *lanesG2) classify(points []bn254.G2Affine, at int) {
	p, q := referredG2(points, c.a[at]), referredG2(points, c.b[at])
	e := exception{at: at}
	switch {
	case q.IsInfinity():
		e.g2 = p
	case p.IsInfinity():
		e.g2 = q
	case !p.X.Equal(&q.X):
		return
	case p.Y.Equal(&q.Y):
		unscaleG2(&p)
		e.g2.Double(&p)
		scaleG2(&e.g2)
	}
	c.setDen(at)
	c.unusual = append(c.unusual, e)
}

func referredG2(points []bn254.G2Affine, ref uint32) bn254.G2Affine {
	p := points[ref>>1]
	if ref&1 == 1 {
		p.Y.Neg(&p.Y)
	}
	return p
}

// double is g2's.
func (c *lanesG2) double(points []bn254.G2Affine) {
	n := c.identity(len(points))
	x, y, slope := lanePairOf(&c.x1, n), lanePairOf(&c.y1, n), lanePairOf(&c.x2, n)
	den, inv := lanePairOf(&c.den, n), lanePairOf(&c.inv, n)
	c.load(x, y, points, c.a[:n*ifma.Lanes])
	den.add(y, y)
	for i := range n * ifma.Lanes {
		if points[min(i, len(points)-1)].IsInfinity() {
			c.setDen(i)
		}
	}
	c.invert(inv, den)         // den 2, inv 2
	c.square(slope, x)         // 3
	den.add(slope, slope)      // 6
	slope.add(slope, den)      // 9
	c.mul(slope, slope, inv)   // 4, 6
	x3 := inv                  //
	c.square(x3, slope)        // 4
	x3.sub2(x3, x, x, ifma.Q2) // 6
	x.sub(x, x3, ifma.Q8)      // 9
	c.mul(x, x, slope)         // 4, 8
	x.sub(x, y, ifma.Q2)       // 10
	c.store(points, c.dst[:n*ifma.Lanes], x3, x)
}

func (c *lanesG2) gather(buf, points []bn254.G2Affine, refs []uint32) {
	for i, ref := range refs {
		buf[i] = referredG2(points, ref)
	}
}

func (c *lanesG2) weigh(parts [][2]bn254.G2Affine, size int) bn254.G2Jac {
	for i := range parts {
		unscaleG2(&parts[i][0])
		unscaleG2(&parts[i][1])
	}
	return weighG2(parts, size)
}

func (c *lanesG2) wipe() {
	clear(c.unusual[:cap(c.unusual)])
	*c = lanesG2{}
}

func scaleG2(p *bn254.G2Affine) {
	ifma.Scale(&p.X.A0)
	ifma.Scale(&p.X.A1)
	ifma.Scale(&p.Y.A0)
	ifma.Scale(&p.Y.A1)
}

func unscaleG2(p *bn254.G2Affine) {
	ifma.Unscale(&p.X.A0)
	ifma.Unscale(&p.X.A1)
	ifma.Unscale(&p.Y.A0)
	ifma.Unscale(&p.Y.A1)
}

// multiexpLanesG2 is multiexpG2 over package ifma.
func multiexpLanesG2(points []bn254.G2Affine) *multiexp[bn254.G2Affine, bn254.G2Jac] {
	own := slices.Clone(points)
	for i := range own {
		scaleG2(&own[i])
	}
	return newMultiexp(kind[bn254.G2Affine, bn254.G2Jac]{
		curve:  func() curve[bn254.G2Affine, bn254.G2Jac] { return new(lanesG2) },
		double: func() func([]bn254.G2Affine) { return new(lanesG2).double },
		horner: hornerG2,
	}, own)
}
