package mpc

import (
	"context"
	"fmt"
)

// Find is Match of one query that also tells the lowest place that matches:
// a recovery has to know whose it is. If nobody matches, one bit opens, as in
// Match; if somebody does, one more for every halving of the places, each in a
// round of its own, and all of them follow from the place: the parties learn it,
// and nothing of who else matches.
func (s *Session) Find(ctx context.Context, number uint64, job Job) (place int, known bool, err error) {
	words, err := job.check()
	if err != nil {
		return 0, false, err
	}
	if job.Queries != 1 {
		return 0, false, fmt.Errorf("%w: one query is found at a time", ErrShape)
	}
	if job.People == 0 {
		return 0, false, nil
	}
	err = s.do(ctx, number, job.digest("perhuman/mpc/find/1", number), func(r *run) error {
		hits, err := r.hits(job, words)
		if err != nil {
			return err
		}
		place, known, err = r.lowest(hits)
		return err
	})
	return place, known, err
}

// lowest opens whether any bit is set, and if so which is the lowest.
func (r *run) lowest(hits bits) (place int, any bool, err error) {
	// lanes[j] has in lane l of each word the or of lanes l to l+2^j-1.
	lanes := [7]bits{hits}
	for j := range 6 {
		shifted := newBits(hits.len())
		for i := range shifted.own {
			shifted.own[i], shifted.prev[i] = lanes[j].own[i]>>(1<<j), lanes[j].prev[i]>>(1<<j)
		}
		lanes[j+1] = newBits(hits.len())
		if err := r.evaluate([]gate{{kind: or, dst: lanes[j+1], x: lanes[j], y: shifted}}); err != nil {
			return 0, false, err
		}
	}
	// words[k] has in lane 0 the or of 2^k words.
	words := []bits{lanes[6]}
	for at := words[0]; at.len() > 1; words = append(words, at) {
		if at, err = r.pairs(at); err != nil {
			return 0, false, err
		}
	}
	top := len(words) - 1
	if any, err = r.openLane(words[top], 0, 0); err != nil || !any {
		return 0, false, err
	}
	// Downwards: in the lower half if anything is there, else in the upper one.
	word := 0
	for k := top - 1; k >= 0; k-- {
		word *= 2
		if word+1 == words[k].len() {
			continue // there is no upper half
		}
		lower, err := r.openLane(words[k], word, 0)
		if err != nil {
			return 0, false, err
		}
		if !lower {
			word++
		}
	}
	lane := 0
	for j := 5; j >= 0; j-- {
		lower, err := r.openLane(lanes[j], word, lane)
		if err != nil {
			return 0, false, err
		}
		if !lower {
			lane += 1 << j
		}
	}
	return 64*word + lane, true, nil
}

// pairs ors neighbouring words; an odd one at the end stays as it is.
func (r *run) pairs(v bits) (bits, error) {
	n := v.len()
	out, y := newBits((n+1)/2), newBits(n/2)
	for i := range out.own {
		out.own[i], out.prev[i] = v.own[2*i], v.prev[2*i]
	}
	for i := range y.own {
		y.own[i], y.prev[i] = v.own[2*i+1], v.prev[2*i+1]
	}
	x := out.part(0, n/2)
	return out, r.evaluate([]gate{{kind: or, dst: x, x: x, y: y}})
}

// openLane opens one bit.
func (r *run) openLane(v bits, word, lane int) (bool, error) {
	one := newBits(1)
	one.own[0], one.prev[0] = v.own[word]>>lane&1, v.prev[word]>>lane&1
	got, err := r.open(one)
	if err != nil {
		return false, err
	}
	return got[0], nil
}
