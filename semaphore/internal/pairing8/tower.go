//go:build amd64 && !purego

package pairing8

import "github.com/consensys/gnark-crypto/ecc/bn254"

// e12 is f0 + f1*w + ... + f5*w^5 with w^6 = 9 + u. In the tower of the library
// f0, f2, f4 are C0 and f1, f3, f5 are C1.
type e12 [6]E2

func (f *e12) setOne(k *constants) {
	*f = e12{}
	f[0][0] = k.one[0]
}

// square needs 21 products in Fp2, of which a, the doubles of some f, and b, the
// same times 9 + u, share out the terms that occur twice.
func (f *e12) square(s *scratch) {
	a, b := &s.twice, &s.wrapped
	for i := 1; i < 6; i++ {
		double(&a[i], &f[i])
		xi(&b[i], &f[i])
	}
	o := &s.out
	mul2(&s.t, &a[1], &b[5], &a[2], &b[4])
	mul3(&o[0], &f[0], &f[0], &s.one, &s.t, &f[3], &b[3])
	mul3(&o[1], &f[0], &a[1], &a[2], &b[5], &a[3], &b[4])
	mul4(&o[2], &f[0], &a[2], &f[1], &f[1], &a[3], &b[5], &f[4], &b[4])
	mul3(&o[3], &f[0], &a[3], &f[1], &a[2], &a[4], &b[5])
	mul4(&o[4], &f[0], &a[4], &f[1], &a[3], &f[2], &f[2], &f[5], &b[5])
	mul3(&o[5], &f[0], &a[5], &f[1], &a[4], &f[2], &a[3])
	*f = *o
}

// line is c0 + c3*w + c4*w^3.
type line struct{ c0, c3, c4 E2 }

// multiply puts a line into f.
func (f *e12) multiply(l *line, s *scratch) {
	x3, x4 := &s.wrapped[0], &s.wrapped[1]
	xi(x3, &l.c3)
	xi(x4, &l.c4)
	o := &s.out
	mul3(&o[0], &f[0], &l.c0, &f[5], x3, &f[3], x4)
	mul3(&o[1], &f[1], &l.c0, &f[0], &l.c3, &f[4], x4)
	mul3(&o[2], &f[2], &l.c0, &f[1], &l.c3, &f[5], x4)
	mul3(&o[3], &f[3], &l.c0, &f[2], &l.c3, &f[0], &l.c4)
	mul3(&o[4], &f[4], &l.c0, &f[3], &l.c3, &f[1], &l.c4)
	mul3(&o[5], &f[5], &l.c0, &f[4], &l.c3, &f[2], &l.c4)
	*f = *o
}

// product multiplies the lanes together.
func (f *e12) product(k *constants) (p bn254.E12) {
	for i := range f {
		f[i].leave(k)
	}
	p.SetOne()
	for lane := range Lanes {
		var x bn254.E12
		for i, c := range [6]*bn254.E2{&x.C0.B0, &x.C1.B0, &x.C0.B1, &x.C1.B1, &x.C0.B2, &x.C1.B2} {
			*c = f[i].get(lane)
		}
		p.Mul(&p, &x)
	}
	return p
}
