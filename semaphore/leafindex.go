package semaphore

import (
	"hash/maphash"
)

// leafIndex finds the position of a leaf: an open-addressed table with linear
// probing, at most two thirds full, 12 to 24 bytes a member, against about 60
// of a Go map. The keys are the leaves themselves. Members are chosen by
// others, so the hash is seeded per group.
type leafIndex struct {
	seed  maphash.Seed
	slots []leafSlot
	used  int
}

type leafSlot struct {
	tag  uint32 // hash of the leaf; its home follows from it
	next uint32 // position + 1; 0 for a free slot
}

func (x *leafIndex) tag(leaf Element) uint32 { return uint32(maphash.Bytes(x.seed, leaf[:])) }

func (x *leafIndex) home(tag uint32) int {
	return int(uint64(tag) * uint64(len(x.slots)) >> 32)
}

// slot gives the slot of leaf, or -1.
func (x *leafIndex) slot(leaves []Element, leaf Element) int {
	if x.used == 0 {
		return -1
	}
	tag := x.tag(leaf)
	for i := x.home(tag); ; i = (i + 1) % len(x.slots) {
		s := x.slots[i]
		if s.next == 0 {
			return -1
		}
		if s.tag == tag && leaves[s.next-1] == leaf {
			return i
		}
	}
}

// find gives the position of leaf, or -1.
func (x *leafIndex) find(leaves []Element, leaf Element) int {
	i := x.slot(leaves, leaf)
	if i < 0 {
		return -1
	}
	return int(x.slots[i].next) - 1
}

// put adds the leaf at position, which must not be there.
func (x *leafIndex) put(leaves []Element, position int) {
	if 3*(x.used+1) > 2*len(x.slots) {
		x.resize(max(16, 2*len(x.slots)))
	}
	x.insert(leafSlot{tag: x.tag(leaves[position]), next: uint32(position) + 1})
	x.used++
}

func (x *leafIndex) insert(s leafSlot) {
	i := x.home(s.tag)
	for x.slots[i].next != 0 {
		i = (i + 1) % len(x.slots)
	}
	x.slots[i] = s
}

// reserve makes room for n leaves at once.
func (x *leafIndex) reserve(n int) {
	if want := (3*n + 1) / 2; want > len(x.slots) {
		x.resize(want)
	}
}

func (x *leafIndex) resize(n int) {
	if x.slots == nil {
		x.seed = maphash.MakeSeed()
	}
	old := x.slots
	x.slots = make([]leafSlot, n)
	for _, s := range old {
		if s.next != 0 {
			x.insert(s)
		}
	}
}

// remove takes a leaf out and moves the ones behind it forward, so that no
// probe meets a gap (Knuth, TAOCP 6.4, algorithm R).
func (x *leafIndex) remove(leaves []Element, leaf Element) {
	gap := x.slot(leaves, leaf)
	if gap < 0 {
		return
	}
	x.used--
	n := len(x.slots)
	for i := (gap + 1) % n; x.slots[i].next != 0; i = (i + 1) % n {
		home := x.home(x.slots[i].tag)
		if (i-home+n)%n >= (i-gap+n)%n {
			x.slots[gap] = x.slots[i]
			gap = i
		}
	}
	x.slots[gap] = leafSlot{}
}
