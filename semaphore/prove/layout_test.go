package prove

import (
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// TestWireMap finds wireMap again without believing it: it computes every
// gadget's values in Go for many inputs, runs the official calculator on the
// same inputs, and looks up each value's history among the wires. A history
// that belongs to one wire only says where its block begins.
func TestWireMap(t *testing.T) {
	shallow, deep := 2, 5
	a, b := locate(t, shallow), locate(t, deep)
	for i, want := range wireMap {
		// Two depths give the size of every block: fixed + perLevel*depth.
		sizeA, sizeB := a[i+1]-a[i], b[i+1]-b[i]
		got := block{name: want.name, perLevel: (sizeB - sizeA) / (deep - shallow)}
		got.fixed = sizeA - got.perLevel*shallow
		if got != want {
			t.Errorf("block %d: found %+v, committed %+v", i, got, want)
		}
	}
}

// locate finds the first wire of every block, and the number of wires.
func locate(t *testing.T, depth int) (first [blocks + 1]int) {
	const runs = 48
	o, l, r := newOracle(t, depth), newLayout(depth), seeded(99)
	official := make([][]fr.Element, o.wires)
	ours := make([][]fr.Element, l.wires())
	for i := range runs {
		in := randomInputs(r, depth, i%(depth+1))
		if i%8 == 0 { // both highest bits, which few secrets have
			in.secret = lMinus1()
		}
		in.siblings = slices.Grow(in.siblings, depth)[:depth] // free beyond the length
		for k := in.length; k < depth; k++ {
			in.siblings[k] = randomElement(r)
		}
		w, err := o.solve(in)
		if err != nil {
			t.Fatal(err)
		}
		for k := range w {
			official[k] = append(official[k], w[k])
		}
		if w, err = l.solve(in); err != nil {
			t.Fatal(err)
		}
		for k := range w {
			ours[k] = append(ours[k], w[k])
		}
	}
	type history [runs]fr.Element
	wires := map[history][]int{}
	for k, h := range official {
		wires[history(h)] = append(wires[history(h)], k)
	}
	for b := range blocks {
		first[b] = -1
		for k, h := range ours[l.first[b]:l.first[b+1]] {
			at := wires[history(h)]
			if len(at) == 0 {
				t.Fatalf("depth %d: value %d of %q is no wire", depth, k, wireMap[b].name)
			}
			if len(at) > 1 {
				continue
			}
			if first[b] >= 0 && first[b] != at[0]-k {
				t.Fatalf("depth %d: value %d of %q is wire %d, out of line", depth, k, wireMap[b].name, at[0])
			}
			first[b] = at[0] - k
		}
		if first[b] < 0 {
			t.Fatalf("depth %d: %q has no value of its own", depth, wireMap[b].name)
		}
	}
	first[blocks] = o.wires
	return first
}
