package main

import "fmt"

// The tile of the 512-bit kernel: four rotations of the query, loaded once each
// for two entries. Loads of the query cross cache lines and would bind it
// otherwise; sixteen sums are what the registers hold beside.
const (
	tile    = 4
	entries = 2
	units   = tile * entries
	entryAt = 2 * units // three registers of each entry
	queryAt = entryAt + 3*entries
	tempAt  = queryAt + 3
)

func (e *emitter) wide() {
	e.line("// func rotations512(query *uint64, plane int, a, b, nextA, nextB *uint64, registers int, out *counts)")
	e.line("TEXT ·rotations512(SB), NOSPLIT, $0-64")
	e.arguments()
	e.line("\tMOVQ a+16(FP), SI")
	e.line("\tMOVQ b+24(FP), DI")
	e.line("\tMOVQ nextA+32(FP), R13")
	e.line("\tMOVQ nextB+40(FP), R14")
	e.line("\tMOVQ registers+48(FP), R10")
	e.line("\tMOVQ out+56(FP), DX")
	e.line("\tSHLQ $6, R10")
	e.line("\tLEAQ (R10)(R10*1), R11")
	// As many tiles as there are planes prefetch a line of each next entry for
	// every register of this one: just all of them.
	e.tiles(planes, "ahead", true)
	e.tiles(rotations/tile-planes, "wide", false)
	e.tile(rotations%tile, "rest", false)
	e.line("\tVZEROUPPER\n\tRET\n")
}

// tiles loops over full tiles.
func (e *emitter) tiles(n int, label string, prefetch bool) {
	e.line("\tMOVQ $%d, R9", n)
	e.line("\n%s:", label)
	e.tile(tile, label+"Registers", prefetch)
	for _, r := range []string{"AX", "BX", "CX"} {
		e.line("\tADDQ $%d, %s", 4*tile, r)
	}
	e.line("\tADDQ $%d, DX", 8*units)
	e.line("\tDECQ R9")
	e.line("\tJNZ %s\n", label)
}

// tile counts for n rotations from the offset where AX, BX and CX stand, and
// stores at DX.
func (e *emitter) tile(n int, label string, prefetch bool) {
	for i := range 2 * units {
		e.op("VPXORQ", z(i), z(i), z(i))
	}
	e.line("\tXORQ R8, R8")
	e.line("\n%s:", label)
	for k, base := range []string{"SI", "DI"} {
		e.op("VMOVDQU64", fmt.Sprintf("(%s)(R8*1)", base), z(entryAt+3*k))
		e.line("\tLEAQ (%s)(R8*1), R12", base)
		e.op("VMOVDQU64", "(R12)(R10*1)", z(entryAt+3*k+1))
		e.op("VMOVDQU64", "(R12)(R11*1)", z(entryAt+3*k+2))
	}
	if prefetch {
		for _, r := range []string{"R13", "R14"} {
			e.line("\tPREFETCHT0 (%s)", r)
			e.line("\tADDQ $64, %s", r)
		}
	}
	for r := range n {
		for p, base := range []string{"AX", "BX", "CX"} {
			e.op("VMOVDQU64", fmt.Sprintf("%d(%s)(R8*1)", 4*r, base), z(queryAt+p))
		}
		for k := range entries {
			e.unit(r*entries+k, entryAt+3*k, k == entries-1)
		}
	}
	e.line("\tADDQ $64, R8")
	e.line("\tCMPQ R8, R10")
	e.line("\tJLT %s\n", label)
	e.sums()
}

// unit adds one register of one entry and one rotation to sums 2*u and 2*u+1.
// The last entry may use up the query's registers.
func (e *emitter) unit(u, entry int, last bool) {
	m, re, im := z(tempAt), z(tempAt+1), z(tempAt+2)
	if last {
		re, im = z(queryAt), z(queryAt+1)
	} else {
		e.op("VMOVDQA64", z(queryAt), re)
		e.op("VMOVDQA64", z(queryAt+1), im)
	}
	e.op("VPANDQ", z(queryAt+2), z(entry+2), m)
	// 0x28: (destination ^ second) & third.
	e.op("VPTERNLOGQ", "$0x28", m, z(entry), re)
	e.op("VPTERNLOGQ", "$0x28", m, z(entry+1), im)
	e.op("VPOPCNTQ", m, m)
	e.op("VPOPCNTQ", re, re)
	e.op("VPOPCNTQ", im, im)
	e.op("VPADDQ", m, z(2*u+1), z(2*u+1))
	e.op("VPADDQ", re, z(2*u), z(2*u))
	e.op("VPADDQ", im, z(2*u), z(2*u))
}

// sums packs every pair of sums into halves of its lanes, adds up the lanes of
// eight registers by transposing, and stores the eight words.
func (e *emitter) sums() {
	a, b := z(tempAt), z(tempAt+1)
	for u := range units {
		e.op("VPSLLQ", "$32", z(2*u+1), z(2*u+1))
		e.op("VPADDQ", z(2*u), z(2*u+1), z(u)) // u <= 2*u: not yet needed sums stay
	}
	for i := 0; i < units; i += 2 {
		e.op("VPUNPCKLQDQ", z(i+1), z(i), a)
		e.op("VPUNPCKHQDQ", z(i+1), z(i), b)
		e.op("VPADDQ", a, b, z(i/2))
	}
	for n := units / 2; n > 1; n /= 2 {
		for i := 0; i < n; i += 2 {
			e.op("VSHUFI64X2", "$0x88", z(i+1), z(i), a)
			e.op("VSHUFI64X2", "$0xdd", z(i+1), z(i), b)
			e.op("VPADDQ", a, b, z(i/2))
		}
	}
	e.op("VMOVDQU64", z(0), "(DX)")
}
