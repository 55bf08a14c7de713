package mpc_test

import (
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
)

// edges are numbers around every carry: no match below 0x8000, a match from there.
func edges() (no, yes []uint16) {
	no, yes = []uint16{0, 1, 2, 0x7ffe, 0x7fff}, []uint16{0x8000, 0x8001, 0xfffe, 0xffff}
	for k := range 15 {
		no = append(no, 1<<k, 1<<k-1, 0x7fff^1<<k)
		yes = append(yes, 0x8000|1<<k, 0xffff^1<<k)
	}
	return no, yes
}

// Each place where one number can match, alone, under both forms, decides as the
// person rule says: strangers stay strangers, one eye under the strict form is
// enough, both under the loose one must be of one orientation.
func TestRuleEdges(t *testing.T) {
	no, yes := edges()
	r := rand.New(rand.NewPCG(1, 1))
	sessions := newRoom(t).sessions(t, time.Minute, nil)
	number := sessions[0].First()
	pick := func(v []uint16) uint16 { return v[r.IntN(len(v))] }
	for trial := range 24 {
		adder := mpc.Adder(trial % 2)
		// 9 queries with one person each to hit, or none; 70 people are a word and some.
		const queries, people = 9, 70
		target := r.IntN(people)
		places := [queries][]int{}
		for q := range places {
			left, right := r.IntN(31), 31+r.IntN(31)
			places[q] = [][]int{
				nil, {left}, {right}, {left, right}, {62 + left, 62 + right}, {left, 62 + right}, {62 + left, right}, {124 + left}, {124 + 62 + right},
			}[q]
		}
		c := newCrowd(r, queries, people, func(q, p, form, k int) uint16 {
			for _, at := range places[q] {
				if p == target && at == 124*form+k {
					return pick(yes)
				}
			}
			return pick(no)
		})
		got := c.match(t, sessions, number, adder, nil)
		number++
		for q, known := range got {
			if want := []bool{false, false, false, true, true, false, false, true, true}[q]; known != want || c.known(q, target) != want {
				t.Errorf("trial %d, query %d (%v of person %d): %v", trial, q, places[q], target, known)
			}
		}
	}
}

// Random numbers in random crowds, whole and in part, equal the plain rule.
func TestEqualsPlain(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	sessions := newRoom(t).sessions(t, time.Minute, nil)
	number, hits := sessions[0].First(), 0
	for _, size := range [][2]int{{1, 1}, {1, 2}, {1, 63}, {1, 64}, {1, 65}, {3, 130}, {2, 200}, {33, 90}, {64, 65}} {
		queries, people := size[0], size[1]
		rare := uint32(people * 124 * 2)
		c := newCrowd(r, queries, people, func(int, int, int, int) uint16 {
			v := uint16(r.Uint32()) & 0x7fff
			if r.Uint32N(rare) == 0 {
				v |= 0x8000
			}
			return v
		})
		against := make([][]uint64, queries)
		for q := range against {
			for range (people + 63) / 64 {
				against[q] = append(against[q], r.Uint64()|r.Uint64())
			}
		}
		for _, only := range [][][]uint64{nil, against} {
			for _, adder := range []mpc.Adder{mpc.Prefix, mpc.Ripple} {
				got := c.match(t, sessions, number, adder, only)
				number++
				for q := range got {
					want := false
					for p := range people {
						want = want || (only == nil || only[q][p/64]>>(p%64)&1 == 1) && c.known(q, p)
					}
					if got[q] != want {
						t.Errorf("%d queries, %d people, query %d: %v", queries, people, q, got[q])
					}
					if want {
						hits++
					}
				}
			}
		}
	}
	if hits < 50 || hits > 350 {
		t.Errorf("%d hits: this test sees one side only", hits)
	}
}

// Every number modulo 2^16 is told by its highest bit, by both adders, and
// the two parts of it that one party has are noise.
func TestEveryNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	sessions := newRoom(t).sessions(t, time.Minute, nil)
	number := sessions[0].First()
	values := make([]uint16, 1<<16)
	for i := range values {
		values[i] = uint16(i)
	}
	shares := split(r, values)
	for _, adder := range []mpc.Adder{mpc.Prefix, mpc.Ripple} {
		var parts [3][]uint64
		must(t, three(func(i int) (err error) {
			parts[i], err = sessions[i].High(t.Context(), number, adder, shares[i])
			return err
		}))
		number++
		for i := range values {
			// Four numbers of a lane stand in four words (High).
			word, lane := i/256*4+i%4, i%256/4
			if got := (parts[0][word] ^ parts[1][word] ^ parts[2][word]) >> lane & 1; got != uint64(values[i]>>15) {
				t.Fatalf("adder %d: highest bit of %#04x is %d", adder, values[i], got)
			}
		}
		for i := range parts {
			ones := 0
			for w := range parts[i] {
				ones += bits.OnesCount64(parts[i][w] ^ parts[(i+1)%3][w])
			}
			if ones < 1<<15-800 || ones > 1<<15+800 { // 6 standard deviations
				t.Errorf("parts of parties %d and %d: %d ones", i, (i+1)%3, ones)
			}
		}
	}
}

// The rounds and bytes of biometrics.md section 5 for 300 thousand comparisons.
func TestRoundsAndBytes(t *testing.T) {
	const people = 2432 // 301,568 comparisons
	c := newCrowd(rand.New(rand.NewPCG(4, 4)), 1, people, func(int, int, int, int) uint16 { return 5 })
	for adder, want := range map[mpc.Adder]struct {
		rounds int
		bytes  float64
	}{mpc.Prefix: {27, 7.1}, mpc.Ripple: {37, 5.9}} {
		sessions := newRoom(t).sessions(t, time.Minute, nil)
		before := sessions[0].Sent()
		c.match(t, sessions, sessions[0].First(), adder, nil)
		per := float64(sessions[0].Sent()-before) / (people * 2 * dot.Comparisons)
		if got := sessions[0].Rounds(); got != want.rounds || per > want.bytes {
			t.Errorf("adder %d: %d rounds, %.3f bytes a form", adder, got, per)
		}
	}
}
