package mpc

import (
	"context"
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
)

// Job is what Match computes.
type Job struct {
	// Plan is a digest of everything that the three must agree on and that is
	// not here: which people, in which order, which queries, which rule. Parties
	// with different ones stop before they send anything else.
	Plan [32]byte
	// Queries and People are how many there are. Each query is compared with
	// every person at most.
	Queries, People int
	// Against says with whom: bit p%64 of word p/64 of [q] is set if query q is
	// compared with person p. nil: all with all.
	Against [][]uint64
	// Adder: see Choose.
	Adder Adder
	// Forms gives this party's additive shares, as dot.People.Forms does. first
	// is a multiple of 64, and last too or People.
	Forms func(first, last int, out []dot.Forms) error
}

const (
	// maxWords bounds how many words of 64 people, over all queries, are
	// computed at a time, and with it the memory: some 250 KB a word.
	maxWords = 64

	formsPerPerson = 2 * dot.Comparisons
	groups         = 4 // orientations by eyes
	rotations      = dot.Comparisons / groups
)

// workspace is the memory of a chunk, used again for the next.
type workspace struct {
	words  int
	x      slices
	c      []bits
	values []uint16
}

func (w *workspace) room(words, values int) {
	if w.words != words {
		w.words, w.c = words, make([]bits, 15)
		for k := range w.x {
			w.x[k] = newBits(words)
		}
		for k := range w.c {
			w.c[k] = newBits(words)
		}
	}
	if cap(w.values) < values {
		w.values = make([]uint16, values)
	}
	w.values = w.values[:values]
}

// Match compares queries with people by the person rule and opens one bit for
// each query: whether it is one of those people. Nothing else of the comparison
// is opened, not with how many or with whom. Number is used once; the same at
// all three.
func (s *Session) Match(ctx context.Context, number uint64, job Job) (known []bool, err error) {
	words := (job.People + 63) / 64
	if job.Queries < 1 || job.Queries > maxWords || job.People < 0 || job.Forms == nil || job.Against != nil && len(job.Against) != job.Queries || job.Adder > Ripple {
		return nil, fmt.Errorf("%w: job", ErrShape)
	}
	for _, a := range job.Against {
		if len(a) != words {
			return nil, fmt.Errorf("%w: people to compare with", ErrShape)
		}
	}
	if job.People == 0 {
		return make([]bool, job.Queries), nil
	}
	plan := job.digest(number)
	err = s.do(ctx, number, plan, func(r *run) error {
		known, err = r.match(job, words)
		return err
	})
	return known, err
}

func (r *run) match(job Job, words int) ([]bool, error) {
	defer r.work.wipe()
	// hits[w*Queries+q] has 64 people of query q.
	hits := newBits(words * job.Queries)
	step := max(1, maxWords/job.Queries)
	for first := 0; first < words; first += step {
		n := min(step, words-first)
		got, err := r.chunk(job, 64*first, min(64*(first+n), job.People))
		if err != nil {
			return nil, err
		}
		copy(hits.own[first*job.Queries:], got.own)
		copy(hits.prev[first*job.Queries:], got.prev)
	}
	for q := range job.Queries {
		for w := range words {
			mask := ^uint64(0)
			if rest := job.People - 64*w; rest < 64 {
				mask = 1<<rest - 1
			}
			if job.Against != nil {
				mask &= job.Against[q][w]
			}
			hits.part(w*job.Queries+q, 1).keep([]uint64{mask})
		}
	}
	if err := r.fold(job.Queries, hits); err != nil {
		return nil, err
	}
	result := hits.part(0, job.Queries)
	if err := r.foldLanes(result); err != nil {
		return nil, err
	}
	return r.open(result)
}

// chunk compares all queries with people first to last-1 and gives words of 64
// people by 64 people and, within that, by query.
func (r *run) chunk(job Job, first, last int) (bits, error) {
	words := (last - first + 63) / 64
	width := words * job.Queries
	size := (last - first) * dot.Comparisons
	r.work.room(formsPerPerson*width, 2*size*job.Queries)
	out := make([]dot.Forms, job.Queries)
	for q := range out {
		v := r.work.values[2*q*size:]
		out[q] = dot.Forms{Both: v[:size:size], One: v[size : 2*size : 2*size]}
	}
	if err := job.Forms(first, last, out); err != nil {
		return bits{}, fmt.Errorf("mpc: forms: %w", err)
	}
	cut := slicer{r: r, dst: r.work.x}
	for q := range out {
		for form, values := range [2][]uint16{out[q].Both, out[q].One} {
			for w := range words {
				from := 64 * w * dot.Comparisons
				cut.tile(values[from:min(from+64*dot.Comparisons, size)], dot.Comparisons, func(i int) int {
					return (form*dot.Comparisons+i)*width + w*job.Queries + q
				})
			}
		}
	}
	if err := r.reshare(r.work.x); err != nil {
		return bits{}, err
	}
	hit, err := r.high(job.Adder, r.work.x, r.work.c)
	if err != nil {
		return bits{}, err
	}
	return r.person(hit, width)
}

// person applies the person rule to one bit for each form, orientation, eye and
// rotation, which are rows of width words in that order.
func (r *run) person(hit bits, width int) (bits, error) {
	all := make([]bits, 2*groups)
	for g := range all {
		all[g] = hit.part(g*rotations*width, rotations*width)
	}
	if err := r.fold(width, all...); err != nil {
		return bits{}, err
	}
	for g := range all {
		all[g] = all[g].part(0, width)
	}
	both, one := all[:groups], all[groups:] // upright left, right, mirrored left, right
	err := r.evaluate([]gate{
		{kind: and, dst: both[0], x: both[0], y: both[1]},
		{kind: and, dst: both[2], x: both[2], y: both[3]},
		{kind: or, dst: one[0], x: one[0], y: one[1]},
		{kind: or, dst: one[2], x: one[2], y: one[3]},
	})
	if err != nil {
		return bits{}, err
	}
	err = r.evaluate([]gate{
		{kind: or, dst: both[0], x: both[0], y: both[2]},
		{kind: or, dst: one[0], x: one[0], y: one[2]},
	})
	if err != nil {
		return bits{}, err
	}
	err = r.evaluate([]gate{{kind: or, dst: both[0], x: both[0], y: one[0]}})
	return both[0], err
}

// wipe forgets shares that a query left behind.
func (w *workspace) wipe() { clear(w.values) }
