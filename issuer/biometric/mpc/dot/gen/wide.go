package main

import (
	"fmt"
	"strings"
)

// The 512-bit kernel: sums of 8 rotations, 8 columns of the entry, and columns
// of the query that come and go: 15 of those give 64 multiply-adds of 32 words.
const (
	rotations   = 8
	window      = 8
	wideEntry   = rotations
	wideQuery   = wideEntry + window
	wideQueries = 16 // registers that columns of the query take in turn
)

// arguments loads what all kernels are given.
func (e *emitter) arguments(name, signature string) {
	e.line("// func %s(%s)", name, signature)
	e.line("TEXT ·%s(SB), NOSPLIT, $0-%d", name, 8*len(strings.Split(signature, ",")))
	for i, a := range strings.Split(signature, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(a), " ")
		if name == "planes" { // counted where it lies
			continue
		}
		e.line("\tMOVQ %s+%d(FP), %s", name, 8*i, map[string]string{
			"query": "AX", "entry": "BX", "windows": "R8", "queryStep": "R13", "entryStep": "R14",
			"queryPlane": "R10", "entryPlane": "R11", "ahead": "R12", "aheadStep": "R15", "out": "DX",
		}[name])
	}
}

// The registers that walk through the query and the entry.
const (
	queryAt   = "SI"
	entryAt   = "DI"
	signature = "query, entry *uint16, windows, queryStep, entryStep, planes, queryPlane, entryPlane int, ahead *uint16, aheadStep int, out *[8]uint32"
)

// loops begins the loops over planes and windows, and next ends them.
func (e *emitter) loops(name string) {
	e.line("\n%sPlane:", name)
	e.line("\tMOVQ AX, SI")
	e.line("\tMOVQ BX, DI")
	e.line("\tMOVQ R8, CX")
	e.line("\n%sWindow:", name)
	// What is compared next comes into the second-level cache meanwhile.
	for i := range 4 {
		e.op("PREFETCHT1", at("R12", column*i))
	}
}

func (e *emitter) next(name string) {
	e.nextWindow(name)
	e.line("\tDECQ planes+40(FP)")
	e.line("\tJNZ %sPlane\n", name)
}

func (e *emitter) nextWindow(name string) {
	e.line("\tADDQ R13, SI")
	e.line("\tADDQ R14, DI")
	e.line("\tADDQ R15, R12")
	e.line("\tDECQ CX")
	e.line("\tJNZ %sWindow", name)
	e.line("\tADDQ R10, AX")
	e.line("\tADDQ R11, BX")
}

func (e *emitter) wide() {
	e.arguments("window512", signature)
	for i := range rotations {
		e.op("VPXORD", z(i), z(i), z(i))
	}
	e.loops("wide")
	for i := range window {
		e.op("VMOVDQU64", at(entryAt, column*i), z(wideEntry+i))
	}
	for j := range rotations + window - 1 {
		q := z(wideQuery + j%wideQueries)
		e.op("VMOVDQU64", at(queryAt, column*j), q)
		for i := range window {
			if r := j - i; r >= 0 && r < rotations {
				e.op("VPDPWSSD", z(wideEntry+i), q, z(r))
			}
		}
	}
	e.next("wide")
	e.wideSums(0, wideEntry)
	e.line("\tVZEROUPPER\n\tRET\n")
}

// folded is the same by a third turn of Karatsuba's method, in registers: with
// the entry's columns v and w, four each, and T as in karatsuba.go,
//
//	y_0 = T_1*(v+w) + (T_0-T_1)*v
//	y_1 = T_1*(v+w) + (T_2-T_1)*w
//
// 18 columns, 7 of T_1 and 11 of differences, give 48 multiply-adds.
func (e *emitter) folded() {
	const (
		part           = window / 2
		both, one, two = 0, part, 2 * part // sums of T_1, T_0-T_1 and T_1-T_2
		v              = 3 * part
		w              = v + part
		sum            = w + part
		query          = sum + part
		queries        = 32 - query
	)
	e.tileArguments()
	e.line("\nfoldedEntry:")
	e.line("\tMOVQ entries+8(FP), R9\n\tMOVQ (R9), BX\n\tADDQ $8, R9\n\tMOVQ R9, entries+8(FP)")
	e.line("\tMOVQ ahead+16(FP), R9\n\tMOVQ (R9), R12\n\tADDQ $8, R9\n\tMOVQ R9, ahead+16(FP)")
	e.line("\tMOVQ query+0(FP), AX")
	e.line("\tMOVQ planes+56(FP), R9")
	for i := range 3 * part {
		e.op("VPXORD", z(i), z(i), z(i))
	}
	e.loops("folded")
	for i := range window {
		e.op("VMOVDQU64", at(entryAt, column*i), z(v+i))
	}
	for i := range part {
		e.op("VPADDW", z(v+i), z(w+i), z(sum+i))
	}
	turn := 0
	load := func(operand string) string {
		q := z(query + turn%queries)
		turn++
		e.op("VMOVDQU64", operand, q)
		return q
	}
	meet := func(q string, j, columns, to int) {
		for i := range part {
			if r := j - i; r >= 0 && r < part {
				e.op("VPDPWSSD", z(columns+i), q, z(to+r))
			}
		}
	}
	for j := range 2*part - 1 {
		meet(load(at(queryAt, column*j)), j, sum, both)
	}
	for j := range 3*part - 1 {
		q := load(at(queryAt, column*(2*part-1+j)))
		meet(q, j, v, one)
		meet(q, j-part, w, two)
	}
	e.nextWindow("folded")
	e.line("\tDECQ R9")
	e.line("\tJNZ foldedPlane\n")
	for i := range part {
		e.op("VPADDD", z(both+i), z(one+i), z(one+i))
		e.op("VPSUBD", z(two+i), z(both+i), z(two+i))
	}
	e.wideSums(one, two+part)
	e.line("\tADDQ outStep+96(FP), DX")
	e.line("\tDECQ n+24(FP)")
	e.line("\tJNZ foldedEntry\n")
	e.line("\tVZEROUPPER\n\tRET\n")
}

// tileArguments loads what the folded kernel is given: n entries one after the
// other, so that what a call costs is paid once for them.
func (e *emitter) tileArguments() {
	e.line("// func folded512(query *uint16, entries, ahead *[tile]*uint16, n, windows, queryStep, entryStep, planes, queryPlane, entryPlane, aheadStep int, out *[8]uint32, outStep int)")
	e.line("TEXT ·folded512(SB), NOSPLIT, $0-104")
	for _, a := range []struct{ argument, register string }{
		{"windows+32", "R8"}, {"queryStep+40", "R13"}, {"entryStep+48", "R14"},
		{"queryPlane+64", "R10"}, {"entryPlane+72", "R11"}, {"aheadStep+80", "R15"}, {"out+88", "DX"},
	} {
		e.line("\tMOVQ %s(FP), %s", a.argument, a.register)
	}
}

// wideSums adds up the lanes of eight registers, from one on, by transposing
// them, and adds the sums to out, in order. It uses eight registers from temp on.
func (e *emitter) wideSums(first, temp int) {
	from := make([]string, rotations)
	for i := range from {
		from[i] = z(first + i)
	}
	for level, pair := range [][2]string{{"VPUNPCKLDQ", "VPUNPCKHDQ"}, {"VPUNPCKLQDQ", "VPUNPCKHQDQ"}} {
		var to []string
		for i := 0; i < len(from); i += 2 {
			base := [2]int{temp, first}[level]
			a, b := z(base+i), z(base+i+1)
			e.op(pair[0], from[i+1], from[i], a)
			e.op(pair[1], from[i+1], from[i], b)
			e.op("VPADDD", a, b, a)
			to = append(to, a)
		}
		from = to
	}
	// One has sums 0 to 3 in each of its quarters, the other one the others.
	a, b := z(temp), z(temp+1)
	e.op("VSHUFI64X2", "$0x88", from[1], from[0], a)
	e.op("VSHUFI64X2", "$0xdd", from[1], from[0], b)
	e.op("VPADDD", a, b, "Z0")
	e.op("VSHUFI64X2", "$0xd8", "Z0", "Z0", "Z0") // quarters 0, 2, 1, 3
	e.op("VEXTRACTI64X4", "$1", "Z0", "Y1")
	e.op("VPADDD", "Y1", "Y0", "Y0")
	e.op("VPADDD", "(DX)", "Y0", "Y0")
	e.op("VMOVDQU", "Y0", "(DX)")
}

// sums adds up quarters of blocks of 32 columns, for Karatsuba's method.
func (e *emitter) sums(name, move string, size int, reg func(int) string) {
	e.line("// func %s(entry, out *uint16, blocks, apart int)", name)
	e.line("TEXT ·%s(SB), NOSPLIT, $0-32", name)
	e.line("\tMOVQ entry+0(FP), SI")
	e.line("\tMOVQ out+8(FP), DI")
	e.line("\tMOVQ blocks+16(FP), CX")
	e.line("\tMOVQ apart+24(FP), R8")
	e.line("\tLEAQ (R8)(R8*2), R9")
	e.line("\n%s:", name+"Block")
	for off := 0; off < window*column; off += size {
		r := 8 * (off / size % 2)
		for k := range 4 {
			e.op(move, at("SI", off+k*window*column), reg(r+k))
		}
		add := func(a, b, to int, where string) {
			e.op("VPADDW", reg(r+a), reg(r+b), reg(r+to))
			e.op(move, reg(r+to), where)
		}
		add(0, 2, 4, fmt.Sprintf("%d(DI)(R8*1)", off))
		add(1, 3, 5, fmt.Sprintf("%d(DI)(R8*2)", off))
		add(0, 1, 6, fmt.Sprintf("%d(DI)(R9*1)", off))
		add(2, 3, 7, fmt.Sprintf("%d(DI)(R8*4)", off))
		add(4, 5, 4, fmt.Sprintf("%d(DI)", off))
	}
	e.line("\tADDQ $%d, SI", 4*window*column)
	e.line("\tADDQ $%d, DI", window*column)
	e.line("\tDECQ CX")
	e.line("\tJNZ %s", name+"Block")
	e.line("\tVZEROUPPER\n\tRET\n")
}

// peak is what the kernel is measured against: the same multiply-adds, and
// nothing else.
func (e *emitter) peak() {
	e.line("// func peak512(rounds int)")
	e.line("TEXT ·peak512(SB), NOSPLIT, $0-8")
	e.line("\tMOVQ rounds+0(FP), CX")
	for i := range 32 {
		e.op("VPXORD", z(i), z(i), z(i))
	}
	e.line("\npeak:")
	for i := range 2 * window * rotations {
		e.op("VPDPWSSD", z(16+i%8), z(24+i%8), z(i%16))
	}
	e.line("\tDECQ CX")
	e.line("\tJNZ peak")
	e.line("\tVZEROUPPER\n\tRET")
}
