package dot

// The pure Go tier multiplies one word of the entry by two of the query at
// once, those of rotations i and i+16: the second stands 48 bits higher, where
// only its 16 low bits remain. Below it sums of up to 2^16 products have room.
const (
	apart = turnCount / 2
	lift  = 48
)

// pack gives the pairs of every plane: columns j and j+16, for all that
// rotations 0 to 15 read.
func (q *Query) pack() []uint64 {
	columns := q.shape.Columns + apart
	out := make([]uint64, 0, q.shape.planes()*columns*columnWords)
	for p := range q.shape.planes() {
		plane := q.plane(p)
		for i := range columns * columnWords {
			out = append(out, uint64(plane[i])|uint64(plane[i+apart*columnWords])<<lift)
		}
	}
	return out
}

func (q *Query) packed(p int) []uint64 {
	n := (q.shape.Columns + apart) * columnWords
	return q.pairs[p*n:][:n]
}

// pure computes all rotations of an entry.
func (q *Query) pure(entry []uint16, out *Sums) {
	n := q.shape.plane()
	for i := 0; i < apart; i += 4 {
		var code, mask, cross [4]uint64
		products(&code, q.packed(planeRe)[i*columnWords:], entry[planeRe*n:][:n])
		products(&code, q.packed(planeIm)[i*columnWords:], entry[planeIm*n:][:n])
		if q.shape.Exact {
			// The product of the low digits is wanted in full, so the pairs do
			// not help there: this mode is not the fast one.
			q.lowDigits(i, entry[planeMask*n:][:n], out)
			products(&cross, q.packed(planeHigh)[i*columnWords:], entry[planeMask*n:][:n])
			products(&cross, q.packed(planeMask)[i*columnWords:], entry[planeHigh*n:][:n])
		} else {
			products(&mask, q.packed(planeMask)[i*columnWords:], entry[planeMask*n:][:n])
		}
		for k := range 4 {
			out.Code[i+k], out.Code[i+k+apart] = uint16(code[k]), uint16(code[k]>>lift)
			if q.shape.Exact {
				out.Mask[i+k] += uint32(uint16(cross[k])) << 16
				out.Mask[i+k+apart] += uint32(cross[k]>>lift) << 16
			} else {
				out.Mask[i+k], out.Mask[i+k+apart] = uint32(uint16(mask[k])), uint32(mask[k]>>lift)
			}
		}
	}
}

// products adds to the sums of four neighbouring rotations.
func products(sums *[4]uint64, pairs []uint64, entry []uint16) {
	a, b := pairs[:len(entry)], pairs[columnWords:][:len(entry)]
	c, d := pairs[2*columnWords:][:len(entry)], pairs[3*columnWords:][:len(entry)]
	s, t, u, v := sums[0], sums[1], sums[2], sums[3]
	for i, e := range entry {
		x := uint64(e)
		s += x * a[i]
		t += x * b[i]
		u += x * c[i]
		v += x * d[i]
	}
	*sums = [4]uint64{s, t, u, v}
}

func (q *Query) lowDigits(from int, entry []uint16, out *Sums) {
	for i := from; i < from+4; i++ {
		for _, at := range [2]int{i, i + apart} {
			sum := uint32(0)
			turned := q.plane(planeMask)[at*columnWords:][:len(entry)]
			for j, e := range entry {
				sum += uint32(int32(int16(e)) * int32(int16(turned[j]))) // #nosec G115 -- signed digits, modulo 2^32
			}
			out.Mask[at] = sum
		}
	}
}
