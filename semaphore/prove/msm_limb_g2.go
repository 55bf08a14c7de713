package prove

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/perhuman/perhuman/semaphore/prove/internal/field29"
)

// limbE2 is an element c0 + c1*u of Fp2, u^2 = -1.
type limbE2 struct{ c0, c1 field29.Fp }

func (z *limbE2) looseSub(x, y *limbE2) {
	z.c0.LooseSub(&x.c0, &y.c0)
	z.c1.LooseSub(&x.c1, &y.c1)
}

func (z *limbE2) mul(x, y *limbE2) {
	var c0 field29.Fp
	c0.MulSub(&x.c0, &y.c0, &x.c1, &y.c1)
	z.c1.MulAdd(&x.c0, &y.c1, &x.c1, &y.c0)
	z.c0 = c0
}

// limbG2 is an affine point of G2; all limbs zero is infinity.
type limbG2 struct{ x, y limbE2 }

func (p *limbG2) from(q *bn254.G2Affine) {
	if *p = (limbG2{}); !q.IsInfinity() {
		p.x.c0.From(&q.X.A0)
		p.x.c1.From(&q.X.A1)
		p.y.c0.From(&q.Y.A0)
		p.y.c1.From(&q.Y.A1)
	}
}

func (p *limbG2) affine() (q bn254.G2Affine) {
	if !p.isInfinity() {
		q.X.A0, q.X.A1 = p.x.c0.Element(), p.x.c1.Element()
		q.Y.A0, q.Y.A1 = p.y.c0.Element(), p.y.c1.Element()
	}
	return q
}

func (p *limbG2) isInfinity() bool { return p.x.c0.IsNull() && *p == limbG2{} }

// limbsG2 is curve for G2 over package field29.
type limbsG2 struct {
	den       [batch]limbE2
	norm, inv [batch]field29.Fp
	unusual   []limbException[limbG2]
}

func (c *limbsG2) add(buf []limbG2, ops []op) {
	for i, o := range ops {
		p, q, den := &buf[o.a], &buf[o.b], &c.den[i]
		den.looseSub(&q.x, &p.x)
		c.norm[i].MulAdd(&den.c0, &den.c0, &den.c1, &den.c1)
		if p.x.c0.IsNull() || q.x.c0.IsNull() || c.norm[i].IsZero() {
			c.classify(i, p, q)
		}
	}
	// 1/(a+bu) = (a-bu)/(a^2+b^2), and -1 is no square: no other zero norms.
	invertLimbs(c.inv[:len(ops)], c.norm[:len(ops)])
	var slope, x, t limbE2
	var a, b field29.Fp
	next := 0
	for i, o := range ops {
		dst := &buf[o.dst]
		if next < len(c.unusual) && c.unusual[next].at == i {
			*dst = c.unusual[next].sum
			next++
			continue
		}
		p, q := &buf[o.a], &buf[o.b]
		a.Mul(&c.den[i].c0, &c.inv[i])
		b.Mul(&c.den[i].c1, &c.inv[i])
		t.looseSub(&q.y, &p.y)
		slope.c0.MulAdd(&t.c0, &a, &t.c1, &b) // times a - b*u
		slope.c1.MulSub(&t.c1, &a, &t.c0, &b)
		a.LooseAdd(&slope.c0, &slope.c1)
		b.LooseSub(&slope.c0, &slope.c1)
		x.c0.Mul(&a, &b)
		a.LooseAdd(&slope.c0, &slope.c0)
		x.c1.Mul(&a, &slope.c1)
		x.c0.Sub2(&x.c0, &p.x.c0, &q.x.c0)
		x.c1.Sub2(&x.c1, &p.x.c1, &q.x.c1)
		t.looseSub(&p.x, &x)
		t.mul(&slope, &t)
		dst.y.c0.Sub(&t.c0, &p.y.c0)
		dst.y.c1.Sub(&t.c1, &p.y.c1)
		dst.x = x
	}
	c.unusual = c.unusual[:0]
}

func (c *limbsG2) classify(i int, p, q *limbG2) {
	var sum limbG2
	switch {
	case q.isInfinity():
		sum = *p
	case p.isInfinity():
		sum = *q
	case !c.norm[i].IsZero():
		return
	default:
		a, b := p.affine(), q.affine()
		a.Add(&a, &b)
		sum.from(&a)
	}
	c.norm[i] = fieldOne()
	c.unusual = append(c.unusual, limbException[limbG2]{i, sum})
}

func (c *limbsG2) gather(buf, points []limbG2, refs []uint32) {
	for i, ref := range refs {
		buf[i] = points[ref>>1]
		if ref&1 == 1 && !buf[i].isInfinity() {
			buf[i].y.c0.Neg(&buf[i].y.c0)
			buf[i].y.c1.Neg(&buf[i].y.c1)
		}
	}
}

func (c *limbsG2) weigh(parts [][2]limbG2, size int) bn254.G2Jac {
	plain := make([][2]bn254.G2Affine, len(parts))
	defer clear(plain)
	for i := range parts {
		plain[i] = [2]bn254.G2Affine{parts[i][0].affine(), parts[i][1].affine()}
	}
	return weighG2(plain, size)
}

func (c *limbsG2) wipe() {
	clear(c.unusual[:cap(c.unusual)])
	*c = limbsG2{}
}

// fieldOne is 1.
func fieldOne() (z field29.Fp) {
	one := fp.One()
	z.From(&one)
	return z
}

// multiexpLimbsG2 is multiexpG2 over field29.
func multiexpLimbsG2(points []bn254.G2Affine) *multiexp[limbG2, bn254.G2Jac] {
	own := make([]limbG2, len(points))
	for i := range points {
		own[i].from(&points[i])
	}
	return newMultiexp(kind[limbG2, bn254.G2Jac]{
		curve:  func() curve[limbG2, bn254.G2Jac] { return new(limbsG2) },
		horner: hornerG2,
	}, own)
}
