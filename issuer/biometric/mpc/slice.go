package mpc

import "encoding/binary"

// transpose turns 64 words of 64 bits: bit j of word i becomes bit i of word j.
func transpose(a *[64]uint64) {
	swap(a, 32, 0x0000_0000_ffff_ffff)
	swap(a, 16, 0x0000_ffff_0000_ffff)
	swap(a, 8, 0x00ff_00ff_00ff_00ff)
	swap(a, 4, 0x0f0f_0f0f_0f0f_0f0f)
	swap(a, 2, 0x3333_3333_3333_3333)
	swap(a, 1, 0x5555_5555_5555_5555)
}

// swap exchanges the upper bits of each pair's first word with the lower bits of
// its second one.
func swap(a *[64]uint64, j int, mask uint64) {
	for k := 0; k < 64; k += 2 * j {
		lo, hi := a[k:][:j:j], a[k+j:][:j:j]
		for i, x := range lo {
			t := (x>>(j&63) ^ hi[i]) & mask
			hi[i] ^= t
			lo[i] = x ^ t<<(j&63)
		}
	}
}

// slices is a vector of secret 16-bit numbers, bit by bit: slice k has bit k of
// each number's three parts.
type slices [16]bits

// slicer turns numbers that three parties share additively into slices, four
// numbers of 64 lanes at a time.
type slicer struct {
	r           *run
	dst         slices
	plus, minus []byte
	packed      []uint64
}

// tile takes the numbers of 64 lanes: values[lane*stride+i] becomes lane
// `lane` of word at(i) of the slices. stride is a multiple of 4; lanes that are
// missing at the end hold 0, and what is below 0 is left out. Each number is covered by a share of zero.
func (s *slicer) tile(values []uint16, stride int, at func(i int) int) {
	lanes := len(values) / stride
	n := 64 * stride / 4
	if cap(s.packed) < n {
		s.packed, s.plus, s.minus = make([]uint64, n), make([]byte, 8*n), make([]byte, 8*n)
	}
	packed, plus, minus := s.packed[:n], s.plus[:8*n], s.minus[:8*n]
	clear(plus)
	clear(minus)
	s.r.zeros.words(plus, minus)
	for i := range packed {
		var v uint64
		if i < lanes*stride/4 {
			q := values[4*i:][:4:4]
			v = uint64(q[0]) | uint64(q[1])<<16 | uint64(q[2])<<32 | uint64(q[3])<<48
		}
		packed[i] = sub16(add16(v, binary.LittleEndian.Uint64(plus[8*i:])), binary.LittleEndian.Uint64(minus[8*i:]))
	}
	var block [64]uint64
	for quad := range stride / 4 {
		for lane := range block {
			block[lane] = packed[lane*(stride/4)+quad]
		}
		transpose(&block)
		for j := range 4 {
			to := at(4*quad + j)
			if to < 0 {
				continue
			}
			for k := range s.dst {
				s.dst[k].own[to] = block[16*j+k]
			}
		}
	}
}

// reshare sends the slices made so far to the next party, 2 bytes a number, and
// takes those of the party before: after it the numbers are shared two to a
// party.
func (r *run) reshare(x slices) error {
	n := x[0].len()
	out, in := r.buffers(16 * 8 * n)
	for k := range x {
		part := out[k*8*n:][:8*n]
		for i, w := range x[k].own {
			binary.LittleEndian.PutUint64(part[8*i:], w)
		}
	}
	if err := r.exchange(out, in); err != nil {
		return err
	}
	for k := range x {
		part := in[k*8*n:][:8*n]
		prev := x[k].prev
		for i := range prev {
			prev[i] = binary.LittleEndian.Uint64(part[8*i:])
		}
	}
	return nil
}
