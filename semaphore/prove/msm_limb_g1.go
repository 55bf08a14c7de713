package prove

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/perhuman/perhuman/semaphore/prove/internal/field29"
)

// limbG1 is an affine point of G1 in the arithmetic for WebAssembly; all limbs
// zero is infinity.
type limbG1 struct{ x, y field29.Fp }

func (p *limbG1) from(q *bn254.G1Affine) {
	if *p = (limbG1{}); !q.IsInfinity() {
		p.x.From(&q.X)
		p.y.From(&q.Y)
	}
}

func (p *limbG1) affine() bn254.G1Affine {
	if p.isInfinity() {
		return bn254.G1Affine{}
	}
	return bn254.G1Affine{X: p.x.Element(), Y: p.y.Element()}
}

func (p *limbG1) isInfinity() bool { return p.x.IsNull() && p.y.IsNull() }

// limbsG1 is curve for G1 over package field29.
type limbsG1 struct {
	den     [batch]field29.Fp
	inv     [batch]field29.Fp
	unusual []limbException[limbG1]
}

// limbException is a sum that the chord formula does not give.
type limbException[P any] struct {
	at  int
	sum P
}

func (c *limbsG1) add(buf []limbG1, ops []op) {
	for i, o := range ops {
		p, q, den := &buf[o.a], &buf[o.b], &c.den[i]
		den.LooseSub(&q.x, &p.x)
		if p.x.IsNull() || q.x.IsNull() || den.IsZero() {
			c.classify(i, p, q)
		}
	}
	invertLimbs(c.inv[:len(ops)], c.den[:len(ops)])
	var slope, x, t field29.Fp
	next := 0
	for i, o := range ops {
		dst := &buf[o.dst]
		if next < len(c.unusual) && c.unusual[next].at == i {
			*dst = c.unusual[next].sum
			next++
			continue
		}
		p, q := &buf[o.a], &buf[o.b]
		t.LooseSub(&q.y, &p.y)
		slope.Mul(&t, &c.inv[i])
		x.Mul(&slope, &slope)
		x.Sub2(&x, &p.x, &q.x)
		t.LooseSub(&p.x, &x)
		t.Mul(&slope, &t)
		dst.y.Sub(&t, &p.y)
		dst.x = x
	}
	c.unusual = c.unusual[:0]
}

func (c *limbsG1) classify(i int, p, q *limbG1) {
	var sum limbG1
	switch {
	case q.isInfinity():
		sum = *p
	case p.isInfinity():
		sum = *q
	case !c.den[i].IsZero():
		return
	default:
		a, b := p.affine(), q.affine()
		a.Add(&a, &b)
		sum.from(&a)
	}
	c.den[i] = fieldOne()
	c.unusual = append(c.unusual, limbException[limbG1]{i, sum})
}

func (c *limbsG1) gather(buf, points []limbG1, refs []uint32) {
	for i, ref := range refs {
		buf[i] = points[ref>>1]
		if ref&1 == 1 && !buf[i].isInfinity() {
			buf[i].y.Neg(&buf[i].y)
		}
	}
}

func (c *limbsG1) weigh(parts [][2]limbG1, size int) bn254.G1Jac {
	plain := make([][2]bn254.G1Affine, len(parts))
	defer clear(plain)
	for i := range parts {
		plain[i] = [2]bn254.G1Affine{parts[i][0].affine(), parts[i][1].affine()}
	}
	return weighG1(plain, size)
}

func (c *limbsG1) wipe() {
	clear(c.unusual[:cap(c.unusual)])
	*c = limbsG1{}
}

// invertLimbs writes the inverses of v, none of them zero, to out: the running
// product, which is as good as any other way where nothing works in parallel.
func invertLimbs(out, v []field29.Fp) {
	acc := fieldOne()
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

// multiexpLimbsG1 is multiexpG1 over field29.
func multiexpLimbsG1(points []bn254.G1Affine) *multiexp[limbG1, bn254.G1Jac] {
	own := make([]limbG1, len(points))
	for i := range points {
		own[i].from(&points[i])
	}
	return newMultiexp(kind[limbG1, bn254.G1Jac]{
		curve:  func() curve[limbG1, bn254.G1Jac] { return new(limbsG1) },
		horner: hornerG1,
	}, own)
}
