package babyjub

import "sync"

// Arithmetic for verifiers, who hold no secret: its time and its memory accesses
// depend on the scalars. Never use it for signing.

const (
	digitBits = 4
	digits    = 64 // of a 256-bit scalar
)

// digit gives the i-th digit of a big-endian scalar, the least significant
// first.
func digit(k *[32]byte, i int) byte { return k[31-i/2] >> (digitBits * (i % 2)) & 15 }

// Public is a public point with its powers 16^i*P, which serve every
// multiplication of it.
type Public struct{ powers [digits]extended }

// NewPublic takes a point on the curve.
func NewPublic(p Point) *Public {
	q := &Public{}
	q.powers[0] = p.extended()
	for i := 1; i < digits; i++ {
		e := &q.powers[i]
		e.double(&q.powers[i-1])
		for range digitBits - 1 {
			e.double(e)
		}
	}
	return q
}

// times gives k*P: the powers with one digit are added up first, and each sum
// then counts as often as its digit says (Yao, On the evaluation of powers,
// 1976).
func (q *Public) times(k *[32]byte) extended {
	var sums [1 << digitBits]extended
	var seen [1 << digitBits]bool
	for i := range q.powers {
		switch d := digit(k, i); {
		case d == 0:
		case seen[d]:
			sums[d].add(&sums[d], &q.powers[i])
		default:
			sums[d], seen[d] = q.powers[i], true
		}
	}
	running := Identity().extended()
	total := running
	for d := len(sums) - 1; d > 0; d-- {
		if seen[d] {
			running.add(&running, &sums[d])
		}
		total.add(&total, &running)
	}
	return total
}

// baseMultiples holds d*16^i*Base8 for every digit d.
var baseMultiples = sync.OnceValue(func() *[digits][1 << digitBits]extended {
	table := new([digits][1 << digitBits]extended)
	powers := NewPublic(Base8()).powers
	for i := range table {
		table[i][0] = Identity().extended()
		for d := 1; d < 1<<digitBits; d++ {
			table[i][d].add(&table[i][d-1], &powers[i])
		}
	}
	return table
})

func timesBase(k *[32]byte) extended {
	table := baseMultiples()
	total := table[0][digit(k, 0)]
	for i := 1; i < digits; i++ {
		if d := digit(k, i); d != 0 {
			total.add(&total, &table[i][d])
		}
	}
	return total
}

// InSubgroup checks that l*P is the neutral point.
func (q *Public) InSubgroup() bool {
	l := [32]byte(params().order.FillBytes(make([]byte, 32)))
	r, id := q.times(&l), Identity()
	return r.equalAffine(&id)
}

// Signed checks s*Base8 = r8 + 8*hm*P. r8 must be on the curve.
func (q *Public) Signed(r8 Point, hm, s *[32]byte) bool {
	right := q.times(hm)
	for range 3 {
		right.double(&right)
	}
	r := r8.extended()
	right.add(&right, &r)
	left := timesBase(s)
	return left.equal(&right)
}

// equal compares points; Z is never 0, because the addition law is complete.
func (e *extended) equal(o *extended) bool {
	var a, b extended
	a.x.Mul(&e.x, &o.z)
	b.x.Mul(&o.x, &e.z)
	a.y.Mul(&e.y, &o.z)
	b.y.Mul(&o.y, &e.z)
	return a.x.Equal(&b.x) && a.y.Equal(&b.y) && !e.z.IsZero() && !o.z.IsZero()
}
