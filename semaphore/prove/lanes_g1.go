//go:build amd64 && !purego

package prove

import (
	"math/bits"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/perhuman/perhuman/semaphore/prove/internal/ifma"
)

// lanesG1 is curve for G1 over package ifma. Bounds in multiples of q stand
// beside the steps.
type lanesG1 struct {
	x1, y1, x2, y2 [laneBlocks]ifma.Block
	den, inv       [laneBlocks]ifma.Block
	laneOps
	inverter laneInverter
	unusual  []exception
}

// shiftG1 is the binary logarithm of a point's size.
const shiftG1 = 6

func (c *lanesG1) add(buf []bn254.G1Affine, ops []op) {
	c.run(buf, buf, ops, c.set(ops, 1))
}

// addPairs performs operations whose sources are references to points.
func (c *lanesG1) addPairs(buf, points []bn254.G1Affine, ops []op) {
	c.run(buf, points, ops, c.set(ops, 0))
}

func (c *lanesG1) run(buf, points []bn254.G1Affine, ops []op, n int) {
	x1, y1, x2, y2 := c.x1[:n], c.y1[:n], c.x2[:n], c.y2[:n]
	den, inv := c.den[:n], c.inv[:n]
	base := &points[0].X
	ifma.Gather(x1, y1, base, shiftG1, c.a[:n*ifma.Lanes], 2)
	ifma.Gather(x2, y2, base, shiftG1, c.b[:n*ifma.Lanes], 2)
	ifma.Suspects(c.suspects[0][:n], x1, x2)
	ifma.Sub(den, x2, x1, ifma.Q2)
	for i, mask := range c.suspects[0][:n] {
		for ; mask != 0; mask &= mask - 1 {
			if at := i*ifma.Lanes + bits.TrailingZeros8(mask); at < len(ops) {
				c.classify(points, at)
			} else {
				c.setDen(at) // a repetition: its result is not wanted
			}
		}
	}
	c.inverter.invert(inv, den)        // den 3, inv 2
	ifma.Sub(y2, y2, y1, ifma.Q2)      // 3
	slope := den                       //
	ifma.Mul(slope, y2, inv)           // 2
	x3 := inv                          //
	ifma.Mul(x3, slope, slope)         // 2
	ifma.Sub2(x3, x3, x1, x2, ifma.Q2) // 4
	ifma.Sub(x1, x1, x3, ifma.Q4)      // 5
	ifma.Mul(x1, x1, slope)            // 2
	ifma.Sub(x1, x1, y1, ifma.Q2)      // 4
	ifma.Scatter(&buf[0].X, shiftG1, c.dst[:n*ifma.Lanes], x3, x1)
	for _, e := range c.unusual {
		buf[c.dst[e.at]] = e.g1
	}
	c.unusual = c.unusual[:0]
}

func (c *lanesG1) setDen(at int) {
	one := scaledOne()
	c.den[at/ifma.Lanes].Set(at%ifma.Lanes, &one)
}

// classify is g1's, on the sources of operation number at.
func (c *lanesG1) classify(points []bn254.G1Affine, at int) {
	p, q := referredG1(points, c.a[at]), referredG1(points, c.b[at])
	e := exception{at: at}
	switch {
	case q.IsInfinity():
		e.g1 = p
	case p.IsInfinity():
		e.g1 = q
	case !p.X.Equal(&q.X):
		return // an x-coordinate is zero, nothing else
	case p.Y.Equal(&q.Y):
		unscaleG1(&p)
		e.g1.Double(&p)
		scaleG1(&e.g1)
	}
	c.setDen(at)
	c.unusual = append(c.unusual, e)
}

func referredG1(points []bn254.G1Affine, ref uint32) bn254.G1Affine {
	p := points[ref>>1]
	if ref&1 == 1 {
		p.Y.Neg(&p.Y)
	}
	return p
}

// double is g1's.
func (c *lanesG1) double(points []bn254.G1Affine) {
	n := c.identity(len(points))
	x, y, slope, den, inv := c.x1[:n], c.y1[:n], c.x2[:n], c.den[:n], c.inv[:n]
	base := &points[0].X
	ifma.Gather(x, y, base, shiftG1, c.a[:n*ifma.Lanes], 0)
	ifma.Add(den, y, y)
	for i := range n * ifma.Lanes {
		if points[min(i, len(points)-1)].IsInfinity() {
			c.setDen(i)
		}
	}
	c.inverter.invert(inv, den)      // 2
	ifma.Mul(slope, x, x)            // 2
	ifma.Add(den, slope, slope)      // 4
	ifma.Add(slope, slope, den)      // 6
	ifma.Mul(slope, slope, inv)      // 2
	x3 := inv                        //
	ifma.Mul(x3, slope, slope)       // 2
	ifma.Sub2(x3, x3, x, x, ifma.Q2) // 4
	ifma.Sub(x, x, x3, ifma.Q4)      // 5
	ifma.Mul(x, x, slope)            // 2
	ifma.Sub(x, x, y, ifma.Q2)       // 4
	ifma.Scatter(base, shiftG1, c.dst[:n*ifma.Lanes], x3, x)
}

func (c *lanesG1) gather(buf, points []bn254.G1Affine, refs []uint32) {
	for i, ref := range refs {
		buf[i] = referredG1(points, ref)
	}
}

func (c *lanesG1) weigh(parts [][2]bn254.G1Affine, size int) bn254.G1Jac {
	for i := range parts {
		unscaleG1(&parts[i][0])
		unscaleG1(&parts[i][1])
	}
	return weighG1(parts, size)
}

func (c *lanesG1) wipe() {
	clear(c.unusual[:cap(c.unusual)])
	*c = lanesG1{}
}

func scaleG1(p *bn254.G1Affine) {
	ifma.Scale(&p.X)
	ifma.Scale(&p.Y)
}

func unscaleG1(p *bn254.G1Affine) {
	ifma.Unscale(&p.X)
	ifma.Unscale(&p.Y)
}

// multiexpLanesG1 is multiexpG1 over package ifma.
func multiexpLanesG1(points []bn254.G1Affine) *multiexp[bn254.G1Affine, bn254.G1Jac] {
	own := slices.Clone(points)
	for i := range own {
		scaleG1(&own[i])
	}
	return newMultiexp(kind[bn254.G1Affine, bn254.G1Jac]{
		curve:  func() curve[bn254.G1Affine, bn254.G1Jac] { return new(lanesG1) },
		double: func() func([]bn254.G1Affine) { return new(lanesG1).double },
		horner: hornerG1,
	}, own)
}
