package mpc_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
)

// find runs the search at three parties, which must agree.
func (c *crowd) find(t testing.TB, s [3]*mpc.Session, number uint64, against [][]uint64) (int, bool) {
	t.Helper()
	var places [3]int
	var known [3]bool
	must(t, three(func(i int) (err error) {
		places[i], known[i], err = s[i].Find(t.Context(), number, c.job(i, mpc.Prefix, against))
		return err
	}))
	for i := range places {
		if places[i] != places[0] || known[i] != known[0] {
			t.Fatal("the parties do not agree")
		}
	}
	return places[0], known[0]
}

// The lowest of those that match is found wherever it is, and nobody else; who is
// not compared is not found.
func TestFind(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 41))
	sessions := newRoom(t).sessions(t, time.Minute, nil)
	number := sessions[0].First()
	for _, people := range []int{1, 2, 63, 64, 65, 130, 300, 449} {
		for _, others := range []int{0, 1, 5} {
			hit := map[int]bool{}
			lowest := people
			for range others {
				at := r.IntN(people)
				hit[at] = true
				lowest = min(lowest, at)
			}
			if others == 1 { // the ends
				clear(hit)
				lowest = people - 1
				hit[lowest] = true
			}
			c := newCrowd(r, 1, people, func(_, p, form, k int) uint16 {
				if hit[p] && form == 1 && k == p%dot.Comparisons {
					return 0x8000
				}
				return 9
			})
			place, known := c.find(t, sessions, number, nil)
			number++
			if known != (others > 0) || known && place != lowest {
				t.Errorf("%d people, hits %v: %d, %v", people, hit, place, known)
			}
			if len(hit) != 1 {
				continue
			}
			// Without that one.
			against := [][]uint64{make([]uint64, (people+63)/64)}
			for p := range people {
				if !hit[p] {
					against[0][p/64] |= 1 << (p % 64)
				}
			}
			if _, known := c.find(t, sessions, number, against); known {
				t.Errorf("%d people: somebody who is not compared is found", people)
			}
			number++
		}
	}
}

// A search takes the rounds that its documentation says, and opens one bit if
// nobody matches.
func TestFindRounds(t *testing.T) {
	for _, value := range []uint16{1, 0x8000} {
		c := newCrowd(rand.New(rand.NewPCG(42, 42)), 1, 256, func(int, int, int, int) uint16 { return value })
		sessions := newRoom(t).sessions(t, time.Minute, nil)
		c.find(t, sessions, sessions[0].First(), nil)
		// 14 to the hits, 6 over lanes, 2 over words, 1 to open, and downwards 2 and 6.
		want := 14 + 6 + 2 + 1
		if value == 0x8000 {
			want += 2 + 6
		}
		if got := sessions[0].Rounds(); got != want {
			t.Errorf("value %#x: %d rounds, not %d", value, got, want)
		}
	}
}
