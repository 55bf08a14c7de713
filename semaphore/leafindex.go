package semaphore

import (
	"hash/maphash"
	"math/bits"
)

// leafIndex finds the position of a leaf: an open-addressed table with linear
// probing, at most three quarters full, 7 to 10 bytes a member, against about
// 60 of a Go map. The keys are the leaves themselves. Members are chosen by
// others, so the hash is seeded per group.
type leafIndex struct {
	seed maphash.Seed
	// tags hold a byte of the hash, so that a probe seldom looks at a leaf; 0
	// is a free slot. A cache line has 64 of them.
	tags      []uint8
	positions []uint32
	used      int
}

// hash gives the first slot to try and the tag, from different bits.
func (x *leafIndex) hash(leaf Element) (home int, tag uint8) {
	h := maphash.Bytes(x.seed, leaf[:])
	hi, _ := bits.Mul64(h, uint64(len(x.tags)))
	return int(hi), uint8(h%255) + 1
}

func (x *leafIndex) next(i int) int {
	if i++; i == len(x.tags) {
		return 0
	}
	return i
}

// slot gives the slot of leaf and true, or the free slot where it belongs.
func (x *leafIndex) slot(leaves *nodes, leaf Element) (at int, tag uint8, found bool) {
	at, tag = x.hash(leaf)
	for ; x.tags[at] != 0; at = x.next(at) {
		if x.tags[at] == tag && leaves.at(int(x.positions[at])) == leaf {
			return at, tag, true
		}
	}
	return at, tag, false
}

// find gives the position of leaf, or -1.
func (x *leafIndex) find(leaves *nodes, leaf Element) int {
	if x.used == 0 {
		return -1
	}
	at, _, found := x.slot(leaves, leaf)
	if !found {
		return -1
	}
	return int(x.positions[at])
}

// put adds a leaf and reports whether it was new.
func (x *leafIndex) put(leaves *nodes, leaf Element, position int) bool {
	if 4*(x.used+1) > 3*len(x.tags) {
		x.resize(leaves, max(16, len(x.tags)+len(x.tags)/2))
	}
	at, tag, found := x.slot(leaves, leaf)
	if found {
		return false
	}
	x.tags[at], x.positions[at] = tag, uint32(position)
	x.used++
	return true
}

// reserve makes room for n leaves more at once.
func (x *leafIndex) reserve(leaves *nodes, n int) {
	if want := (4*(x.used+n) + 2) / 3; want > len(x.tags) && n > len(x.tags)/4 {
		x.resize(leaves, want)
	}
}

// resize moves everything to a table of n slots.
func (x *leafIndex) resize(leaves *nodes, n int) {
	if x.tags == nil {
		x.seed = maphash.MakeSeed()
	}
	tags, positions := x.tags, x.positions
	x.tags, x.positions = make([]uint8, n), make([]uint32, n)
	for i, tag := range tags {
		if tag == 0 {
			continue
		}
		at, _ := x.hash(leaves.at(int(positions[i])))
		for x.tags[at] != 0 {
			at = x.next(at)
		}
		x.tags[at], x.positions[at] = tag, positions[i]
	}
}

// remove takes a leaf out and moves the ones behind it forward, so that no
// probe meets a gap (Knuth, TAOCP 6.4, algorithm R).
func (x *leafIndex) remove(leaves *nodes, leaf Element) {
	if x.used == 0 {
		return
	}
	gap, _, found := x.slot(leaves, leaf)
	if !found {
		return
	}
	x.used--
	n := len(x.tags)
	for i := x.next(gap); x.tags[i] != 0; i = x.next(i) {
		home, _ := x.hash(leaves.at(int(x.positions[i])))
		if (i-home+n)%n >= (i-gap+n)%n {
			x.tags[gap], x.positions[gap] = x.tags[i], x.positions[i]
			gap = i
		}
	}
	x.tags[gap] = 0
}
