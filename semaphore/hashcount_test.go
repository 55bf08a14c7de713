package semaphore

import (
	"math/rand/v2"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// above counts the inner nodes with two children that lie over some leaves of a
// tree of a size: what a change of these leaves has to hash.
func above(leaves map[int]bool, size int) (hashes int) {
	for size > 1 {
		up := map[int]bool{}
		for at := range leaves {
			if up[at/2] {
				continue
			}
			up[at/2] = true
			if at|1 < size {
				hashes++
			}
		}
		leaves, size = up, (size+1)/2
	}
	return hashes
}

// TestEachNodeIsHashedOnce counts the hashes of batches of every kind.
func TestEachNodeIsHashedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	leaves := someLeaves(0, 40_000)
	next := func(n int) (out []Element) { out, leaves = leaves[:n], leaves[n:]; return out }
	g := new(Group)
	for _, n := range []int{1, 1, 2, 7, 64, 65, 500, 9000, 1} { // 9000: on several processors
		before, touched := g.hashed, map[int]bool{}
		for i := range n {
			touched[g.Size()+i] = true
		}
		if err := g.AddMany(next(n)); err != nil {
			t.Fatal(err)
		}
		if got, want := g.hashed-before, above(touched, g.Size()); got != want {
			t.Errorf("%d new of %d: %d hashes, want %d", n, g.Size(), got, want)
		}
	}
	for _, n := range []int{1, 2, 3, 50, 700, 6000} {
		before, touched := g.hashed, map[int]bool{}
		var changes []Replacement
		fresh := next(n)
		for i, at := range r.Perm(g.Size())[:n] {
			if g.Member(at).IsZero() {
				continue
			}
			touched[at] = true
			m := fresh[i]
			if i%4 == 3 {
				m = Element{}
			}
			changes = append(changes, Replacement{at, m})
		}
		if err := g.UpdateMany(changes); err != nil {
			t.Fatal(err)
		}
		if got, want := g.hashed-before, above(touched, g.Size()); got != want {
			t.Errorf("%d changes: %d hashes, want %d", n, got, want)
		}
	}
	if err := g.Check(); err != nil {
		t.Error(err)
	}
	before := g.hashed
	if err := g.Update(0, next(1)[0]); err != nil || g.hashed-before > g.Depth() {
		t.Errorf("one change: %d hashes, %v", g.hashed-before, err)
	}
}

func TestModulus(t *testing.T) {
	if modulus != string(fr.Modulus().FillBytes(make([]byte, 32))) {
		t.Error("not the order of the field")
	}
}
