package setlog

import (
	"fmt"

	"github.com/perhuman/perhuman/semaphore"
)

// Replay rebuilds the set from the entries of its log, and checks at the end of
// every batch that the logged root and the count of live members are those of
// the rebuilt set. It is what an audit runs. The zero value is ready.
type Replay struct {
	group   *semaphore.Group
	live    uint64
	seq     uint64 // of the last batch that was checked
	day     uint32 // of the newest entry
	entries int64
	batch   []Entry
	rekeys  rekeys

	// ahead is how many leaves may wait before they are hashed: with 0 each
	// batch is checked by itself, with more the roots of several at once.
	ahead   int
	adds    []semaphore.Element
	clears  []semaphore.Replacement
	waiting []unchecked
}

// Group gives the set after the last complete batch; it must not be changed.
func (r *Replay) Group() (*semaphore.Group, error) {
	if r.group == nil {
		g, err := semaphore.NewGroup()
		if err != nil {
			return nil, err
		}
		r.group = g
	}
	return r.group, nil
}

// Seq is the last complete batch, Live its live members.
func (r *Replay) Seq() uint64  { return r.seq }
func (r *Replay) Live() uint64 { return r.live }

// Entries counts the entries of complete batches.
func (r *Replay) Entries() int64 { return r.entries }

// Apply takes the next entries in log order. A batch is applied and checked when
// the first entry of the next one arrives, or at Finish. Errors are *AuditError.
func (r *Replay) Apply(entries ...Entry) error {
	for i := range entries {
		if err := entries[i].Validate(); err != nil {
			return r.fault(LieEntry, len(r.batch), &entries[i], err.Error())
		}
		if err := r.apply(&entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// apply takes one entry that was validated.
func (r *Replay) apply(e *Entry) error {
	if len(r.batch) > 0 && r.batch[0].Seq != e.Seq {
		if err := r.endBatch(); err != nil {
			return err
		}
	}
	if e.Seq != r.seq+1 {
		return r.fault(LieSequence, len(r.batch), e, fmt.Sprintf("sequence number %d stands after %d", e.Seq, r.seq))
	}
	if e.Day < r.day {
		return r.fault(LieDay, len(r.batch), e, fmt.Sprintf("dated %s, behind an entry of %s", dayString(e.Day), dayString(r.day)))
	}
	r.day = e.Day
	r.batch = append(r.batch, *e)
	return nil
}

// Finish checks the last batch. Call it where a checkpoint ends.
func (r *Replay) Finish() error {
	if err := r.endBatch(); err != nil {
		return err
	}
	return r.flush()
}

// endBatch takes the waiting batch into the set. Leaves that are cleared
// together, and leaves that are added together, are hashed together, over
// several batches if r.ahead allows it.
func (r *Replay) endBatch() error {
	if len(r.batch) == 0 {
		return nil
	}
	g, err := r.Group()
	if err != nil {
		return err
	}
	live := r.live
	cleared := false
	first := &r.batch[0]
	for i := range r.batch {
		e := &r.batch[i]
		if e.Op == OpRekeyAnnounced || e.Op == OpRekeyOut || e.Op == OpRekeyIn {
			if lie, reason := r.rekeys.take(e, r.leafAt(g, e.LeafIndex)); lie != "" {
				return r.fault(lie, i, e, reason)
			}
		}
		switch {
		case e.Root != first.Root:
			return r.fault(LieRoot, i, e, "root differs within the batch")
		case e.Live != first.Live:
			return r.fault(LieLive, i, e, "count of live members differs within the batch")
		case e.Op.Adds():
			if err := r.clear(g); err != nil {
				return r.fault(LieLeaf, i, e, err.Error())
			}
			if next := uint64(g.Size() + len(r.adds)); e.LeafIndex != next {
				return r.fault(LieLeaf, i, e, fmt.Sprintf("leaf index %d, the next free one is %d", e.LeafIndex, next))
			}
			r.adds = append(r.adds, e.Commitment) // AddMany refuses one that is a live member
			live++
		case e.Op.Clears():
			if !cleared { // the batches before this one
				if err := r.flushBefore(); err != nil {
					return err
				}
			}
			cleared = true
			if err := r.add(g, len(r.adds)); err != nil {
				return r.fault(LieLeaf, i, e, err.Error())
			}
			if e.LeafIndex >= uint64(g.Size()) || g.Member(int(e.LeafIndex)) != e.Commitment {
				return r.fault(LieLeaf, i, e, "cleared leaf does not hold the commitment")
			}
			r.clears = append(r.clears, semaphore.Replacement{Position: int(e.LeafIndex)})
			live-- // UpdateMany refuses one that is cleared already
		}
	}
	last := len(r.batch) - 1
	e := &r.batch[last]
	if e.Live != live {
		return r.fault(LieLive, last, e, fmt.Sprintf("%d live members logged, %d counted", e.Live, live))
	}
	if err := r.clear(g); err != nil {
		return r.fault(LieLeaf, last, e, err.Error())
	}
	r.waiting = append(r.waiting, unchecked{
		entry: *e, index: r.entries + int64(last), size: g.Size() + len(r.adds), adds: len(r.adds),
		seq: r.seq, live: r.live, entries: r.entries,
	})
	r.live, r.seq, r.entries = live, e.Seq, r.entries+int64(len(r.batch))
	r.batch = r.batch[:0]
	if cleared || len(r.adds) >= r.ahead {
		return r.flush()
	}
	return nil
}

// leafAt gives the leaf at a position as far as the batch is read, 0 if there is
// none. Leaves that the batch clears still stand there.
func (r *Replay) leafAt(g *semaphore.Group, index uint64) semaphore.Element {
	switch size := uint64(g.Size()); {
	case index < size:
		return g.Member(int(index))
	case index-size < uint64(len(r.adds)):
		return r.adds[index-size]
	}
	return semaphore.Element{}
}

func (r *Replay) fault(lie Lie, i int, e *Entry, reason string) error {
	return &AuditError{Lie: lie, Index: r.entries + int64(i), Seq: e.Seq, Reason: reason}
}

// ResumeReplay goes on behind an entry that ended a batch: group is the set at
// that moment, entries the size of the log with it. It is for whoever kept the
// set and has proven that entry in the log; ErrProof if group is not the set
// that the entry names. What was announced and went before is not known, so the
// order of re-keys is for a replay of the whole log.
func ResumeReplay(group *semaphore.Group, last Entry, entries int64) (*Replay, error) {
	if group.Root() != last.Root {
		return nil, fmt.Errorf("%w: the set is not that of its last entry", ErrProof)
	}
	return &Replay{group: group, live: last.Live, seq: last.Seq, day: last.Day, entries: entries, rekeys: rekeys{resumed: true}}, nil
}
