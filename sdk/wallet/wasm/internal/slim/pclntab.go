package slim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
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

	dataInlined  = 3
	dataArgs     = 5
	dataArgsLive = 6
	dataWrapped  = 7 // for the execution tracer
	noData       = 1<<32 - 1

	atGoFunc = 40 * 8 // of runtime.moduledata: where what funcdata offsets count from is
)

// clearTraces finds the table and clears, in place, file names, line numbers,
// most names of functions and inlined calls, and with them every byte that nothing refers to any more.
// Offset 0 is the runtime's own way to say that a function has no such table.
func clearTraces(image []byte, first int) error {
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

	blobs, err := newBlobs(image, first, start, names)
	if err != nil {
		return err
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
		if err := blobs.function(f[funcSize+4*n:], int(f[atFuncData]), tab[names:cu]); err != nil {
			return err
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
	blobs.clear()
	clearNames(tab[names:cu])
	clear(tab[cu:pcs]) // file names, and which unit has which
	return nil
}

// blobs are the data of functions: stack maps, and what traces want to know.
type blobs struct {
	data []byte
	used map[int]bool // by offset: whether it is needed to run
}

// newBlobs finds them by way of the one value of type moduledata, which begins
// with the addresses of the table and of the names.
func newBlobs(image []byte, first, table, names int) (*blobs, error) {
	address := binary.LittleEndian.AppendUint64(nil, uint64(first+table))
	address = binary.LittleEndian.AppendUint64(address, uint64(first+table+names))
	at := bytes.Index(image, address)
	if at < 0 || at+atGoFunc+8 > len(image) {
		return nil, fmt.Errorf("%w: no module data", ErrFormat)
	}
	begin := binary.LittleEndian.Uint64(image[at+atGoFunc:]) - uint64(first)
	if begin > uint64(len(image)) {
		return nil, fmt.Errorf("%w: module data of another layout", ErrFormat)
	}
	return &blobs{image[begin:], make(map[int]bool)}, nil
}

// function takes away what a function has for traces alone. That offsets count
// from where we think is seen from the calls inlined in it: each has the name of
// a function.
func (b *blobs) function(offsets []byte, n int, names []byte) error {
	if 4*n > len(offsets) {
		return fmt.Errorf("%w: data of a function cut short", ErrFormat)
	}
	for k := range n {
		at := int(binary.LittleEndian.Uint32(offsets[4*k:]))
		if at == noData {
			continue
		}
		if at+16 > len(b.data) {
			return fmt.Errorf("%w: data of a function outside the program", ErrFormat)
		}
		switch k {
		case dataInlined:
			name := int(int32(binary.LittleEndian.Uint32(b.data[at+4:])))
			if name < 0 || name >= len(names) || name > 0 && names[name-1] != 0 {
				return fmt.Errorf("%w: inlined calls of another layout", ErrFormat)
			}
			fallthrough
		case dataArgs, dataArgsLive, dataWrapped:
			binary.LittleEndian.PutUint32(offsets[4*k:], noData)
			if !b.used[at] {
				b.used[at] = false // known, so that clear sees where it begins
			}
		default:
			b.used[at] = true
		}
	}
	return nil
}

// clear clears each blob that is not needed, up to the next; after the last
// there is something else.
func (b *blobs) clear() {
	offsets := slices.Sorted(maps.Keys(b.used))
	for i := range len(offsets) - 1 {
		if !b.used[offsets[i]] {
			clear(b.data[offsets[i]:offsets[i+1]])
		}
	}
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
