package prove

import (
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// plan is the shape of one multiplication. A scalar has windows digits; digit
// k counts 2^(width*k) times its point. The table holds the multiples
// 2^(width*j) of every point for j < levels, so that windows k = levels*s+j
// for all j share the buckets of set s; the sums of the sets are joined with
// width*levels doublings each. One level is the usual method, as many levels
// as windows need a single set of buckets.
type plan struct {
	n       int // points
	width   int // bits of a window
	windows int
	levels  int
	sets    int
	buckets int // of every set but the last
	top     int // of the last set: the last window keeps its carry
}

// maxWidth keeps digits in 16 bits.
const maxWidth = 15

func makePlan(n, width, levels int) plan {
	p := plan{n: n, width: width, levels: levels, buckets: 1 << (width - 1), top: 1}
	p.windows = (fr.Bits - 1 + width - 1) / width
	p.sets = (p.windows + levels - 1) / levels
	bit := (p.windows - 1) * width
	for highest := int(halfR[bit/64]>>(bit%64)) + 1; p.top < highest; p.top *= 2 {
	}
	if levels > 1 { // the last set takes other windows too
		p.top = max(p.top, p.buckets)
	}
	return p
}

// cost is the number of additions: one a digit, two a bucket.
func (p plan) cost() int {
	return p.windows*p.n + 2*(p.sets-1)*p.buckets + 2*p.top
}

// newPlan picks the plan with the least additions whose table has at most so
// many levels. One is the points themselves.
func newPlan(n, levels int) plan {
	var best plan
	for width := 4; width <= maxWidth; width++ {
		for l := 1; l <= levels && l <= (fr.Bits+width-2)/width; l++ {
			if p := makePlan(n, width, l); best.n == 0 || p.cost() < best.cost() {
				best = p
			}
		}
	}
	return best
}

// halfR is (r-1)/2, little-endian words.
var halfR = [4]uint64{0xa1f0fac9f8000000, 0x9419f4243cdcb848, 0xdc2822db40c0ac2e, 0x183227397098d014}

// orderR is r.
var orderR = [4]uint64{0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d, 0x30644e72e131a029}

// digits cuts the scalars: digit k of scalar i is at [k*n+i].
func (p plan) digits(out []int16, scalars []fr.Element) {
	mask, half := uint64(1)<<p.width-1, uint64(1)<<(p.width-1)
	for i := range scalars {
		v, sign := scalars[i].Bits(), uint64(0)
		if below(halfR, v) {
			var borrow uint64
			for j := range v {
				v[j], borrow = bits.Sub64(orderR[j], v[j], borrow)
			}
			sign = 1
		}
		words := [5]uint64{v[0], v[1], v[2], v[3]}
		// No branch on digits: half of them would be guessed wrong.
		carry := uint64(0)
		for k := range p.windows {
			word, bit := k*p.width/64, k*p.width%64
			d := words[word]>>bit | words[word+1]<<1<<(63-bit)
			d = d&mask + carry
			if k < p.windows-1 {
				carry = (half - d) >> 63
				d -= carry << p.width
			}
			out[k*p.n+i] = int16((d ^ -sign) + sign)
		}
	}
}
