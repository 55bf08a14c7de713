// Package slim makes a Go program for WebAssembly smaller to download: it
// clears what the runtime keeps for stack traces alone, and packs the data
// again. The program runs as before; a panic prints its message and the names
// of main's and the runtime's own functions, but no others, and no files, lines
// or inlined calls.
//
//	small, err := slim.Wasm(program)
//
// Go's linker writes one table of all functions, runtime.pclntab, of which
// stack maps and frame sizes are needed to run, and a good half is needed to
// print. The layout is that of package runtime, symtab.go and runtime2.go
// (types pcHeader, _func and moduledata) of Go 1.26, checked as far as it shows;
// a program with any other is refused.
package slim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrFormat: not a WebAssembly program of a Go version that is known here.
var ErrFormat = errors.New("slim: not a known Go program for WebAssembly")

const (
	header      = "\x00asm\x01\x00\x00\x00"
	sectCustom  = 0
	sectData    = 11
	maxMemory   = 64 << 20 // of static data
	segmentCost = 8        // of one more data segment, about, in bytes
)

// Wasm gives the smaller program.
func Wasm(program []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(program, []byte(header))
	if !ok {
		return nil, fmt.Errorf("%w: no header", ErrFormat)
	}
	out := append(make([]byte, 0, len(program)), header...)
	found := false
	for len(rest) > 0 {
		id := rest[0]
		r := reader{b: rest[1:]}
		body := r.take(r.uint())
		if r.bad {
			return nil, fmt.Errorf("%w: cut short", ErrFormat)
		}
		rest = r.b
		switch id {
		case sectCustom: // names, build id, producers
			continue
		case sectData:
			image, first, err := readData(body)
			if err != nil {
				return nil, err
			}
			if err := clearTraces(image, first); err != nil {
				return nil, err
			}
			body, found = writeData(image, first), true
		}
		out = append(out, id)
		out = binary.AppendUvarint(out, uint64(len(body)))
		out = append(out, body...)
	}
	if !found {
		return nil, fmt.Errorf("%w: no data", ErrFormat)
	}
	return out, nil
}

// reader takes numbers and bytes off a slice; bad is set by a read past the end.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uint() int {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<31 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

// int reads a signed LEB128 number, as i32.const has it.
func (r *reader) int() int {
	v, shift := 0, 0
	for i, c := range r.b {
		v |= int(c&0x7f) << shift
		shift += 7
		if c < 0x80 {
			if c&0x40 != 0 {
				v |= -1 << shift
			}
			r.b = r.b[i+1:]
			return v
		}
		if shift > 35 {
			break
		}
	}
	r.b, r.bad = nil, true
	return 0
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

const (
	opConst = 0x41 // i32.const
	opEnd   = 0x0b
)

// readData joins the data segments to the memory that they make, from address first on.
func readData(body []byte) (image []byte, first int, err error) {
	type segment struct {
		at   int
		data []byte
	}
	var segments []segment
	first, last := maxMemory, 0
	r := reader{b: body}
	for range r.uint() {
		kind, op := r.uint(), r.take(1)
		at := r.int()
		end := r.take(1)
		data := r.take(r.uint())
		if r.bad || kind != 0 || op[0] != opConst || end[0] != opEnd || at < 0 || at > maxMemory {
			return nil, 0, fmt.Errorf("%w: data segment", ErrFormat)
		}
		segments = append(segments, segment{at, data})
		first, last = min(first, at), max(last, at+len(data))
	}
	if r.bad || len(r.b) != 0 || len(segments) == 0 {
		return nil, 0, fmt.Errorf("%w: data section", ErrFormat)
	}
	image = make([]byte, last-first)
	for _, s := range segments {
		copy(image[s.at-first:], s.data)
	}
	return image, first, nil
}

// writeData makes data segments that leave out longer runs of zeros, which
// memory has anyway.
func writeData(image []byte, first int) []byte {
	var segments []byte
	n := uint64(0)
	for at := 0; at < len(image); {
		if image[at] == 0 {
			at++
			continue
		}
		end, zeros := at, 0
		for end+zeros < len(image) && zeros < segmentCost {
			if image[end+zeros] == 0 {
				zeros++
			} else {
				end, zeros = end+zeros+1, 0
			}
		}
		segments = append(segments, 0, opConst)
		segments = appendInt(segments, first+at)
		segments = append(segments, opEnd)
		segments = binary.AppendUvarint(segments, uint64(end-at))
		segments = append(segments, image[at:end]...)
		n++
		at = end
	}
	return append(binary.AppendUvarint(nil, n), segments...)
}

// appendInt appends a number >= 0 as signed LEB128.
func appendInt(b []byte, v int) []byte {
	for ; v >= 0x40; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}
