package semaphore

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/perhuman/perhuman/semaphore/internal/poseidon"
)

// span is a range of positions in a level, the end excluded.
type span struct{ from, to int }

// parallelNodes is how many nodes of a level make a piece of work for another
// goroutine: some milliseconds.
const parallelNodes = 2048

// rehash computes every node above the leaves in spans once, level by level.
// The spans are in order and may overlap.
func (t *tree) rehash(spans []span) {
	for level := 0; t.levels[level].n > 1; level++ {
		if level+1 == len(t.levels) {
			t.levels = append(t.levels, nodes{})
		}
		below, above := &t.levels[level], &t.levels[level+1]
		above.resize((below.n + 1) / 2)
		spans = parents(spans)
		total := 0
		for _, s := range spans {
			total += s.to - s.from
			for c := s.from >> chunkBits; c <= (s.to-1)>>chunkBits; c++ {
				above.own(c)
			}
		}
		t.hashed += hashSpans(below, above, spans, total)
	}
}

// parents gives the spans of the level above, merged. It writes over its
// argument.
func parents(spans []span) []span {
	out := spans[:0]
	for _, s := range spans {
		s.from, s.to = s.from/2, (s.to+1)/2
		if last := len(out) - 1; last >= 0 && s.from <= out[last].to {
			out[last].to = max(out[last].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// hashSpans computes the nodes of spans, on all processors when they are many,
// and gives the number of hashes it took. Different nodes may be written at
// once: their chunks are owned.
func hashSpans(below, above *nodes, spans []span, total int) (hashes int) {
	workers := total / parallelNodes
	if workers > 1 {
		workers = min(workers, runtime.GOMAXPROCS(0))
	}
	if workers < 2 {
		h := hasher{below: below, above: above}
		h.run(spans)
		return h.hashes
	}
	pieces := cut(spans, parallelNodes)
	var next, sum atomic.Int64
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			h := hasher{below: below, above: above}
			for {
				i := int(next.Add(1)) - 1
				if i >= len(pieces) {
					sum.Add(int64(h.hashes))
					return
				}
				h.run(pieces[i])
			}
		})
	}
	done.Wait()
	return int(sum.Load())
}

// cut divides spans into pieces of size nodes.
func cut(spans []span, size int) (pieces [][]span) {
	var piece []span
	room := size
	for _, s := range spans {
		for s.from < s.to {
			n := min(room, s.to-s.from)
			piece = append(piece, span{s.from, s.from + n})
			s.from += n
			if room -= n; room == 0 {
				pieces, piece, room = append(pieces, piece), nil, size
			}
		}
	}
	if piece != nil {
		pieces = append(pieces, piece)
	}
	return pieces
}

// hasher collects the children of nodes until there are enough to be hashed
// side by side.
type hasher struct {
	below, above *nodes
	n, hashes    int
	at           [poseidon.BulkSize]int
	left, right  [poseidon.BulkSize]fr.Element
	out          [poseidon.BulkSize]fr.Element
}

func (h *hasher) run(spans []span) {
	for _, s := range spans {
		for i := s.from; i < s.to; i++ {
			if 2*i+1 == h.below.n { // no sibling
				h.above.put(i, h.below.at(2*i))
				continue
			}
			l, r := h.below.at(2*i), h.below.at(2*i+1)
			h.left[h.n].SetBytes(l[:])
			h.right[h.n].SetBytes(r[:])
			h.at[h.n] = i
			if h.n++; h.n == len(h.at) {
				h.flush()
			}
		}
	}
	h.flush()
}

func (h *hasher) flush() {
	poseidon.HashPairs(h.out[:h.n], h.left[:h.n], h.right[:h.n])
	for i := range h.n {
		h.above.put(h.at[i], fromFr(&h.out[i]))
	}
	h.hashes += h.n
	h.n = 0
}
