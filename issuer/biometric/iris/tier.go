package iris

// tier is a way of comparing. All give the same counts.
type tier int

const (
	pureGo tier = iota
	avx2        // nibble tables
	avx512      // VPOPCNTDQ
)

func (t tier) String() string { return [...]string{"pure Go", "AVX2", "AVX-512 VPOPCNTDQ"}[t] }

// Kernel names how this processor compares codes: "AVX-512 VPOPCNTDQ", "AVX2"
// or "pure Go". All give the same distances.
func Kernel() string { return bestTier().String() }
