package sqlite

import (
	"bytes"
	"context"
	"slices"
)

// tailLimit is how many rows wait until the index follows. The more there are, the
// more of them share a page of the index; each costs some 300 bytes of memory.
const tailLimit = 32 << 10

// pace is how many entries go into the index with each act while it follows: the
// tail is never longer than one and a half times its limit, and no transaction
// has to do much more than its own work.
const pace = 2

// pass is one walk of the index through the rows from its mark to another, in the
// order of their nullifiers. Its transactions leave the mark alone until the last
// one, so a pass may be given up at any moment: the next begins at the same mark,
// and entries that are there already cost it nothing.
type pass struct {
	base, upto int64
	left       []entry
}

type entry struct {
	part [16]byte
	id   int64
}

// entries gives the index entries of all rows of the tail in their order.
func (t *tail) entries() (upto int64, all []entry) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all = make([]entry, 0, len(t.rows))
	for k, row := range t.rows {
		all = append(all, entry{[16]byte(k.nullifier[:16]), row.id})
	}
	slices.SortFunc(all, func(a, b entry) int { return bytes.Compare(a.part[:], b.part[:]) })
	return t.last, all
}

// follow puts as many entries into the index as a transaction with so many new
// rows should.
func (w *writer) follow(ctx context.Context, rows int) error {
	if len(w.pass.left) == 0 {
		if w.last-w.upto < w.tailLimit {
			return nil
		}
		w.pass.base = w.upto
		w.pass.upto, w.pass.left = w.tail.entries()
	}
	for due := pace * rows; due > 0 && len(w.pass.left) > 0; {
		piece := w.pass.left[:min(due, len(w.pass.left), together[0])]
		for i := range piece {
			w.insertParts.bind(piece[i].part[:], piece[i].id)
		}
		if err := w.insertParts.run(ctx); err != nil {
			return err
		}
		due, w.pass.left = due-len(piece), w.pass.left[len(piece):]
	}
	if len(w.pass.left) > 0 {
		return nil
	}
	return w.move(ctx, w.pass.upto)
}

// index puts all rows into the index at once.
func (w *writer) index(ctx context.Context) error {
	if _, err := w.indexTail.ExecContext(ctx, w.upto); err != nil {
		return err
	}
	return w.move(ctx, w.last)
}

// move moves the mark: the index has all rows up to there.
func (w *writer) move(ctx context.Context, upto int64) error {
	w.upto, w.pass = max(w.upto, upto), pass{}
	_, err := w.moveMark.ExecContext(ctx, w.upto)
	return err
}
