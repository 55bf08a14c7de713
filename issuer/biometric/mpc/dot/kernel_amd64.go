//go:build amd64 && !purego

package dot

import "golang.org/x/sys/cpu"

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

// folded is window modulo 2^16, over a query that has been laid out for it
// (Query.unfold). AVX-512 has the registers for another turn of Karatsuba's
// method.
func (t tier) folded(query, entry []uint16, s *steps, ahead *uint16, aheadStep int, out *[8]uint32) {
	if t == avx512 {
		folded512(&query[0], &entry[0], s.windows, s.query, s.entry, s.planes, s.queryPlane, s.entryPlane, ahead, aheadStep, out)
		return
	}
	t.window(query, entry, s, ahead, aheadStep, out)
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
func folded512(query, entry *uint16, windows, queryStep, entryStep, planes, queryPlane, entryPlane int, ahead *uint16, aheadStep int, out *[8]uint32)

//go:noescape
func window256(query, entry *uint16, windows, queryStep, entryStep, planes, queryPlane, entryPlane int, ahead *uint16, aheadStep int, out *[8]uint32)

//go:noescape
func sums512(entry, out *uint16, blocks, apart int)

//go:noescape
func sums256(entry, out *uint16, blocks, apart int)

// peak512 does 128 multiply-adds of registers a round.
func peak512(rounds int)
