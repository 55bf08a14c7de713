//go:build amd64 && !purego

package iris

import "golang.org/x/sys/cpu"

//go:generate go run ./gen

// bestTier gives the fastest tier that this processor has.
func bestTier() tier {
	switch x := &cpu.X86; {
	case x.HasAVX512F && x.HasAVX512VPOPCNTDQ:
		return avx512
	case x.HasAVX2:
		return avx2
	}
	return pureGo
}

// kernel counts for a and, if n is 2, b. What comes next is fetched meanwhile;
// it has the shape of a and b.
func (q *Query) kernel(a, b, nextA, nextB Template, n int, out *counts) {
	registers := len(a.words) / (planes * 8)
	if q.tier == avx512 {
		rotations512(&q.words[0][0], 8*q.length, &a.words[0], &b.words[0], &nextA.words[0], &nextB.words[0], registers, out)
		return
	}
	rotations2(&q.words[0][0], 8*q.length, &a.words[0], registers, &out[0])
	if n == 2 {
		rotations2(&q.words[0][0], 8*q.length, &b.words[0], registers, &out[1])
	}
}

// rotations512 counts for two entries. plane is the distance of the query's
// planes in bytes, registers the length of the entries' in units of 64 bytes.
//
//go:noescape
func rotations512(query *uint64, plane int, a, b, nextA, nextB *uint64, registers int, out *counts)

// rotations2 counts for one entry, with 256-bit registers, and fills every
// second word from out on.
//
//go:noescape
func rotations2(query *uint64, plane int, e *uint64, registers int, out *uint64)
