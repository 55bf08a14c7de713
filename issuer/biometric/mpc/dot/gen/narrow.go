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
