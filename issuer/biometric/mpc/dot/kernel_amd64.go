//go:build amd64 && !purego

package dot

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate go run ./gen

// bestTier gives the fastest tier that this processor has.
func bestTier() tier {
	switch x := &cpu.X86; {
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VNNI:
		return avx512
	case x.HasAVX2:
		return avx2
	}
	return pureGo
}

// leaf adds leaf l of one plane, or of several, for one query and n entries:
// modulo 2^16, over a query that has been laid out for it (Query.unfold). It
// fetches from ahead meanwhile. n is at least 1. AVX-512 has the registers for another turn of
// Karatsuba's method.
func (t tier) leaf(query *uint16, entries, ahead *[tile]*uint16, n int, s *steps, aheadStep int, partials []partial, l int) {
	if t == avx512 {
		folded512(query, entries, ahead, n, s.windows, s.query, s.entry, s.planes, s.queryPlane, s.entryPlane, aheadStep, &partials[0][l], int(unsafe.Sizeof(partial{})))
		return
	}
	for k := range n {
		window256(query, entries[k], s.windows, s.query, s.entry, s.planes, s.queryPlane, s.entryPlane, ahead[k], aheadStep, &partials[k][l])
	}
}

// window adds to out the sums of 8 rotations, the one where query stands and those
// after it, over windows of 8 columns of the entry in each of planes.
func (t tier) window(query, entry []uint16, s *steps, ahead *uint16, aheadStep int, out *[8]uint32) {
	if t == avx512 {
		window512(&query[0], &entry[0], s.windows, s.query, s.entry, s.planes, s.queryPlane, s.entryPlane, ahead, aheadStep, out)
		return
	}
	window256(&query[0], &entry[0], s.windows, s.query, s.entry, s.planes, s.queryPlane, s.entryPlane, ahead, aheadStep, out)
}

// sums adds up quarters of each block of 32 columns: at out all four, and then,
// apart bytes from one another, 0+2, 1+3, 0+1 and 2+3.
func (t tier) sums(entry, out []uint16, blocks, apart int) {
	if t == avx512 {
		sums512(&entry[0], &out[0], blocks, apart)
		return
	}
	sums256(&entry[0], &out[0], blocks, apart)
}

//go:noescape
func window512(query, entry *uint16, windows, queryStep, entryStep, planes, queryPlane, entryPlane int, ahead *uint16, aheadStep int, out *[8]uint32)

//go:noescape
func folded512(query *uint16, entries, ahead *[tile]*uint16, n, windows, queryStep, entryStep, planes, queryPlane, entryPlane, aheadStep int, out *[8]uint32, outStep int)

//go:noescape
func window256(query, entry *uint16, windows, queryStep, entryStep, planes, queryPlane, entryPlane int, ahead *uint16, aheadStep int, out *[8]uint32)

//go:noescape
func sums512(entry, out *uint16, blocks, apart int)

//go:noescape
func sums256(entry, out *uint16, blocks, apart int)

// combine256 puts the sums of the leaves together (partial).
//
//go:noescape
func combine256(p *partial, out *[turnCount]uint32)

// combine gives the sums of all 32 rotations.
func (p *partial) combine(out *[turnCount]uint32) { combine256(p, out) }

// peak512 does 128 multiply-adds of registers a round.
func peak512(rounds int)
