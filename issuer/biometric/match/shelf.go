package match

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// shelf holds irises side by side: one piece of memory for many people, of
// which the garbage collector knows nothing. Only the first len(serials) are
// compared; what is written beyond them is nobody's until its serial is there.
type shelf struct {
	serials []Serial // its capacity is the shelf's
	words   []uint64
}

const (
	shelfBytes = 8 << 20 // of a full-sized one
	shelfLeast = 16      // people in the first one
)

// pairWords is what both eyes of a person take.
func pairWords(columns int) int { return 2 * iris.Words(columns) }

// newShelf makes one with room for so many people. Its memory is wiped when
// nothing points to the shelf any more.
func newShelf(people, columns int) *shelf {
	words, wipe := memory(people * pairWords(columns))
	s := &shelf{serials: make([]Serial, 0, people), words: words}
	runtime.AddCleanup(s, func(wipe func()) { wipe() }, wipe)
	return s
}

func (s *shelf) full() bool { return len(s.serials) == cap(s.serials) }

// pair is a person's place. It must not be used after the shelf.
type pair struct {
	iris.Pair
	shelf *shelf
}

func (s *shelf) pair(n, columns int) pair {
	words := s.words[n*pairWords(columns):][:pairWords(columns)]
	return pair{iris.Pair{Left: iris.In(columns, words), Right: iris.In(columns, words[len(words)/2:])}, s}
}

// next is the first place that is free, of a shelf that is not full.
func (s *shelf) next(columns int) pair { return s.pair(len(s.serials), columns) }

func (p pair) copyFrom(o iris.Pair) error {
	defer runtime.KeepAlive(p.shelf)
	if err := p.Left.CopyFrom(o.Left); err != nil {
		return err
	}
	return p.Right.CopyFrom(o.Right)
}

// read fills the place with both eyes as iris.Template.MarshalBinary gives them.
func (p pair) read(left, right []byte) error {
	defer runtime.KeepAlive(p.shelf)
	if err := p.Left.ReadBinary(left); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := p.Right.ReadBinary(right); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := p.CheckQuality(); err != nil {
		return fmt.Errorf("%w: %w", ErrQuality, err)
	}
	return nil
}

func (p pair) Wipe() {
	p.Pair.Wipe()
	runtime.KeepAlive(p.shelf)
}

// without gives a copy that lacks one person.
func (s *shelf) without(serial Serial, columns int) *shelf {
	defer runtime.KeepAlive(s)
	n, each := slices.Index(s.serials, serial), pairWords(columns)
	rest := newShelf(cap(s.serials), columns)
	rest.serials = append(append(rest.serials, s.serials[:n]...), s.serials[n+1:]...)
	copy(rest.words, s.words[:n*each])
	copy(rest.words[n*each:], s.words[(n+1)*each:len(s.serials)*each])
	return rest
}

// take gives a shelf that is not full, to one caller at a time. Its caller, like
// that of put and giveBack, holds mu.
func (m *Matcher) take() (place, *shelf) {
	if n := len(m.room); n > 0 {
		at := m.room[n-1]
		m.room = m.room[:n-1]
		return at, m.shelves[at]
	}
	most := shelfBytes / (8 * pairWords(m.columns))
	m.shelves = append(m.shelves, newShelf(min(max(shelfLeast, len(m.known)), most), m.columns))
	at := place(len(m.shelves) - 1)
	return at, m.shelves[at]
}

// put makes what was written into the next place of a taken shelf known.
func (m *Matcher) put(serial Serial, at place, s *shelf) {
	s.serials = append(s.serials, serial)
	m.known[serial] = at
	m.giveBack(at)
}

// giveBack ends what take began.
func (m *Matcher) giveBack(at place) {
	if !m.shelves[at].full() {
		m.room = append(m.room, at)
	}
}

// run is the part of a shelf that a comparison runs over: serials, from the
// from-th person of the shelf on.
type run struct {
	shelf   *shelf
	serials []Serial
	from    int
}

func (r run) walk(columns int, q *iris.PairQuery, found func(serial Serial, upright, mirrored iris.Score)) {
	defer runtime.KeepAlive(r.shelf)
	q.Walk(len(r.serials), func(i int) iris.Pair { return r.shelf.pair(r.from+i, columns).Pair }, func(i int, upright, mirrored iris.Score) {
		found(r.serials[i], upright, mirrored)
	})
}
