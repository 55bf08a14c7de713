package dot

// Karatsuba's method for the matrices of this problem. For a block of 32 columns
// of the entry and 32 rotations, the sums are T*e, where T has query[c+r] in row
// r and column c: a Toeplitz matrix, whose quarters are T_0 = T_1's left
// neighbour along the query, T_1 twice, and T_2. So
//
//	y_0 = T_0*e_0 + T_1*e_1 = T_1*(e_0+e_1) + (T_0-T_1)*e_0
//	y_1 = T_1*e_0 + T_2*e_1 = T_1*(e_0+e_1) + (T_2-T_1)*e_1
//
// takes three products of quarters instead of four, and twice over nine instead
// of sixteen. Differences of the query are made once per query, sums of the
// entry once for all queries. Sums of words wrap modulo 2^16, so it is not for
// Exact, which needs products of signed digits in full.
func karatsuba(s Shape, with tier) bool { return with != pureGo && !s.Exact }

const (
	blockColumns = turnCount // 32
	outs         = 8         // rotations of one call of a kernel
)

// The sequences of words that stand in the place of the query: itself, and
// differences of columns 16 apart, 8 apart, and both.
const (
	itself = iota
	apart16
	apart8
	apartBoth
	sequences
)

// leaf is one of the products: a sequence of the query from a column on, times
// quarters of the entry's blocks or sums of them.
type leaf struct{ sequence, from, entry int }

// Where a leaf's entry words are: quarter k of the blocks as they are, a sum, or
// the columns past the last block.
const (
	sumAll = 4 + iota
	sum02
	sum13
	sum01
	sum23
	sumsEnd
	past
)

// The nine products of blocks, and those of the four eighths of the rotations
// with the columns past the last block, which the method leaves over.
const (
	products9 = 9
	leafCount = products9 + turnCount/outs
)

// leaves gives the products in the order of partial. done is how many
// columns blocks have.
func leaves(done int) [leafCount]leaf {
	return [leafCount]leaf{
		{itself, 24, sumAll}, {apart8, 16, sum02}, {apart8, 24, sum13},
		{apart16, 8, sum01}, {apartBoth, 0, 0}, {apartBoth, 8, 1},
		{apart16, 24, sum23}, {apartBoth, 16, 2}, {apartBoth, 24, 3},
		{itself, done, past}, {itself, done + 8, past}, {itself, done + 16, past}, {itself, done + 24, past},
	}
}

// plan is how the kernels go through codes of a shape.
type plan struct {
	leaves  [leafCount]leaf
	blocks  int // of 32 columns
	windows int // past them
	columns int // of a query for each window
}

func newPlan(s Shape, with tier) plan {
	p := plan{blocks: s.Columns / blockColumns, columns: outs + wideWindow - 1}
	p.windows = (s.Columns - p.blocks*blockColumns) / wideWindow
	p.leaves = leaves(p.blocks * blockColumns)
	if with == avx512 {
		p.columns = foldedColumns
	}
	return p
}

// of gives the windows of a leaf, and how many columns they are apart.
func (p *plan) of(l int) (windows, step int) {
	if p.leaves[l].entry == past {
		return p.windows, wideWindow
	}
	return p.blocks, blockColumns
}

// query gives where a leaf of a plane begins in an unfolded query, in words.
func (p *plan) query(plane, l int) int {
	before := plane*(products9*p.blocks+(leafCount-products9)*p.windows) +
		min(l, products9)*p.blocks + max(0, l-products9)*p.windows
	return before * p.columns * columnWords
}

// foldedColumns is what the third turn takes for a window of 8 columns: those of
// T_1 for four of them, and differences of columns 4 apart for both.
const foldedColumns = 7 + 11

// unfold lays out what every leaf takes of the query, one window after the
// other, so that kernels read it from one end to the other.
func (q *Query) unfold() []uint16 {
	p := newPlan(q.shape, q.tier)
	out := aligned(p.query(q.shape.planes(), 0))
	to := out
	put := func(words []uint16) { to = to[copy(to, words):] }
	for plane := range q.shape.planes() {
		var all [sequences][]uint16
		all[itself] = q.plane(plane)
		all[apart16] = differences(all[itself], 16)
		all[apart8] = differences(all[itself], 8)
		all[apartBoth] = differences(all[apart16], 8)
		for l, leaf := range p.leaves {
			windows, step := p.of(l)
			for w := range windows {
				from := all[leaf.sequence][(leaf.from+w*step)*columnWords:]
				if p.columns == foldedColumns {
					put(from[4*columnWords:][:7*columnWords])
					put(differences(from[:15*columnWords], 4)[:11*columnWords])
				} else {
					put(from[:p.columns*columnWords])
				}
			}
		}
	}
	return out
}

// differences gives words[j] - words[j+columns] for every column j but the last.
func differences(words []uint16, columns int) []uint16 {
	out := make([]uint16, len(words))
	for i := range len(words) - columns*columnWords {
		out[i] = words[i] - words[i+columns*columnWords]
	}
	return out
}

// partial are the sums of the leaves for one query and one entry, by eight
// rotations. With s for a leaf's, the sums of all rotations are (combine)
//
//	 0 to  7: s0 + s1 + s3 + s4 + s9
//	 8 to 15: s0 - s2 + s3 - s5 + s10
//	16 to 23: s0 + s1 - s6 - s7 + s11
//	24 to 31: s0 - s2 - s6 + s8 + s12
type partial [leafCount][outs]uint32
