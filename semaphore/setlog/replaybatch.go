package setlog

import (
	"fmt"
	"math/bits"

	"github.com/perhuman/perhuman/semaphore"
)

// unchecked is a batch whose root was not compared yet.
type unchecked struct {
	entry Entry // the last one
	index int64
	size  int // leaves of the set after the batch
	adds  int // of the leaves that wait, those of this batch and the ones before

	// The state before the batch, to go back to.
	seq, live uint64
	entries   int64
}

func (r *Replay) clear(g *semaphore.Group) error {
	if len(r.clears) == 0 {
		return nil
	}
	err := g.UpdateMany(r.clears)
	r.clears = r.clears[:0]
	return err
}

// add appends the first n leaves that wait.
func (r *Replay) add(g *semaphore.Group, n int) error {
	if n == 0 {
		return nil
	}
	if err := g.AddMany(r.adds[:n]); err != nil {
		return err
	}
	r.adds = append(r.adds[:0], r.adds[n:]...)
	return nil
}

// flushBefore checks the batches before the one that is being read, whose own
// leaves wait already.
func (r *Replay) flushBefore() error {
	if len(r.waiting) == 0 {
		return nil
	}
	n := r.waiting[len(r.waiting)-1].adds
	own := append([]semaphore.Element(nil), r.adds[n:]...)
	r.adds = r.adds[:n]
	err := r.flush()
	r.adds = append(r.adds, own...)
	return err
}

// flush adds the leaves that wait, all at once, and then compares the root of
// each batch: those of the earlier ones are still in the larger tree.
func (r *Replay) flush() error {
	if len(r.waiting) == 0 {
		return nil
	}
	g, err := r.Group()
	if err != nil {
		return err
	}
	if err := r.add(g, len(r.adds)); err != nil {
		return r.addSingly(g)
	}
	for i := range r.waiting {
		w := &r.waiting[i]
		if root := rootAt(g, w.size); w.entry.Root != root {
			return r.back(w, LieRoot, fmt.Sprintf("root %s logged, %s rebuilt", w.entry.Root, root))
		}
	}
	r.waiting = r.waiting[:0]
	return nil
}

// addSingly finds the batch that could not be added.
func (r *Replay) addSingly(g *semaphore.Group) error {
	done := 0
	for i := range r.waiting {
		w := &r.waiting[i]
		if err := r.add(g, w.adds-done); err != nil {
			return r.back(w, LieLeaf, err.Error())
		}
		if root := g.Root(); w.entry.Root != root {
			return r.back(w, LieRoot, fmt.Sprintf("root %s logged, %s rebuilt", w.entry.Root, root))
		}
		done = w.adds
	}
	r.waiting = r.waiting[:0]
	return nil
}

// back returns to the state before a batch and gives its fault.
func (r *Replay) back(w *unchecked, lie Lie, reason string) error {
	err := &AuditError{Lie: lie, Index: w.index, Seq: w.entry.Seq, Reason: reason}
	r.seq, r.live, r.entries = w.seq, w.live, w.entries
	r.waiting, r.adds = nil, nil
	return err
}

// rootAt gives the root that a group had at a smaller size, if no leaf was
// cleared since. A node without a sibling moves up unchanged, so the root is the
// largest full subtrees, one for each bit of the size, hashed from the right.
func rootAt(g *semaphore.Group, size int) semaphore.Element {
	if size == g.Size() {
		return g.Root()
	}
	var root semaphore.Element
	for rest, first := uint(size), true; rest != 0; rest &= rest - 1 {
		level := bits.TrailingZeros(rest)
		peak := g.Nodes(level, size>>level-1, 1)[0]
		if first {
			root, first = peak, false
			continue
		}
		root = semaphore.Hash2(peak, root)
	}
	return root
}
