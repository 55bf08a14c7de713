package mpc

import (
	"encoding/binary"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
)

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

// slicer turns numbers that three parties share additively into slices, 64 lanes
// at a time: slice k of dst has bit k of each number's parts. There are 16 slices
// or 32.
type slicer struct {
	r           *run
	dst         []bits
	plus, minus []byte
	packed      []uint64
}

// cover gives n words of packed numbers and shares of zero to add and take away.
func (s *slicer) cover(n int) (packed []uint64, plus, minus []byte) {
	if cap(s.packed) < n {
		s.packed, s.plus, s.minus = make([]uint64, n), make([]byte, 8*n), make([]byte, 8*n)
	}
	plus, minus = s.plus[:8*n], s.minus[:8*n]
	clear(plus)
	clear(minus)
	s.r.zeros.words(plus, minus)
	return s.packed[:n], plus, minus
}

// spread transposes packed numbers, per to a word and stride to a lane.
func (s *slicer) spread(packed []uint64, per, stride int, at func(i int) int) {
	var block [64]uint64
	for group := range stride / per {
		for lane := range block {
			block[lane] = packed[lane*(stride/per)+group]
		}
		transpose(&block)
		for j := range per {
			to := at(per*group + j)
			if to < 0 {
				continue
			}
			for k := range s.dst {
				s.dst[k].own[to] = block[len(s.dst)*j+k]
			}
		}
	}
}

// tile takes the numbers of 64 lanes: values[lane*stride+i] becomes lane
// `lane` of word at(i) of the slices. stride is a multiple of 4; lanes that are
// missing at the end hold 0, and what is below 0 is left out. Each number is covered by a share of zero.
func (s *slicer) tile(values []uint16, stride int, at func(i int) int) {
	lanes := len(values) / stride
	packed, plus, minus := s.cover(64 * stride / 4)
	for i := range packed {
		var v uint64
		if i < lanes*stride/4 {
			q := values[4*i:][:4:4]
			v = uint64(q[0]) | uint64(q[1])<<16 | uint64(q[2])<<32 | uint64(q[3])<<48
		}
		packed[i] = sub16(add16(v, binary.LittleEndian.Uint64(plus[8*i:])), binary.LittleEndian.Uint64(minus[8*i:]))
	}
	s.spread(packed, 4, stride, at)
}

// tile32 is tile for numbers modulo 2^32; stride is even.
func (s *slicer) tile32(values []uint32, stride int, at func(i int) int) {
	lanes := len(values) / stride
	packed, plus, minus := s.cover(64 * stride / 2)
	for i := range packed {
		var v uint64
		if i < lanes*stride/2 {
			v = uint64(values[2*i]) | uint64(values[2*i+1])<<32
		}
		packed[i] = sub32(add32(v, binary.LittleEndian.Uint64(plus[8*i:])), binary.LittleEndian.Uint64(minus[8*i:]))
	}
	s.spread(packed, 2, stride, at)
}

// cutWords slices numbers, 64 to a word: number 64*w+lane is lane `lane` of
// word at(w).
func cutWords[W galois.Word](cut *slicer, values []W, at func(w int) int) {
	per := 64 / len(cut.dst)
	tile := make([]W, 64*per)
	defer clear(tile)
	count := (len(values) + 63) / 64
	for w := 0; w < count; w += per {
		clear(tile)
		for i, v := range values[64*w : min(64*(w+per), len(values))] {
			tile[i%64*per+i/64] = v
		}
		to := func(j int) int {
			if w+j < count {
				return at(w + j)
			}
			return -1
		}
		switch t := any(tile).(type) {
		case []uint16:
			cut.tile(t, per, to)
		case []uint32:
			cut.tile32(t, per, to)
		}
	}
}

// reshare sends the slices made so far to the next party, a bit for a bit, and
// takes those of the party before: after it the numbers are shared two to a
// party.
func (r *run) reshare(x []bits) error {
	n := x[0].len()
	out, in := r.buffers(len(x) * 8 * n)
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
