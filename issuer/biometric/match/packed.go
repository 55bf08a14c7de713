package match

import (
	"encoding/binary"
	"fmt"
	"iter"
	"runtime"
	"unsafe"
)

// Layout names what Packed gives, to the bit: another shape, order of bytes or
// version of this package has another name, and its bytes mean nothing here.
func (m *Matcher) Layout() string {
	order := "big"
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		order = "little"
	}
	return fmt.Sprintf("iris/%d/%d/%s/1", m.columns, pairWords(m.columns), order)
}

// PackedSize is the number of bytes that a person takes in Packed.
func (m *Matcher) PackedSize() int { return 8 * pairWords(m.columns) }

// Packed gives the irises as they stand in memory at the moment of the call, in
// pieces: serials, and as many times PackedSize bytes. Faces are not in it. The
// walk takes no lock. A piece is not to be written to, and not to be kept: its
// memory is wiped some time after the walk has gone on.
func (m *Matcher) Packed() iter.Seq2[[]Serial, []byte] {
	now, _ := m.snapshot()
	return func(yield func([]Serial, []byte) bool) {
		for _, r := range now.irises {
			if n := len(r.serials); n > 0 && !r.shelf.yield(r.serials, n*pairWords(m.columns), yield) {
				return
			}
		}
	}
}

func (s *shelf) yield(serials []Serial, words int, yield func([]Serial, []byte) bool) bool {
	defer runtime.KeepAlive(s)
	return yield(serials, inBytes(s.words[:words]))
}

// Unpack makes known what Packed gave: fill writes a piece's bytes straight into
// their place. They were checked when they first came in and are not checked
// again, so they have to come from where nobody could change them. It may be
// called beside everything. After an error nobody of the piece is known.
func (m *Matcher) Unpack(serials []Serial, fill func(into []byte) error) error {
	if len(serials) == 0 {
		return nil
	}
	s := newShelf(len(serials), m.columns)
	defer runtime.KeepAlive(s)
	if err := fill(inBytes(s.words)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := place(len(m.shelves))
	for n, serial := range serials {
		if _, ok := m.known[serial]; ok {
			for _, earlier := range serials[:n] {
				delete(m.known, earlier)
			}
			return ErrSerial
		}
		m.known[serial] = at
	}
	s.serials = append(s.serials, serials...)
	m.shelves = append(m.shelves, s)
	return nil
}

func inBytes(w []uint64) []byte {
	if len(w) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&w[0])), 8*len(w)) // #nosec G103 -- the same memory, to its last byte
}
