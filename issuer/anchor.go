package issuer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// ErrClock: the clock stands before the last anchor. Nothing is signed until it
// has caught up.
var ErrClock = errors.New("issuer: clock is behind the last anchor")

const dayMillis = 24 * 60 * 60 * 1000

// Anchored says what an anchor published.
type Anchored struct {
	Seq     uint64 // 0: nothing waited
	Changes int
}

// Anchor publishes all pending changes that are due as one batch, now. If it
// answers in_doubt, the issuer has reloaded or will, and the next Anchor goes on
// from what the store then holds.
func (i *Issuer) Anchor(ctx context.Context) (Anchored, error) {
	return i.anchor(ctx, func(ready []Change, _ uint64) []Change { return ready })
}

// A taking says which of the changes that are ready go into an anchor, nil for
// no anchor. now is in unix milliseconds.
type taking func(ready []Change, now uint64) []Change

// due is the rule of the periodic anchor: everything, if there is enough of it,
// something that does not wait for company, or something from a day that has
// ended.
func (i *Issuer) due(ready []Change, now uint64) []Change {
	if len(ready) >= i.cfg.MinBatch || slices.ContainsFunc(ready, func(c Change) bool {
		return !waits(c) || c.Since*1000/dayMillis < now/dayMillis
	}) {
		return ready
	}
	return nil
}

// prompt is the rule of an anchor that cannot wait: new members go on waiting
// for the periodic one, where they hide among each other.
func prompt(ready []Change, _ uint64) []Change {
	return slices.DeleteFunc(slices.Clone(ready), func(c Change) bool { return c.Op.Adds() })
}

// waits tells whether a change can wait for others to hide among. The steps of
// recoveries have their own times, common to all of a period.
func waits(c Change) bool {
	switch c.Op {
	case setlog.OpRekeyAnnounced, setlog.OpRekeyOut, setlog.OpRekeyIn:
		return false
	}
	return !c.Urgent
}

func (i *Issuer) anchor(ctx context.Context, take taking) (Anchored, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.anchorLocked(ctx, take)
}

// force anchors what cannot wait and is on record already. Whoever asked for it
// may have hung up by now: a member who is to go does not stay until the next
// period because nobody waits for the answer. The caller holds mu.
func (i *Issuer) force(ctx context.Context) (Anchored, error) {
	done, err := i.anchorLocked(context.WithoutCancel(ctx), prompt)
	if err != nil {
		select {
		case i.forced <- struct{}{}: // Run tries again, well before the next period
		default: // it knows
		}
	}
	return done, err
}

func (i *Issuer) anchorLocked(ctx context.Context, take taking) (Anchored, error) {
	if err := i.ready(ctx); err != nil {
		return Anchored{}, err
	}
	var next *shown
	var batch *Batch
	touched := false
	err := i.cfg.Store.Anchor(ctx, func(pending []Change, log tlog.HashReader) (_ *Batch, err error) {
		now := i.now()
		taken := take(i.steady(pending, now/1000), now)
		if len(taken) == 0 {
			return nil, nil
		}
		if s := i.shown.Load(); s != nil && now < s.root.Created {
			return nil, ErrClock
		}
		touched = true // from here on the set in memory is ahead of the store
		batch, next, err = i.build(inOrder(taken), log, now)
		return batch, err
	})
	if err != nil {
		return Anchored{}, i.failed(ctx, err, touched)
	}
	i.lastTry.Store(i.now())
	if batch == nil {
		return Anchored{}, nil
	}
	i.shown.Store(next)
	return Anchored{batch.Root.Seq, len(batch.Entries)}, nil
}

// build applies changes to the set in memory, in order, and signs what they lead
// to. It runs inside the store's transaction; nothing of it is shown before that
// commits.
func (i *Issuer) build(ordered []Change, log tlog.HashReader, now uint64) (*Batch, *shown, error) {
	var last Root
	prev := i.shown.Load()
	if prev != nil {
		last = prev.root
	}
	entries, changed, err := i.apply(ordered, last, now)
	if err != nil {
		return nil, nil, err
	}
	hashes, tree, err := setlog.Append(last.LogSize, entries, log)
	if err != nil {
		return nil, nil, err
	}
	after := setlog.Overlay{Base: log, From: tlog.StoredHashCount(last.LogSize), New: hashes}
	if err := i.extends(last, tree, after); err != nil {
		return nil, nil, err
	}
	e := entries[len(entries)-1]
	root := Root{
		Seq: e.Seq, Root: e.Root, Size: uint64(i.group.Size()), Live: e.Live, Depth: i.group.Depth(),
		MinValidSeq: last.MinValidSeq, LogSize: tree.N, Created: now,
	}
	if slices.ContainsFunc(ordered, func(c Change) bool { return c.Urgent || c.Op == setlog.OpRekeyOut }) {
		root.MinValidSeq = root.Seq
	}
	checkpoint := setlog.Checkpoint{Origin: i.cfg.Name, Size: tree.N, Hash: tree.Hash}
	if root.Checkpoint, err = checkpoint.Sign(i.signers...); err != nil {
		return nil, nil, err
	}
	b := &Batch{Root: root, Hashes: hashes}
	for n, c := range ordered {
		raw, err := entries[n].MarshalBinary()
		if err != nil {
			return nil, nil, err
		}
		b.Entries = append(b.Entries, BatchEntry{
			Ticket: c.Ticket, Op: c.Op, Index: entries[n].LeafIndex,
			Commitment: c.Commitment, Document: c.Document, Entry: raw, Imported: c.imported,
		})
	}
	if err := i.steps(b, ordered, last.LogSize, now); err != nil {
		return nil, nil, err
	}
	next, err := i.nextShown(prev, root, e, changed, after)
	return b, next, err
}

// inOrder sorts a batch so that its order says nothing about who came when:
// documents, announcements, then removals by position, then new members by
// commitment.
func inOrder(pending []Change) []Change {
	rank := func(c Change) int {
		switch {
		case c.Op.Publishes():
			return 0
		case c.Op == setlog.OpRekeyAnnounced:
			return 1
		case c.Op.Clears():
			return 2
		}
		return 3
	}
	out := slices.Clone(pending)
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Index, b.Index),
			bytes.Compare(a.Commitment[:], b.Commitment[:]), bytes.Compare(a.Document[:], b.Document[:]))
	})
	return out
}

// apply changes the set in memory and gives the entries, and the positions
// that changed.
func (i *Issuer) apply(ordered []Change, last Root, now uint64) ([]setlog.Entry, []uint64, error) {
	entries := make([]setlog.Entry, len(ordered))
	var changed []uint64
	var adds []semaphore.Element
	live := last.Live
	for n, c := range ordered {
		e := setlog.Entry{Op: c.Op, LeafIndex: c.Index, Commitment: c.Commitment, Document: c.Document, Biometric: c.Biometric}
		switch {
		case c.Op.Clears():
			if err := i.group.Remove(int(c.Index)); err != nil {
				return nil, nil, fmt.Errorf("issuer: remove leaf: %w", err)
			}
			live--
			changed = append(changed, c.Index)
		case c.Op.Adds():
			e.LeafIndex = last.Size + uint64(len(adds))
			adds = append(adds, c.Commitment)
			live++
			changed = append(changed, e.LeafIndex)
		}
		entries[n] = e
	}
	if len(adds) > 0 {
		if err := i.group.AddMany(adds); err != nil {
			return nil, nil, fmt.Errorf("issuer: add members: %w", err)
		}
	}
	root := i.group.Root()
	for n := range entries {
		entries[n].Seq, entries[n].Root = last.Seq+1, root
		entries[n].Live, entries[n].Day = live, uint32(now/dayMillis)
	}
	return entries, changed, nil
}

// extends refuses to sign a tree that is not the last signed one plus entries.
func (i *Issuer) extends(last Root, tree tlog.Tree, r tlog.HashReader) error {
	if last.Seq == 0 {
		return nil
	}
	c, err := i.openCheckpoint(last.Checkpoint)
	if err != nil {
		return fmt.Errorf("issuer: last checkpoint: %w", err)
	}
	proof, err := tlog.ProveTree(tree.N, c.Size, r)
	if err != nil {
		return fmt.Errorf("issuer: consistency: %w", err)
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, c.Size, c.Hash); err != nil {
		return fmt.Errorf("%w: the new tree does not extend the last signed one", ErrCorrupt)
	}
	return nil
}

// nextShown is what the world sees after the commit.
func (i *Issuer) nextShown(prev *shown, root Root, last setlog.Entry, changed []uint64, r tlog.HashReader) (*shown, error) {
	proof, err := setlog.ProveRoot(last, root.LogSize-1, root.Checkpoint, r)
	if err != nil {
		return nil, err
	}
	next := &shown{root: root, proof: proof, views: map[uint64]setView{}}
	if prev == nil {
		next.views[root.Seq] = newSetView(i.group)
	} else {
		was := prev.root
		was.Superseded = root.Created
		next.window = append([]Root{was}, young(prev.window, root.Created, uint64(i.cfg.Window.Milliseconds()))...)
		maps.Copy(next.views, prev.views)
		maps.DeleteFunc(next.views, func(_ uint64, v setView) bool {
			return v.superseded != 0 && v.superseded+uint64(setTileLife.Milliseconds()) <= root.Created
		})
		old := next.views[was.Seq]
		next.views[root.Seq] = old.after(i.group, changed)
		old.superseded = root.Created
		next.views[was.Seq] = old
	}
	return next, i.sign(next, root.Created)
}

// young keeps the roots superseded less than life ago; newest first.
func young(roots []Root, now, life uint64) []Root {
	n := slices.IndexFunc(roots, func(r Root) bool { return r.Superseded+life <= now })
	if n < 0 {
		return roots
	}
	return roots[:n]
}
