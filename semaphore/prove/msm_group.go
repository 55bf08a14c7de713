package prove

// tileSize is about how many points are summed at a time: few enough to stay
// in the second-level cache, enough for long batches.
const tileSize = 8192

// group sums one task: it sorts the points of each set into the task's
// buckets, sums each bucket, and weighs the sums. Its memory is used again.
type group[P, J any] struct {
	task
	curve   curve[P, J]
	parts   int // pieces of a set that the weighted sums run over side by side
	sums    []P // sets*buckets sums, then two running points a part
	buf     []P
	refs    []uint32
	starts  []int32
	ops     []op
	weighed [][2]P // plain and weighted sum of each part
}

// minLanes is how many weighted sums a group runs side by side, if it can: so
// many additions share an inversion there.
const minLanes = batch / 2

// reset takes up a task.
func (g *group[P, J]) reset(t task) {
	g.task, g.parts = t, 1
	for t.sets*g.parts < minLanes && g.parts < t.buckets/8 {
		g.parts *= 2
	}
	grow(&g.sums, t.sets*(t.buckets+2*g.parts))
	grow(&g.starts, t.buckets+1)
	grow(&g.weighed, t.sets*g.parts)
}

// grow gives *v n elements, zero if those of *v are, and leaves nothing in
// memory that it gives up.
func grow[T any](v *[]T, n int) {
	if cap(*v) < n {
		clear((*v)[:cap(*v)])
		*v = make([]T, n)
	}
	*v = (*v)[:n]
}

// sort lists the table's points of one set by the bucket that their digit
// names. starts[b] is where those of bucket b begin.
func (g *group[P, J]) sort(digits []int16) {
	starts, low, n := g.starts, g.low+1, uint(g.buckets)
	clear(starts)
	for _, d := range digits {
		if b := uint(int(max(d, -d)) - low); b < n {
			starts[b]++
		}
	}
	total := int32(0)
	for i, n := range starts {
		starts[i] = total
		total += n
	}
	grow(&g.refs, int(total))
	// Placing the points of a bucket moves its start to its end, which is the
	// start of the next.
	for i, d := range digits {
		b := uint(int(max(d, -d)) - low)
		if b >= n {
			continue
		}
		g.refs[starts[b]] = uint32(i)<<1 | uint32(d)>>31
		starts[b]++
	}
	copy(starts[1:], starts)
	starts[0] = 0
}

// sumBuckets sums the points of the buckets first .. end-1 of set k.
func (g *group[P, J]) sumBuckets(points []P, k, first, end int) {
	starts := g.starts[first : end+1]
	base := starts[0]
	refs := g.refs[base:starts[end-first]]
	grow(&g.buf, len(refs))
	buf := g.buf

	// Each round halves the points of every bucket. An odd one keeps its place
	// at the front.
	round := 0
	if pairs, ok := g.curve.(pairAdder[P]); ok {
		g.sumPairs(pairs, points, refs, starts)
		round = 1
	} else {
		g.curve.gather(buf, points, refs)
	}
	for busy := true; busy; round++ {
		busy = false
		for b := range starts[1:] {
			first := starts[b] - base
			n := (starts[b+1] - starts[b] + 1<<round - 1) >> round
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
	sums := g.sums[k*g.buckets+first:]
	for b := range starts[1:] {
		if starts[b] < starts[b+1] {
			sums[b] = buf[starts[b]-base]
		}
	}
}

// sumPairs is the first round for a curve that reads the table by itself.
func (g *group[P, J]) sumPairs(c pairAdder[P], points []P, refs []uint32, starts []int32) {
	buf, base := g.buf, starts[0]
	for b := range starts[1:] {
		at, end := starts[b]-base, starts[b+1]-base
		dst := at
		if (end-at)&1 == 1 {
			g.curve.gather(buf[at:at+1], points, refs[at:at+1])
			at, dst = at+1, dst+1
		}
		for ; at < end; at += 2 {
			if g.ops = append(g.ops, op{int32(refs[at]), int32(refs[at+1]), dst}); len(g.ops) == batch {
				c.addPairs(buf, points, g.ops)
				g.ops = g.ops[:0]
			}
			dst++
		}
	}
	if len(g.ops) > 0 {
		c.addPairs(buf, points, g.ops)
		g.ops = g.ops[:0]
	}
}

// weighSums turns the bucket sums of each part of each set into two points:
// their sum, and the sum of (i+1) times bucket i of the part.
func (g *group[P, J]) weighSums() {
	size := g.buckets / g.parts
	lanes := int32(g.sets * g.parts)
	plain := int32(g.sets * g.buckets)
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
	for i := range g.weighed {
		g.weighed[i] = [2]P{g.sums[int(plain)+i], g.sums[int(weighted)+i]}
	}
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

// wipe clears what the scalars could be read from: all that was ever used.
func (g *group[P, J]) wipe() {
	clear(g.sums[:cap(g.sums)])
	clear(g.buf[:cap(g.buf)])
	clear(g.refs[:cap(g.refs)])
	clear(g.starts[:cap(g.starts)])
	clear(g.ops[:cap(g.ops)])
	clear(g.weighed[:cap(g.weighed)])
	g.curve.wipe()
}
