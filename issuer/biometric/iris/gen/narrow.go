package main

import "fmt"

// The 256-bit kernel counts bits by a table of nibbles, as Mula, Kurz and Lemire
// do ("Faster population counts using AVX2 instructions", 2016). Counts of a
// pair of registers fit bytes: at most 2*2*8.
const (
	table, nibbles = 0, 1
	diffs, commons = 2, 3
	diffBytes      = 4
	commonBytes    = 5
	plane0         = 6 // re, im, mask
	low, high      = 9, 10
	zero           = 11
)

func (e *emitter) narrow() {
	for i := range 4 {
		e.line("DATA counts<>+%d(SB)/8, $0x%016x", 8*i, [2]uint64{0x0302020102010100, 0x0403030203020201}[i%2])
	}
	e.line("GLOBL counts<>(SB), RODATA|NOPTR, $32")
	e.line("DATA nibbles<>+0(SB)/8, $0x0f0f0f0f0f0f0f0f")
	e.line("GLOBL nibbles<>(SB), RODATA|NOPTR, $8\n")
	e.line("// func rotations2(query *uint64, plane int, e *uint64, registers int, out *uint64)")
	e.line("TEXT ·rotations2(SB), NOSPLIT, $0-40")
	e.arguments()
	e.line("\tMOVQ e+16(FP), SI")
	e.line("\tMOVQ registers+24(FP), R10")
	e.line("\tMOVQ out+32(FP), DX")
	e.line("\tSHLQ $6, R10")
	e.line("\tLEAQ (SI)(R10*1), DI")
	e.line("\tLEAQ (DI)(R10*1), R11")
	e.line("\tMOVQ $%d, R9", rotations)
	e.op("VMOVDQU", "counts<>(SB)", y(table))
	e.op("VPBROADCASTQ", "nibbles<>(SB)", y(nibbles))
	e.op("VPXOR", y(zero), y(zero), y(zero))
	e.line("\nrotation:")
	e.op("VPXOR", y(diffs), y(diffs), y(diffs))
	e.op("VPXOR", y(commons), y(commons), y(commons))
	e.line("\tXORQ R8, R8")
	e.line("\nregister:")
	for i := range 2 {
		e.half(32*i, i == 0)
	}
	e.op("VPSADBW", y(zero), y(diffBytes), y(diffBytes))
	e.op("VPSADBW", y(zero), y(commonBytes), y(commonBytes))
	e.op("VPADDQ", y(diffBytes), y(diffs), y(diffs))
	e.op("VPADDQ", y(commonBytes), y(commons), y(commons))
	e.line("\tADDQ $64, R8")
	e.line("\tCMPQ R8, R10")
	e.line("\tJLT register\n")
	e.op("VPSLLQ", "$32", y(commons), y(commons))
	e.op("VPADDQ", y(commons), y(diffs), y(diffs))
	e.op("VEXTRACTI128", "$1", y(diffs), "X3")
	e.op("VPADDQ", "X2", "X3", "X2")
	e.op("VPSRLDQ", "$8", "X2", "X3")
	e.op("VPADDQ", "X2", "X3", "X2")
	e.op("VMOVQ", "X2", "(DX)")
	for _, r := range []string{"AX", "BX", "CX"} {
		e.line("\tADDQ $4, %s", r)
	}
	e.line("\tADDQ $16, DX")
	e.line("\tDECQ R9")
	e.line("\tJNZ rotation")
	e.line("\tVZEROUPPER\n\tRET")
}

// half counts 32 bytes at an offset; the first of a pair begins the counts.
func (e *emitter) half(off int, first bool) {
	m := y(plane0 + 2)
	e.op("VMOVDQU", fmt.Sprintf("%d(CX)(R8*1)", off), m)
	e.op("VPAND", fmt.Sprintf("%d(R11)(R8*1)", off), m, m)
	for p, at := range [][2]string{{"AX", "SI"}, {"BX", "DI"}} {
		e.op("VMOVDQU", fmt.Sprintf("%d(%s)(R8*1)", off, at[0]), y(plane0+p))
		e.op("VPXOR", fmt.Sprintf("%d(%s)(R8*1)", off, at[1]), y(plane0+p), y(plane0+p))
		e.op("VPAND", m, y(plane0+p), y(plane0+p))
	}
	e.count(plane0, diffBytes, first)
	e.count(plane0+1, diffBytes, false)
	e.count(plane0+2, commonBytes, first)
}

// count adds the bits of each byte of x to the bytes of sum.
func (e *emitter) count(x, sum int, first bool) {
	e.op("VPAND", y(nibbles), y(x), y(low))
	e.op("VPSRLW", "$4", y(x), y(high))
	e.op("VPAND", y(nibbles), y(high), y(high))
	e.op("VPSHUFB", y(low), y(table), y(low))
	if first {
		e.op("VPSHUFB", y(high), y(table), y(sum))
	} else {
		e.op("VPSHUFB", y(high), y(table), y(high))
		e.op("VPADDB", y(high), y(sum), y(sum))
	}
	e.op("VPADDB", y(low), y(sum), y(sum))
}
