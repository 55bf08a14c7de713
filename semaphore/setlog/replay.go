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
	entries int64
	batch   []Entry
}

// AuditError says where a log contradicts itself.
type AuditError struct {
	Index  int64 // of the entry
	Seq    uint64
	Reason string
}

// Error implements error.
func (e *AuditError) Error() string {
	return fmt.Sprintf("setlog: audit: entry %d (seq %d): %s", e.Index, e.Seq, e.Reason)
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
// the first entry of the next one arrives, or at Finish.
func (r *Replay) Apply(entries ...Entry) error {
	for _, e := range entries {
		if len(r.batch) > 0 && r.batch[0].Seq != e.Seq {
			if err := r.Finish(); err != nil {
				return err
			}
		}
		if err := e.Validate(); err != nil {
			return r.fault(len(r.batch), e, err.Error())
		}
		if e.Seq != r.seq+1 {
			return r.fault(len(r.batch), e, fmt.Sprintf("sequence number after %d", r.seq))
		}
		r.batch = append(r.batch, e)
	}
	return nil
}

// Finish checks the last batch. Call it where a checkpoint ends.
func (r *Replay) Finish() error {
	if len(r.batch) == 0 {
		return nil
	}
	g, err := r.Group()
	if err != nil {
		return err
	}
	live := r.live
	var adds []semaphore.Element
	flush := func() error {
		if len(adds) == 0 {
			return nil
		}
		err := g.AddMany(adds)
		adds = nil
		return err
	}
	last := len(r.batch) - 1
	for i, e := range r.batch {
		if e.Root != r.batch[0].Root || e.Live != r.batch[0].Live {
			return r.fault(i, e, "root or live members differ within the batch")
		}
		switch {
		case e.Op.Adds():
			if e.LeafIndex != uint64(g.Size()+len(adds)) {
				return r.fault(i, e, "leaf index is not the next free one")
			}
			adds = append(adds, e.Commitment) // AddMany refuses one that is a live member
			live++
		case e.Op.Clears():
			if err := flush(); err != nil {
				return r.fault(i, e, err.Error())
			}
			if e.LeafIndex >= uint64(g.Size()) || g.Member(int(e.LeafIndex)) != e.Commitment {
				return r.fault(i, e, "cleared leaf does not hold the commitment")
			}
			if err := g.Remove(int(e.LeafIndex)); err != nil {
				return r.fault(i, e, err.Error())
			}
			live--
		}
	}
	e := r.batch[last]
	if err := flush(); err != nil {
		return r.fault(last, e, err.Error())
	}
	if e.Live != live {
		return r.fault(last, e, fmt.Sprintf("%d live members logged, %d counted", e.Live, live))
	}
	if root := g.Root(); e.Root != root {
		return r.fault(last, e, fmt.Sprintf("root %s logged, %s rebuilt", e.Root, root))
	}
	r.live, r.seq, r.entries = live, e.Seq, r.entries+int64(len(r.batch))
	r.batch = r.batch[:0]
	return nil
}

func (r *Replay) fault(i int, e Entry, reason string) error {
	return &AuditError{Index: r.entries + int64(i), Seq: e.Seq, Reason: reason}
}
