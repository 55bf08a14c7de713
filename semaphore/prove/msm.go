package prove

import (
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// A multi-scalar multiplication by Pippenger's bucket method, in affine
// coordinates throughout: an affine addition whose inversion is shared by
// hundreds of others costs six multiplications, against ten to fourteen in
// projective forms. All points that fall into a bucket are summed as a tree,
// and the weighted sums of the buckets run in lockstep over all windows, so
// that every addition finds company to share an inversion with.
//
// Scalars are taken between -r/2 and r/2 and cut into signed digits, which
// halves the buckets and saves the 254th bit.
//
// It takes time that depends on the scalars, as every Pippenger implementation
// does: a prover runs on its owner's machine.

// batch is how many additions share an inversion: enough to make it cheap, few
// enough to stay in the first-level cache.
const batch = 512

// op asks for buf[dst] = buf[a] + buf[b].
type op struct{ a, b, dst int32 }

// curve is what the bucket method needs from a group with affine points P and
// Jacobian points J. The zero value of P is infinity. A curve value holds
// scratch memory: one goroutine at a time.
type curve[P, J any] interface {
	// add performs up to batch operations in order, except that it looks at
	// the sources of all of them first: no dst may be a source of a later one.
	add(buf []P, ops []op)
	// gather copies points[ref>>1], negated when ref is odd.
	gather(buf, points []P, refs []uint32)
	// weigh gives one window's sum: parts[i] holds the plain and the weighted
	// sum of the buckets i*size+1 .. (i+1)*size.
	weigh(parts [][2]P, size int) J
	wipe()
}

// plan is the shape of one multiplication.
type plan struct {
	n       int // points
	width   int // bits of a window
	windows int
	buckets int // of every window but the last
	top     int // of the last window, which keeps its carry
}

// newPlan picks the window width with the least additions.
func newPlan(n int) plan {
	var best plan
	cost := 0
	for width := 4; width <= 14; width++ {
		p := plan{n: n, width: width, windows: (fr.Bits - 1 + width - 1) / width, buckets: 1 << (width - 1), top: 1}
		bit := (p.windows - 1) * width // of halfR
		for highest := int(halfR[bit/64]>>(bit%64)) + 1; p.top < highest; p.top *= 2 {
		}
		c := p.windows*n + 2*(p.windows-1)*p.buckets + 2*p.top
		if best.n == 0 || c < cost {
			best, cost = p, c
		}
	}
	return best
}

// halfR is (r-1)/2, little-endian words.
var halfR = [4]uint64{0xa1f0fac9f8000000, 0x9419f4243cdcb848, 0xdc2822db40c0ac2e, 0x183227397098d014}

// digits cuts the scalars: digit k of scalar i is at [k*n+i].
func (p plan) digits(scalars []fr.Element) []int16 {
	out := make([]int16, p.windows*p.n)
	mask, half := uint64(1)<<p.width-1, uint64(1)<<(p.width-1)
	for i := range scalars {
		v := scalars[i].Bits()
		sign := int16(1)
		if below(halfR, v) {
			var neg fr.Element
			neg.Neg(&scalars[i])
			v, sign = neg.Bits(), -1
		}
		if v == ([4]uint64{}) {
			continue
		}
		carry := uint64(0)
		for k := range p.windows {
			bit := k * p.width
			d := v[bit/64] >> (bit % 64)
			if bit%64+p.width > 64 && bit/64 < 3 {
				d |= v[bit/64+1] << (64 - bit%64)
			}
			d = d&mask + carry
			carry = 0
			if d > half && k < p.windows-1 {
				out[k*p.n+i] = sign * -int16(1<<p.width-d)
				carry = 1
			} else {
				out[k*p.n+i] = sign * int16(d)
			}
		}
	}
	return out
}

// group is one worker's share of a multiplication: some windows with the same
// number of buckets, and the memory to sum them.
type group[P, J any] struct {
	curve         curve[P, J]
	first, n      int // windows
	buckets       int
	parts         int // pieces of a window that the weighted sums run over side by side
	sums          []P // windows*buckets sums, then two running points a part
	buf           []P
	refs          []uint32
	starts        []int32
	ops           []op
	digits        []int16
	points        []P
	windowResults []J
}

func newGroup[P, J any](c curve[P, J], points []P, digits []int16, first, n, buckets int, results []J) *group[P, J] {
	g := &group[P, J]{
		curve: c, first: first, n: n, buckets: buckets, parts: 1,
		buf:    make([]P, len(points)),
		refs:   make([]uint32, len(points)),
		starts: make([]int32, buckets+1),
		ops:    make([]op, 0, batch),
		digits: digits, points: points, windowResults: results,
	}
	for n*g.parts < batch/2 && g.parts < buckets/8 {
		g.parts *= 2
	}
	g.sums = make([]P, n*(buckets+2*g.parts))
	return g
}

// sumBuckets sorts the points of window k of the group into buckets.
func (g *group[P, J]) sumBuckets(k int) {
	digits := g.digits[(g.first+k)*len(g.points):][:len(g.points)]
	sums := g.sums[k*g.buckets : (k+1)*g.buckets]
	starts := g.starts
	clear(starts)
	for _, d := range digits {
		if d != 0 {
			starts[max(d, -d)]++
		}
	}
	total := int32(0)
	for i, n := range starts {
		starts[i] = total
		total += n
	}
	// starts[d] is where digit d's points begin; placing them moves it to
	// where they end, which is where those of d+1 begin.
	for i, d := range digits {
		if d == 0 {
			continue
		}
		ref := uint32(i) << 1
		if d < 0 {
			d, ref = -d, ref|1
		}
		g.refs[starts[d]] = ref
		starts[d]++
	}
	buf := g.buf[:total]
	g.curve.gather(buf, g.points, g.refs[:total])

	// Each round halves the points of every bucket. An odd one keeps its place
	// at the front.
	for round, busy := 0, true; busy; round++ {
		busy = false
		for b := range sums {
			first := starts[b]
			n := (starts[b+1] - first + 1<<round - 1) >> round
			if n < 2 {
				continue
			}
			busy = true
			dst := first + n&1
			for src := dst; src < first+n; src += 2 {
				g.push(buf, op{src, src + 1, dst})
				dst++
			}
		}
		g.flush(buf)
	}
	for b := range sums {
		if starts[b] < starts[b+1] {
			sums[b] = buf[starts[b]]
		}
	}
}

// weighSums turns the bucket sums of all windows of the group into one point a
// window, the sum of (b+1) times bucket b.
func (g *group[P, J]) weighSums() {
	size := g.buckets / g.parts
	lanes := int32(g.n * g.parts)
	plain := int32(g.n * g.buckets)
	weighted := plain + lanes
	for step := size - 1; step >= 0; step-- {
		for i := range lanes {
			g.push(g.sums, op{plain + i, i*int32(size) + int32(step), plain + i})
		}
		g.flush(g.sums)
		for i := range lanes {
			g.push(g.sums, op{weighted + i, plain + i, weighted + i})
		}
		g.flush(g.sums)
	}
	parts := make([][2]P, g.parts)
	for k := range g.n {
		for i := range parts {
			lane := k*g.parts + i
			parts[i] = [2]P{g.sums[int(plain)+lane], g.sums[int(weighted)+lane]}
		}
		g.windowResults[g.first+k] = g.curve.weigh(parts, size)
	}
	clear(parts)
}

func (g *group[P, J]) push(buf []P, o op) {
	if g.ops = append(g.ops, o); len(g.ops) == batch {
		g.flush(buf)
	}
}

func (g *group[P, J]) flush(buf []P) {
	if len(g.ops) > 0 {
		g.curve.add(buf, g.ops)
		g.ops = g.ops[:0]
	}
}

// wipe clears what the scalars could be read from.
func (g *group[P, J]) wipe() {
	clear(g.sums)
	clear(g.buf)
	clear(g.refs)
	clear(g.starts)
	g.curve.wipe()
}
