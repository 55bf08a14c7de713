package semaphore

import (
	"github.com/consensys/gnark-crypto/ecc/bn254"

	"github.com/perhuman/perhuman/semaphore/internal/pairing8"
)

// newFixedLanes brings lines into lanes.
func newFixedLanes(lines *[2][66]bn254.LineEvaluationAff) (out []pairing8.FixedLine) {
	put := func(i int) {
		for k := range lines {
			if k == 1 && i < 65 && bn254.LoopCounter[i] == 0 {
				return
			}
			var l pairing8.FixedLine
			l.Set(&lines[k][i].R0, &lines[k][i].R1)
			out = append(out, l)
		}
	}
	for i := 64; i >= 0; i-- {
		put(i)
	}
	put(65)
	return out
}

// millerLanes is millerLoop for at most one moving pair, with the accumulator in
// vector registers: its six coefficients are multiplied side by side. The moving
// pair is walked as there.
func millerLanes(moving *movingPair, fixed []fixedPair) (f bn254.E12, inG2 bool) {
	var acc pairing8.Accumulator
	acc.SetOne()
	var room [4]pairing8.Place
	places := room[:0]
	for i := range fixed {
		var p pairing8.Place
		p.Set(&fixed[i].u, &fixed[i].v)
		places = append(places, p)
	}
	used := 0 // lines of each fixed point
	put := func(n int, lines *[2]line) {
		for k := range n {
			if l := &lines[k]; moving != nil {
				acc.Line(&l.c0, &l.c3, &l.c4)
			}
			for j := range fixed {
				acc.Fixed(&fixed[j].lines.lanes[used], &places[j])
			}
			used++
		}
	}
	const first = len(bn254.LoopCounter) - 2
	var lines [2]line
	for i := first; i >= 0; i-- {
		if i < first {
			acc.Square()
		}
		digit := bn254.LoopCounter[i]
		n := 1
		if digit != 0 {
			n = 2
		}
		if moving != nil {
			lines[0] = moving.tangent()
			if digit != 0 {
				lines[1] = moving.digit(digit)
			}
		}
		put(n, &lines)
	}
	inG2 = true
	if moving != nil {
		lines[0], lines[1], inG2 = moving.end()
	}
	put(2, &lines)
	return acc.Value(), inG2
}
