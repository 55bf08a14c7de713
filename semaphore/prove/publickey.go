package prove

import "github.com/consensys/gnark-crypto/ecc/bn254/fr"

// publicKey fills the gadgets of secret * Base8.
func (l *layout) publicKey(w []fr.Element, secret [4]uint64) error {
	f := tables()
	digit := func(window int) uint64 {
		bit := 3 * window
		d := secret[bit/64] >> (bit % 64)
		if bit%64 > 61 && bit/64 < 3 {
			d |= secret[bit/64+1] << (64 - bit%64)
		}
		return d & 7
	}
	low := segmentWires{
		adders:  w[l.first[bLowAdders]:l.first[bLowAdders+1]],
		edwards: w[l.first[bLowEdwards]:l.first[bLowEdwards+1]],
		sum:     w[l.first[bLowPoint]:l.first[bLowPoint+1]],
	}
	if err := low.fill(f, &f.low, digit); err != nil {
		return err
	}
	// The window point of the last adder of the high segment is folded away,
	// so its wires lie otherwise: fill a copy and place it.
	var adders [adderWires * highWindows]fr.Element
	defer clear(adders[:])
	high := segmentWires{
		adders:  adders[:],
		edwards: w[l.first[bHighEdwards]:l.first[bHighEdwards+1]],
		sum:     w[l.first[bHighPoint]:l.first[bHighPoint+1]],
	}
	if err := high.fill(f, &f.high, func(i int) uint64 { return digit(lowWindows + i) }); err != nil {
		return err
	}
	copy(w[l.first[bHighAdder]:], adders[:adderWires])
	last := w[l.first[bHighLast]:]
	last[0], last[1], last[2] = adders[adderWires], adders[adderWires+1], adders[adderWires+4]

	products := w[l.first[bLowProducts]:]
	for i := range lowWindows {
		if digit(i)&3 == 3 {
			products[i] = f.low.windows[i].cross
		}
	}
	if digit(lowWindows)&3 == 3 {
		w[l.first[bHighProduct]] = f.high.windows[0].cross
	}

	key := w[l.first[bPublicKey]:]
	join := w[l.first[bJoin]:]
	f.edwardsSum(&key[0], &key[1], low.sum, high.sum, join)
	return nil
}

// segmentWires are the wires of one segment of the scalar.
type segmentWires struct {
	adders  []fr.Element // five a window
	edwards []fr.Element // x, y of the sum with its excess, tau
	sum     []fr.Element // x, y
}

func (s *segmentWires) fill(f *fixedBase, seg *segment, digit func(int) uint64) error {
	n := len(seg.windows)
	partial := make([]extended, n+1)
	inv := make([]fr.Element, n+2)
	scratch := make([]fr.Element, n+2)
	sums := make([]affinePoint, n+1)
	defer func() {
		clear(partial)
		clear(inv)
		clear(scratch)
		clear(sums)
	}()

	start := &seg.start
	partial[0] = extended{x: start.x, y: start.y}
	partial[0].z.SetOne()
	partial[0].t.Mul(&start.x, &start.y)
	for i := range n {
		f.addAffine(&partial[i+1], &partial[i], &seg.windows[i].points[digit(i)])
	}

	// u = (Z+Y)/(Z-Y), v = u*Z/X: one inverse of (Z-Y)*X a sum.
	for i := range partial {
		p := &partial[i]
		inv[i].Sub(&p.z, &p.y)
		inv[i].Mul(&inv[i], &p.x)
	}
	end := &partial[n]
	inv[n+1] = end.z
	batchInvert(inv, scratch)
	for i := range partial {
		p, q := &partial[i], &sums[i]
		if inv[i].IsZero() {
			return errDegenerate
		}
		q.v.Add(&p.z, &p.y)
		q.v.Mul(&q.v, &inv[i])
		q.u.Mul(&q.v, &p.x)
		q.v.Mul(&q.v, &p.z)
	}
	s.edwards[0].Mul(&end.x, &inv[n+1])
	s.edwards[1].Mul(&end.y, &inv[n+1])

	for i := range n {
		inv[i].Sub(&seg.windows[i].points[digit(i)].u, &sums[i].u)
	}
	batchInvert(inv[:n], scratch)
	for i := range n {
		if inv[i].IsZero() {
			return errDegenerate
		}
		point := &seg.windows[i].points[digit(i)]
		a := s.adders[adderWires*i:]
		a[0], a[1] = sums[i+1].u, sums[i+1].v
		a[2], a[3] = point.u, point.v
		a[4].Sub(&point.v, &sums[i].v)
		a[4].Mul(&a[4], &inv[i])
	}

	var join [4]fr.Element
	excess := [2]fr.Element{seg.excess.x, seg.excess.y}
	f.edwardsSum(&s.sum[0], &s.sum[1], s.edwards, excess[:], join[:])
	s.edwards[2] = join[3]
	clear(join[:])
	return nil
}

// edwardsSum adds two affine points and keeps the intermediate products:
// beta = x1*y2, gamma = y1*x2, delta = (y1 - a*x1)(x2 + y2), tau = beta*gamma.
func (f *fixedBase) edwardsSum(x, y *fr.Element, p, q, join []fr.Element) {
	var s fr.Element
	beta, gamma, delta, tau := &join[0], &join[1], &join[2], &join[3]
	beta.Mul(&p[0], &q[1])
	gamma.Mul(&p[1], &q[0])
	delta.Mul(&f.a, &p[0])
	delta.Sub(&p[1], delta)
	s.Add(&q[0], &q[1])
	delta.Mul(delta, &s)
	tau.Mul(beta, gamma)

	var den, scratch [2]fr.Element
	s.Mul(&f.d, tau)
	one := fr.One()
	den[0].Add(&one, &s)
	den[1].Sub(&one, &s)
	batchInvert(den[:], scratch[:])
	x.Add(beta, gamma)
	x.Mul(x, &den[0])
	y.Mul(&f.a, beta)
	y.Add(y, delta)
	y.Sub(y, gamma)
	y.Mul(y, &den[1])
}
