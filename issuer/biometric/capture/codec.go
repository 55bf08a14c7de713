package capture

import (
	"encoding/binary"
	"fmt"
)

// writer appends the fixed-width and length-prefixed pieces of the formats in
// this package. Lengths are checked by the callers' validate methods.
type writer struct{ b []byte }

func (w *writer) u8(v uint8)     { w.b = append(w.b, v) }
func (w *writer) u16(v uint16)   { w.b = binary.BigEndian.AppendUint16(w.b, v) }
func (w *writer) u32(v uint32)   { w.b = binary.BigEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64)   { w.b = binary.BigEndian.AppendUint64(w.b, v) }
func (w *writer) raw(b []byte)   { w.b = append(w.b, b...) }
func (w *writer) lp(b []byte)    { w.u16(uint16(len(b))); w.raw(b) }
func (w *writer) field(b []byte) { w.u32(uint32(len(b))); w.raw(b) }

// sub writes one field whose content is itself written piece by piece.
func (w *writer) sub(f func(*writer)) {
	at := len(w.b)
	w.u32(0)
	f(w)
	binary.BigEndian.PutUint32(w.b[at:], uint32(len(w.b)-at-4))
}

// reader takes the pieces off again. The first failure sticks; every later call
// gives zero values, so that a parser reads straight through and asks once.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	r.b = nil
}

func (r *reader) take(n int, what string) []byte {
	if r.err != nil || n > len(r.b) {
		r.fail(what + " is cut short")
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8(what string) uint8 {
	if b := r.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16(what string) uint16 {
	if b := r.take(2, what); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32(what string) uint32 {
	if b := r.take(4, what); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64(what string) uint64 {
	if b := r.take(8, what); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) lp(what string) []byte { return r.take(int(r.u16(what)), what) }

func (r *reader) array(what string) (a [32]byte) {
	copy(a[:], r.take(32, what))
	return a
}

// field reads a u32 length and hands the content to f, which must use all of it.
func (r *reader) field(what string, f func(*reader)) {
	n := r.u32(what)
	if n > MaxEnvelope {
		r.fail(what + " is too long")
		return
	}
	in := &reader{b: r.take(int(n), what), err: r.err}
	if r.err != nil {
		return
	}
	f(in)
	in.end(what)
	if in.err != nil && r.err == nil {
		r.err = in.err
	}
}

func (r *reader) end(what string) {
	if r.err == nil && len(r.b) != 0 {
		r.fail(what + " has trailing bytes")
	}
}

// rest gives all that is left.
func (r *reader) rest() []byte { return r.take(len(r.b), "field") }

// plain reports whether s is 0..max bytes of visible ASCII: the alphabet of all
// names here, so that equal looks equal and nothing needs normalisation.
func plain(s string, max int) bool {
	if len(s) > max {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
