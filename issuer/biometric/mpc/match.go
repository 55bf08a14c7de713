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
	// One of the following gives this party's additive shares for people first to
	// last-1. first is a multiple of 64, and last too or People. It is called from
	// another goroutine, one call at a time, and no more when Match has returned.
	//
	// Forms: irises, as dot.People.Forms does.
	Forms func(first, last int, out []dot.Forms) error
	// Exact: irises with 32-bit forms, as dot.People.ExactForms does.
	Exact func(first, last int, out []dot.ExactForms) error
	// Faces: for each query one number a person, as dot.FaceGallery.Compare does.
	Faces func(first, last int, out [][]uint32) error
}

// kind of Job: 1, 2 or 3 for the three, 0 for anything else.
func (j Job) kind() byte {
	switch {
	case j.Forms != nil && j.Exact == nil && j.Faces == nil:
		return 1
	case j.Forms == nil && j.Exact != nil && j.Faces == nil:
		return 2
	case j.Forms == nil && j.Exact == nil && j.Faces != nil:
		return 3
	}
	return 0
}

// check gives the words of 64 people.
func (j Job) check() (words int, err error) {
	words = (j.People + 63) / 64
	if j.Queries < 1 || j.Queries > maxQueries || j.People < 0 || j.kind() == 0 || j.Against != nil && len(j.Against) != j.Queries || j.Adder > Ripple {
		return 0, fmt.Errorf("%w: job", ErrShape)
	}
	for _, a := range j.Against {
		if len(a) != words {
			return 0, fmt.Errorf("%w: people to compare with", ErrShape)
		}
	}
	return words, nil
}

const (
	maxQueries = 64
	// maxWords bounds how many words of 64 people, over all queries, are
	// computed at a time, and with it the memory: some 250 KB a word, with Exact
	// 500. maxFaceWords does so for faces, at 1 KB a word.
	maxWords     = 64
	maxFaceWords = 4096

	formsPerPerson = 2 * dot.Comparisons
	groups         = 4 // orientations by eyes
	rotations      = dot.Comparisons / groups
)

// workspace is the memory of a chunk, used again for the next; numbers have two
// places in turn.
type workspace struct {
	x, c   []bits
	values [2][]uint16
	wide   [2][]uint32
	turn   int
}

// room makes x as many vectors of words as numbers have bits, and c one less.
func (w *workspace) room(size, words int) {
	if len(w.x) == size && w.x[0].len() == words {
		return
	}
	w.x, w.c = make([]bits, size), make([]bits, size-1)
	for k := range w.x {
		w.x[k] = newBits(words)
	}
	for k := range w.c {
		w.c[k] = newBits(words)
	}
}

func grow[W any](s []W, n int) []W {
	if cap(s) < n {
		return make([]W, n)
	}
	return s[:n]
}

// wipe forgets shares that a query left behind.
func (w *workspace) wipe() {
	for i := range w.values {
		clear(w.values[i][:cap(w.values[i])])
		clear(w.wide[i][:cap(w.wide[i])])
	}
}

// Match compares queries with people by the person rule, or faces, and opens one
// bit for each query: whether it is one of those people. Nothing else of the
// comparison is opened, not with how many or with whom. Number is used once; the
// same at all three.
func (s *Session) Match(ctx context.Context, number uint64, job Job) (known []bool, err error) {
	words, err := job.check()
	if err != nil {
		return nil, err
	}
	if job.People == 0 {
		return make([]bool, job.Queries), nil
	}
	plan := job.digest("perhuman/mpc/match/2", number)
	err = s.do(ctx, number, plan, func(r *run) error {
		known, err = r.match(job, words)
		return err
	})
	return known, err
}

func (r *run) match(job Job, words int) ([]bool, error) {
	hits, err := r.hits(job, words)
	if err != nil {
		return nil, err
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

// hits tells of each query whom it is: word w*Queries+q has people 64w to 64w+63
// of query q, and 0 for who is not compared. While the parties decide about some
// people, the dot products of the next are computed.
func (r *run) hits(job Job, words int) (bits, error) {
	hits := newBits(words * job.Queries)
	step := max(1, maxWords/job.Queries)
	if job.kind() == 3 {
		step = max(1, maxFaceWords/job.Queries)
	}
	ahead := func(first int) *numbers {
		if first >= words {
			return nil
		}
		return r.work.begin(job, 64*first, min(64*(first+step), job.People))
	}
	next := ahead(0)
	defer func() {
		if next != nil {
			<-next.done
		}
		r.work.wipe()
	}()
	for first := 0; first < words; first += step {
		now := next
		<-now.done
		next = nil
		if now.err != nil {
			return bits{}, fmt.Errorf("mpc: dot products: %w", now.err)
		}
		next = ahead(first + step)
		got, err := r.chunk(job, now)
		if err != nil {
			return bits{}, err
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
	return hits, nil
}

// numbers are what all queries yield with some people: as one of the functions of
// Job gives it. They are there when done is closed.
type numbers struct {
	people int
	forms  []dot.Forms
	exact  []dot.ExactForms
	faces  [][]uint32
	err    error
	done   chan struct{}
}

// begin computes the numbers of people first to last-1 in the background, in
// memory that the numbers before the last ones had.
func (w *workspace) begin(job Job, first, last int) *numbers {
	w.turn = 1 - w.turn
	n, size := &numbers{people: last - first, done: make(chan struct{})}, last-first
	switch job.kind() {
	case 1:
		w.values[w.turn] = grow(w.values[w.turn], size*formsPerPerson*job.Queries)
		for q := range job.Queries {
			v, k := w.values[w.turn][q*size*formsPerPerson:], size*dot.Comparisons
			n.forms = append(n.forms, dot.Forms{Both: v[:k:k], One: v[k : 2*k : 2*k]})
		}
	case 2:
		w.wide[w.turn] = grow(w.wide[w.turn], size*formsPerPerson*job.Queries)
		for q := range job.Queries {
			v, k := w.wide[w.turn][q*size*formsPerPerson:], size*dot.Comparisons
			n.exact = append(n.exact, dot.ExactForms{Both: v[:k:k], One: v[k : 2*k : 2*k]})
		}
	case 3:
		w.wide[w.turn] = grow(w.wide[w.turn], size*job.Queries)
		for q := range job.Queries {
			n.faces = append(n.faces, w.wide[w.turn][q*size:][:size:size])
		}
	}
	go func() {
		defer close(n.done)
		switch job.kind() {
		case 1:
			n.err = job.Forms(first, last, n.forms)
		case 2:
			n.err = job.Exact(first, last, n.exact)
		case 3:
			n.err = job.Faces(first, last, n.faces)
		}
	}()
	return n
}

// chunk gives words of 64 people by 64 people and, within that, by query.
func (r *run) chunk(job Job, n *numbers) (bits, error) {
	words := (n.people + 63) / 64
	width := words * job.Queries
	place := func(form, q, w int) func(i int) int {
		return func(i int) int { return (form*dot.Comparisons+i)*width + w*job.Queries + q }
	}
	tile := func(w int) (from, to int) {
		return 64 * w * dot.Comparisons, min(64*(w+1), n.people) * dot.Comparisons
	}
	cut := slicer{r: r}
	switch job.kind() {
	case 1:
		r.work.room(16, formsPerPerson*width)
		cut.dst = r.work.x
		for q, f := range n.forms {
			for form, values := range [2][]uint16{f.Both, f.One} {
				for w := range words {
					from, to := tile(w)
					cut.tile(values[from:to], dot.Comparisons, place(form, q, w))
				}
			}
		}
	case 2:
		r.work.room(32, formsPerPerson*width)
		cut.dst = r.work.x
		for q, f := range n.exact {
			for form, values := range [2][]uint32{f.Both, f.One} {
				for w := range words {
					from, to := tile(w)
					cut.tile32(values[from:to], dot.Comparisons, place(form, q, w))
				}
			}
		}
	case 3:
		r.work.room(32, width)
		cut.dst = r.work.x
		for q, values := range n.faces {
			cutWords(&cut, values, func(w int) int { return w*job.Queries + q })
		}
		return r.told(job.Adder)
	}
	hit, err := r.told(job.Adder)
	if err != nil {
		return bits{}, err
	}
	return r.person(hit, width)
}

// told shares what the slices hold and gives the highest bit of every number.
func (r *run) told(adder Adder) (bits, error) {
	if err := r.reshare(r.work.x); err != nil {
		return bits{}, err
	}
	return r.high(adder, r.work.x, r.work.c)
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
