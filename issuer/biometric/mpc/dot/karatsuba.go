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

// turns are the three sequences of differences, each as long as the query.
type turns [sequences - 1][]uint16

func (q *Query) differences() *turns {
	subtract := func(from []uint16, columns int) []uint16 {
		out := aligned(len(from))
		ext := q.shape.extended() * columnWords
		for p := range q.shape.planes() {
			a, to := from[p*ext:][:ext], out[p*ext:][:ext]
			for i := range ext - columns*columnWords {
				to[i] = a[i] - a[i+columns*columnWords]
			}
		}
		return out
	}
	var t turns
	t[apart16-1] = subtract(q.words, 16)
	t[apart8-1] = subtract(q.words, 8)
	t[apartBoth-1] = subtract(t[apart16-1], 8)
	return &t
}

func (q *Query) sequence(s int) []uint16 {
	if s == itself {
		return q.words
	}
	return q.turns[s-1]
}

// leaf is one of the nine products: a sequence of the query from a column on,
// times quarters of the entry or sums of them.
type leaf struct{ sequence, from, entry int }

// Where a leaf's entry words are: quarter k of the blocks as they are, or a sum.
const (
	sumAll = 4 + iota
	sum02
	sum13
	sum01
	sum23
	sumsEnd
)

// leaves gives the products in the order that combine reads.
func leaves() [9]leaf {
	return [9]leaf{
		{itself, 24, sumAll}, {apart8, 16, sum02}, {apart8, 24, sum13},
		{apart16, 8, sum01}, {apartBoth, 0, 0}, {apartBoth, 8, 1},
		{apart16, 24, sum23}, {apartBoth, 16, 2}, {apartBoth, 24, 3},
	}
}

// partial are the results of the kernels for one query and one entry: the nine
// products, and the columns that are left over, by eight rotations.
type partial [9 + turnCount/outs][outs]uint32

// combine puts the products together.
func (p *partial) combine(set func(rotation int, sum uint32)) {
	for i := range outs {
		all := p[0][i]
		even, odd := all+p[1][i], all-p[2][i]
		set(i, even+p[3][i]+p[4][i]+p[9][i])
		set(i+8, odd+p[3][i]-p[5][i]+p[10][i])
		set(i+16, even-p[6][i]-p[7][i]+p[11][i])
		set(i+24, odd-p[6][i]+p[8][i]+p[12][i])
	}
}
