package dot

import "unsafe"

// tier is a way of computing. All give the same sums.
type tier int

const (
	pureGo tier = iota // two products in a multiplication
	avx2               // VPMADDWD
	avx512             // VPDPWSSD of AVX-512 VNNI
)

func (t tier) String() string { return [...]string{"pure Go", "AVX2", "AVX-512 VNNI"}[t] }

// Kernel names how this processor computes dot products: "AVX-512 VNNI", "AVX2"
// or "pure Go". All give the same sums.
func Kernel() string { return bestTier().String() }

// aligned gives n zero words that begin on a cache line, so that a column is
// one line.
func aligned(n int) []uint16 {
	const line = 64
	all := make([]uint16, n+line/2)
	past := int(uintptr(unsafe.Pointer(&all[0])) % line) // #nosec G103 -- only the address is looked at
	return all[(line-past)%line/2:][:n:n]                // both are even
}
