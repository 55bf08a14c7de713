package main

// The 256-bit kernel: the same 8 rotations and 8 columns, which it takes as four
// parts: half a column wide and four columns long.
const (
	part        = 4
	narrowEntry = rotations
	narrowQuery = narrowEntry + part
	narrowTemp  = narrowQuery + 1
	narrowTemps = 3
	half        = column / 2
)

func (e *emitter) narrow() {
	e.arguments("window256", signature)
	for i := range rotations {
		e.op("VPXOR", y(i), y(i), y(i))
	}
	e.loops("narrow")
	turn := 0
	for from := 0; from < window; from += part {
		for side := range 2 {
			for i := range part {
				e.op("VMOVDQU", at(entryAt, column*(from+i)+half*side), y(narrowEntry+i))
			}
			for j := range rotations + part - 1 {
				e.op("VMOVDQU", at(queryAt, column*(from+j)+half*side), y(narrowQuery))
				for i := range part {
					if r := j - i; r >= 0 && r < rotations {
						t := y(narrowTemp + turn%narrowTemps)
						turn++
						e.op("VPMADDWD", y(narrowEntry+i), y(narrowQuery), t)
						e.op("VPADDD", t, y(r), y(r))
					}
				}
			}
		}
	}
	e.next("narrow")
	// Pairs of neighbours are added within each half register, twice: then two
	// registers have four sums in each of their halves.
	for n := rotations; n > 2; n /= 2 {
		for i := 0; i < n; i += 2 {
			e.op("VPHADDD", y(i+1), y(i), y(i/2))
		}
	}
	for i, low := range []string{"X0", "X1"} {
		e.op("VEXTRACTI128", "$1", y(i), "X15")
		e.op("VPADDD", "X15", low, "X14")
		e.op("VPADDD", at("DX", 16*i), "X14", "X14")
		e.op("VMOVDQU", "X14", at("DX", 16*i))
	}
	e.line("\tVZEROUPPER\n\tRET\n")
}

// combine puts the sums of Karatsuba's products together, eight rotations at a
// time: see partial in karatsuba.go.
func (e *emitter) combine() {
	const shared, odd = 0, 1
	e.line("// func combine256(p *partial, out *[32]uint32)")
	e.line("TEXT ·combine256(SB), NOSPLIT, $0-16")
	e.line("\tMOVQ p+0(FP), SI")
	e.line("\tMOVQ out+8(FP), DI")
	leaf := func(l int) string { return at("SI", 4*rotations*l) }
	e.op("VMOVDQU", leaf(0), y(shared))
	e.op("VPSUBD", leaf(2), y(shared), y(odd))
	e.op("VPADDD", leaf(1), y(shared), y(shared))
	for group, plan := range []struct {
		from      int
		plus, sub []int
	}{{shared, []int{3, 4, 9}, nil}, {odd, []int{3, 10}, []int{5}}, {shared, []int{11}, []int{6, 7}}, {odd, []int{8, 12}, []int{6}}} {
		from := y(plan.from)
		for _, l := range plan.plus {
			e.op("VPADDD", leaf(l), from, y(2+group))
			from = y(2 + group)
		}
		for _, l := range plan.sub {
			e.op("VPSUBD", leaf(l), from, from)
		}
		e.op("VMOVDQU", from, at("DI", 4*rotations*group))
	}
	e.line("\tVZEROUPPER\n\tRET\n")
}
