package issuer

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const loadChunk = 4096 // log entries read at a time

// load makes what is held in memory from the store and believes none of it. From
// a snapshot of the set it goes on with what was logged since; without one the
// log is replayed entry by entry, and set, hashes, roots and the last checkpoint
// must all agree. The caller holds mu.
func (i *Issuer) load(ctx context.Context) error {
	state, err := i.cfg.Store.Load(ctx, i.sinceWhen(), false)
	if err != nil {
		return err
	}
	group := i.restored(ctx, state)
	i.verified.Store(group == nil)
	if group == nil {
		if state, group, err = i.rebuilt(ctx); err != nil {
			return err
		}
	}
	i.group = group
	i.imported.Store(state.Imported)
	if len(state.Roots) == 0 {
		i.shown.Store(nil)
		return nil
	}
	return i.show(ctx, state.Roots)
}

// sinceWhen is how far back roots are needed, in unix milliseconds.
func (i *Issuer) sinceWhen() uint64 {
	keep := uint64(max(i.cfg.Window, setTileLife).Milliseconds())
	now := i.now()
	return now - min(now, keep)
}

// rebuilt reads all that is stored of set and log, and replays it.
func (i *Issuer) rebuilt(ctx context.Context) (State, *semaphore.Group, error) {
	fail := func(err error) (State, *semaphore.Group, error) { return State{}, nil, err }
	state, err := i.cfg.Store.Load(ctx, i.sinceWhen(), true)
	if err != nil {
		return fail(err)
	}
	var last Root
	if n := len(state.Roots); n > 0 {
		last = state.Roots[n-1]
	}
	replay := &setlog.Replay{}
	hashes, err := i.replay(ctx, replay, 0, last.LogSize, setlog.Hashes(nil))
	if err != nil {
		return fail(err)
	}
	if int64(len(hashes)) != state.Hashes {
		return fail(fmt.Errorf("%w: %d log hashes stored, %d expected", ErrCorrupt, state.Hashes, len(hashes)))
	}
	group, err := replay.Group()
	if err != nil {
		return fail(err)
	}
	if group.Size() != len(state.Leaves) {
		return fail(fmt.Errorf("%w: %d members, log has %d", ErrCorrupt, len(state.Leaves), group.Size()))
	}
	for n, leaf := range state.Leaves {
		if group.Member(n) != leaf {
			return fail(fmt.Errorf("%w: member %d", ErrCorrupt, n))
		}
	}
	if last.Seq == 0 {
		return state, group, nil
	}
	return state, group, i.agrees(last, replay, hashes)
}

// agrees compares the replayed log with the last root and its checkpoint, which
// must be signed by our own key.
func (i *Issuer) agrees(last Root, replay *setlog.Replay, hashes tlog.HashReader) error {
	c, err := i.openCheckpoint(last.Checkpoint)
	if err != nil {
		return fmt.Errorf("%w: last checkpoint: %w", ErrWrongKey, err)
	}
	tree, err := tlog.TreeHash(last.LogSize, hashes)
	if err != nil {
		return corrupt(err)
	}
	group, err := replay.Group()
	if err != nil {
		return err
	}
	if c.Size != last.LogSize || c.Hash != tree {
		return fmt.Errorf("%w: the log does not hash to the last checkpoint", ErrCorrupt)
	}
	if replay.Seq() != last.Seq || group.Root() != last.Root || replay.Live() != last.Live ||
		uint64(group.Size()) != last.Size || group.Depth() != last.Depth {
		return fmt.Errorf("%w: the set does not match its last root", ErrCorrupt)
	}
	return nil
}

// corrupt tells a store that contradicts itself from one that does not answer:
// a cancelled or busy read is no evidence of anything.
func corrupt(err error) error {
	if errors.Is(err, ErrBusy) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, err)
}

// replay reads the log's entries [from, size) into a replay that stands at from,
// computes every hash that they store, and compares it with what is stored. old
// reads the hashes stored before.
func (i *Issuer) replay(ctx context.Context, replay *setlog.Replay, from, size int64, old tlog.HashReader) (setlog.Hashes, error) {
	first := tlog.StoredHashCount(from)
	var hashes setlog.Hashes
	for ; from < size; from += loadChunk {
		raw, err := i.cfg.Store.Entries(ctx, from, min(from+loadChunk, size))
		if err != nil {
			return nil, corrupt(err)
		}
		for n, b := range raw {
			e, err := setlog.ParseEntry(b)
			if err != nil {
				return nil, fmt.Errorf("%w: log entry %d: %w", ErrCorrupt, from+int64(n), err)
			}
			more, err := tlog.StoredHashes(from+int64(n), e.Record(), setlog.Overlay{Base: old, From: first, New: hashes})
			if err != nil {
				return nil, corrupt(err)
			}
			hashes = append(hashes, more...)
			if err := replay.Apply(e); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
		}
	}
	if err := replay.Finish(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return hashes, i.sameHashes(ctx, first, hashes)
}

// sameHashes compares the computed hashes with the stored ones from first on.
func (i *Issuer) sameHashes(ctx context.Context, first int64, hashes setlog.Hashes) error {
	indexes := make([]int64, 0, loadChunk)
	for from := 0; from < len(hashes); from += loadChunk {
		indexes = indexes[:0]
		for n := from; n < min(from+loadChunk, len(hashes)); n++ {
			indexes = append(indexes, first+int64(n))
		}
		stored, err := i.cfg.Store.Hashes(ctx, indexes)
		if err != nil {
			return corrupt(err)
		}
		for n, h := range stored {
			if h != hashes[from+n] {
				return fmt.Errorf("%w: log hash %d", ErrCorrupt, indexes[n])
			}
		}
	}
	return nil
}
