package semaphore

// This file finds the bad proofs of a batch. It does no arithmetic: a checker
// answers what it asks, and tests put one in that knows the verdicts before.

// checker answers questions about proofs.
type checker interface {
	// whole draws the weights and gives the weighted equation of items, or
	// false if a B of them lies outside the subgroup.
	whole(items []*batchItem) (part, bool)
	// part gives the equation of some of the items that whole has weighed,
	// which all lie in the subgroup.
	part(items []*batchItem) part
	// exact checks for the subgroup one B, without an error.
	exact(it *batchItem) error
	// equation checks one proof whose B lies in the subgroup.
	equation(it *batchItem) error
}

// part is an equation that stands for some proofs.
type part interface {
	// holds is true if all the proofs are good, and with a probability of
	// 2^-128 if one is not.
	holds() bool
	// without gives the part of the other proofs.
	without(left part) part
}

const (
	// batchMin is the least number of proofs that a batch is tried for.
	batchMin = 3
	// halveMin is the least number of proofs, one or more of them bad, that it
	// can pay to halve.
	halveMin = 8
)

// batchWork counts what the verdicts of a batch took.
type batchWork struct {
	exact   int // points checked alone for the subgroup
	singles int // proofs whose equation was checked alone
	tries   int // parts checked
	refused int // proofs in a batch that had a point outside the subgroup
	tried   int // proofs that were weighed and put into a batch
	halved  int // proofs put into one more part
}

// prices are what batchWork counts, in hundredths of Verify, by measurement.
type prices struct {
	exact, single, try, refused, tried, halved int
	// patience is how much all of it may cost, in hundredths of what checking
	// each proof singly would: enough for one halving at least.
	patience int
}

func (w batchWork) units(p prices) int {
	return p.exact*w.exact + p.single*w.singles + p.try*w.tries + p.refused*w.refused + p.tried*w.tried + p.halved*w.halved
}

// alone is the work of checking n proofs singly.
func alone(n int) batchWork { return batchWork{exact: n, singles: n} }

// together is the work of a batch of n good proofs.
func together(n int) batchWork { return batchWork{tries: 1, tried: n} }

// search finds the bad proofs of a batch and counts what that takes.
type search struct {
	checker
	prices prices
	work   batchWork
	limit  int // units
	open   int // proofs without a verdict
}

// settle writes the verdicts of items, which are nil before.
func (s *search) settle(items []*batchItem) {
	s.limit = s.prices.patience * len(items)
	var whole part
	inG2 := false
	if len(items) >= batchMin {
		whole, inG2 = s.try(items)
	}
	if !inG2 {
		items = s.subgroup(items)
		if len(items) >= batchMin {
			whole, inG2 = s.try(items)
		}
	}
	s.open = len(items)
	switch {
	case !inG2: // too few
		s.singly(items, false)
	case !s.holds(whole):
		s.find(items, whole)
	}
}

func (s *search) try(items []*batchItem) (part, bool) {
	whole, inG2 := s.whole(items)
	if inG2 {
		s.work.tried += len(items)
	} else {
		s.work.refused += len(items)
	}
	return whole, inG2
}

// subgroup gives the items whose B lies in the subgroup, the others a verdict.
func (s *search) subgroup(items []*batchItem) []*batchItem {
	s.work.exact += len(items)
	in := make([]*batchItem, 0, len(items))
	for _, it := range items {
		if *it.verdict = s.exact(it); *it.verdict == nil {
			in = append(in, it)
		}
	}
	return in
}

// find writes the verdicts of items with a part that does not hold.
func (s *search) find(items []*batchItem, whole part) {
	half := len(items) / 2
	step := batchWork{halved: half, tries: 2}
	if len(items) < halveMin || s.work.units(s.prices)+step.units(s.prices)+s.prices.single*s.open > s.limit {
		s.singly(items, true)
		return
	}
	s.work.halved += half
	left := s.part(items[:half])
	right := whole.without(left)
	if s.holds(left) {
		s.open -= half
		s.find(items[half:], right)
		return
	}
	if s.holds(right) {
		s.open -= len(items) - half
		s.find(items[:half], left)
		return
	}
	s.find(items[:half], left)
	s.find(items[half:], right)
}

func (s *search) holds(p part) bool {
	s.work.tries++
	return p.holds()
}

// singly checks items one by one. If one is known to be bad and all but the
// last are good, then it is that.
func (s *search) singly(items []*batchItem, bad bool) {
	s.open -= len(items)
	for i, it := range items {
		if bad && i == len(items)-1 {
			*it.verdict = ErrInvalidProof
			return
		}
		s.work.singles++
		*it.verdict = s.equation(it)
		bad = bad && *it.verdict == nil
	}
}
