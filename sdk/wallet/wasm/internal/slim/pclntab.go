package slim

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The table of functions, as package runtime reads it.
const (
	magic      = "\xf1\xff\xff\xff\x00\x00\x01\x08" // version, instruction size 1, pointers of 8 bytes
	headerSize = 72
	funcSize   = 44 // of a _func without its two arrays

	atName, atFile, atLine, atPCData, atCU, atStart, atFuncData = 4, 20, 24, 28, 32, 36, 43

	pcUnsafePoint = 0 // for preemption by signals, which WebAssembly has not
	pcStackMap    = 1
	pcInlined     = 2
	pcArgLive     = 3 // to print arguments
)

// clearTraces finds the table and clears, in place, file names, line numbers,
// most names of functions and inlined calls, and with them every byte that nothing refers to any more.
// Offset 0 is the runtime's own way to say that a function has no such table.
func clearTraces(image []byte) error {
	start := bytes.Index(image, []byte(magic))
	if start < 0 || bytes.Contains(image[start+1:], []byte(magic)) {
		return fmt.Errorf("%w: no table of functions", ErrFormat)
	}
	tab := image[start:]
	word := func(at int) int { return int(binary.LittleEndian.Uint64(tab[at:])) }
	if len(tab) < headerSize {
		return fmt.Errorf("%w: table of functions cut short", ErrFormat)
	}
	functions := word(8)
	names, cu, files, pcs, funcs := word(32), word(40), word(48), word(56), word(64)
	if !(headerSize <= names && names <= cu && cu <= files && files <= pcs && pcs < funcs && funcs <= len(tab)) ||
		functions <= 0 || functions > (len(tab)-funcs)/8 {
		return fmt.Errorf("%w: table of functions out of order", ErrFormat)
	}

	pctab := tab[pcs:funcs]
	used := make([]bool, len(pctab))
	used[0] = true
	for i := range functions {
		at := funcs + int(binary.LittleEndian.Uint32(tab[funcs+8*i+4:]))
		if at+funcSize > len(tab) {
			return fmt.Errorf("%w: function %d outside the table", ErrFormat, i)
		}
		f := tab[at:]
		put := func(at int) { binary.LittleEndian.PutUint32(f[at:], 0) }
		put(atFile)
		put(atLine)
		put(atCU)
		put(atStart)
		n := int(binary.LittleEndian.Uint32(f[atPCData:]))
		if n > 16 || at+funcSize+4*n > len(tab) {
			return fmt.Errorf("%w: function %d has %d tables", ErrFormat, i, n)
		}
		for k := range n {
			if k == pcUnsafePoint || k == pcInlined || k == pcArgLive {
				put(funcSize + 4*k)
			}
		}
		for _, field := range append([]int{16}, fields(n)...) {
			if err := keep(pctab, used, int(binary.LittleEndian.Uint32(f[field:]))); err != nil {
				return err
			}
		}
	}
	for i, u := range used {
		if !u {
			pctab[i] = 0
		}
	}
	clearNames(tab[names:cu])
	clear(tab[cu:pcs]) // file names, and which unit has which
	return nil
}

// clearNames clears the names of functions, but for those of the runtime,
// which looks at its own, and of the program itself.
func clearNames(names []byte) {
	for len(names) > 0 {
		name, rest, _ := bytes.Cut(names, []byte{0})
		if !bytes.HasPrefix(name, []byte("runtime.")) && !bytes.HasPrefix(name, []byte("main.")) {
			clear(name)
		}
		names = rest
	}
}

// fields are where a _func holds the offsets of its n tables.
func fields(n int) []int {
	out := make([]int, n)
	for k := range out {
		out[k] = funcSize + 4*k
	}
	return out
}

// keep marks the table at an offset: pairs of a signed difference of values,
// which is 0 at the end but not at the start, and a difference of addresses.
func keep(pctab []byte, used []bool, at int) error {
	if at == 0 {
		return nil
	}
	for first := true; ; first = false {
		if at >= len(pctab) {
			return fmt.Errorf("%w: table of values cut short", ErrFormat)
		}
		v, n := binary.Uvarint(pctab[at:])
		if n <= 0 {
			return fmt.Errorf("%w: table of values", ErrFormat)
		}
		mark(used[at : at+n])
		at += n
		if v == 0 && !first {
			return nil
		}
		if _, n = binary.Uvarint(pctab[at:]); n <= 0 {
			return fmt.Errorf("%w: table of values", ErrFormat)
		}
		mark(used[at : at+n])
		at += n
	}
}

func mark(used []bool) {
	for i := range used {
		used[i] = true
	}
}
