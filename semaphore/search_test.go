package semaphore

import (
	"math"
	"math/rand/v2"
	"testing"
)

// knownChecker is a checker of statements whose depth says what they are.
type knownChecker struct{}

const (
	knownGood = iota
	knownFalse
	knownOutside
)

func (c knownChecker) whole(items []*batchItem) (part, bool) {
	for _, it := range items {
		if it.depth == knownOutside {
			return nil, false
		}
	}
	return c.part(items), true
}

func (knownChecker) exact(it *batchItem) error {
	if it.depth == knownOutside {
		return ErrPoint
	}
	return nil
}

func (knownChecker) equation(it *batchItem) error {
	if it.depth == knownFalse {
		return ErrInvalidProof
	}
	return nil
}

func (c knownChecker) part(items []*batchItem) part {
	bad := knownPart(0)
	for _, it := range items {
		if c.equation(it) != nil {
			bad++
		}
	}
	return bad
}

// knownPart is the number of bad proofs in it.
type knownPart int

func (p knownPart) holds() bool            { return p == 0 }
func (p knownPart) without(left part) part { return p - left.(knownPart) }

// searchKnown runs a search over statements known beforehand and fails on a
// wrong verdict.
func searchKnown(t testing.TB, p prices, kinds []int) batchWork {
	t.Helper()
	verdicts := make([]error, len(kinds))
	items := make([]*batchItem, len(kinds))
	for i, kind := range kinds {
		items[i] = &batchItem{statement: statement{depth: kind}, verdict: &verdicts[i]}
	}
	s := search{checker: knownChecker{}, prices: p}
	s.settle(items)
	for i, kind := range kinds {
		if want := []error{nil, ErrInvalidProof, ErrPoint}[kind]; verdicts[i] != want {
			t.Fatalf("%v: proof %d: %v, want %v", kinds, i, verdicts[i], want)
		}
	}
	return s.work
}

// TestSearchOfEveryPattern has all mixes of good, false and outside for small
// batches, and all of good and false for batches that are halved.
func TestSearchOfEveryPattern(t *testing.T) {
	for n := range 15 {
		base := 3
		if n > 7 {
			base = 2
		}
		kinds := make([]int, n)
		for more := true; more; {
			searchKnown(t, plainBatch{}.prices(), kinds)
			searchKnown(t, vectorBatch{}.prices(), kinds)
			more = false
			for i := range kinds { // count up
				if kinds[i]++; kinds[i] < base {
					more = true
					break
				}
				kinds[i] = 0
			}
		}
	}
}

// TestSearchIsBounded: no pattern of bad proofs costs more than patience says,
// and few of them cost little.
func TestSearchIsBounded(t *testing.T) {
	t.Run("plain", func(t *testing.T) { searchIsBounded(t, plainBatch{}.prices()) })
	t.Run("vectors", func(t *testing.T) { searchIsBounded(t, vectorBatch{}.prices()) })
}

func searchIsBounded(t *testing.T, p prices) {
	r := rand.New(rand.NewPCG(9, 9))
	worst := map[int]int{}
	for range 4000 {
		n := []int{16, 64, 100, 512}[r.IntN(4)]
		kinds := make([]int, n)
		for range 1 + int(math.Exp(r.Float64()*math.Log(float64(2*n)))) {
			kinds[r.IntN(n)] = knownFalse + r.IntN(20)/19
		}
		if r.IntN(5) == 0 {
			for i := range kinds {
				kinds[i] = knownFalse
			}
		}
		worst[n] = max(worst[n], searchKnown(t, p, kinds).units(p)/n)
	}
	t.Logf("hundredths of checking singly, at worst: %v", worst)
	for n, units := range worst {
		if units > p.patience {
			t.Errorf("of %d proofs: %d", n, units)
		}
	}
	for i := range 64 {
		kinds := make([]int, 64)
		kinds[i] = knownFalse
		if units := searchKnown(t, p, kinds).units(p); units > 90*64 {
			t.Errorf("proof %d of 64 is bad: %d units", i, units)
		}
	}
}
