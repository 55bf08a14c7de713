package prove

import (
	"context"
	"sync"

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

// pairAdder is a curve that adds points of a table without a copy of them.
type pairAdder[P any] interface {
	// addPairs is add with the sources points[a>>1] and points[b>>1], negated
	// when a or b is odd.
	addPairs(buf, points []P, ops []op)
}

// multiplier is a multiplication with fixed points: a multiexp, whatever its
// type of points.
type multiplier[J any] interface {
	// sum multiplies and adds on up to so many goroutines and calls step after
	// each tile of work. It gives up between tiles when ctx ends.
	sum(ctx context.Context, scalars []fr.Element, workers int, step func()) (J, error)
	size() int             // points
	cost() int             // additions
	steps(workers int) int // how often sum calls its step
	bytes() int            // memory of the points
	// withTable gives the same multiplication with a table of at most so many
	// levels, to be used once all the jobs are done, in any order.
	withTable(levels int) (next multiplier[J], jobs []func())
}

// multiexp is one multi-scalar multiplication with fixed points.
type multiexp[P, J any] struct {
	plan
	points []P // level j of point i is at j*n+i
	group  kind[P, J]
	pool   sync.Pool // *group[P, J], wiped
	spare  sync.Pool // *[]int16, wiped: digits
}

// kind is one of the groups, in one of the arithmetics.
type kind[P, J any] struct {
	curve  func() curve[P, J]
	double func() func([]P) // makes a function that doubles up to batch points; nil where tables do not pay
	horner func(sets []J, width int) J
}

func newMultiexp[P, J any](k kind[P, J], points []P) *multiexp[P, J] {
	return &multiexp[P, J]{plan: newPlan(len(points), 1), points: points, group: k}
}

// task is a range of buckets of some sets: one worker's share.
type task struct {
	set, sets    int
	low, buckets int
	tiles        int
}

// tasks shares the buckets out.
func (p plan) tasks(workers int) []task {
	split := 1 // a power of two, for the sake of the weighted sums
	for split < workers && p.buckets/split > 16 {
		split *= 2
	}
	common := p.sets
	if p.top != p.buckets {
		common--
	}
	var tasks []task
	share := func(split, set, sets, buckets int) {
		tiles := 1
		for tiles < buckets/split && p.n*p.levels/(split*tiles) > tileSize {
			tiles *= 2
		}
		for i := range split {
			tasks = append(tasks, task{set, sets, i * buckets / split, buckets / split, tiles})
		}
	}
	if common > 0 {
		share(split, 0, common, p.buckets)
	}
	if common < p.sets {
		share(1, common, 1, p.top)
	}
	return tasks
}

func (p plan) size() int { return p.n }

func (p plan) steps(workers int) (n int) {
	for _, t := range p.tasks(workers) {
		n += t.sets * t.tiles
	}
	return n
}

func (m *multiexp[P, J]) sum(ctx context.Context, scalars []fr.Element, workers int, step func()) (sum J, err error) {
	memory, ok := m.spare.Get().(*[]int16)
	if !ok {
		memory = new([]int16)
		*memory = make([]int16, m.windows*m.n)
	}
	digits := *memory
	defer m.spare.Put(memory)
	defer clear(digits)
	m.digits(digits, scalars)
	tasks := m.tasks(workers)
	groups := make([]*group[P, J], len(tasks))
	defer func() {
		for _, g := range groups {
			if g != nil {
				g.wipe()
				m.pool.Put(g)
			}
		}
	}()
	parallel(workers, len(tasks), func(i int) {
		t := tasks[i]
		g, ok := m.pool.Get().(*group[P, J])
		if !ok {
			g = &group[P, J]{curve: m.group.curve(), ops: make([]op, 0, batch)}
		}
		groups[i] = g
		g.reset(t)
		for k := range t.sets {
			first := (t.set + k) * m.levels
			end := min(first+m.levels, m.windows)
			g.sort(digits[first*m.n : end*m.n])
			for tile := range t.tiles {
				if ctx.Err() != nil {
					return
				}
				g.sumBuckets(m.points, k, tile*t.buckets/t.tiles, (tile+1)*t.buckets/t.tiles)
				step()
			}
		}
		g.weighSums()
	})
	if err := ctx.Err(); err != nil {
		return sum, err
	}
	results := make([]J, m.sets)
	defer clear(results)
	for set := range results {
		var parts [][2]P
		var first *group[P, J]
		for i, t := range tasks {
			if k := set - t.set; 0 <= k && k < t.sets {
				first = groups[i]
				parts = append(parts, first.weighed[k*first.parts:(k+1)*first.parts]...)
			}
		}
		results[set] = first.curve.weigh(parts, first.buckets/first.parts)
		clear(parts)
	}
	return m.group.horner(results, m.width*m.levels), nil
}
