package issuer

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const loadChunk = 4096 // log entries read at a time

// load rebuilds everything held in memory from the store and believes none of
// it: the log is replayed entry by entry, and set, hashes, roots and the last
// checkpoint must all agree. The caller holds mu.
func (i *Issuer) load(ctx context.Context) error {
	keep := uint64(max(i.cfg.Window, setTileLife).Milliseconds())
	now := i.now()
	state, err := i.cfg.Store.Load(ctx, now-min(now, keep))
	if err != nil {
		return err
	}
	if err := i.loadGallery(ctx); err != nil {
		return err
	}
	var last Root
	if n := len(state.Roots); n > 0 {
		last = state.Roots[n-1]
	}
	replay, hashes, err := i.replay(ctx, last.LogSize)
	if err != nil {
		return err
	}
	if int64(len(hashes)) != state.Hashes {
		return fmt.Errorf("%w: %d log hashes stored, %d expected", ErrCorrupt, state.Hashes, len(hashes))
	}
	group, err := replay.Group()
	if err != nil {
		return err
	}
	if group.Size() != len(state.Leaves) {
		return fmt.Errorf("%w: %d members, log has %d", ErrCorrupt, len(state.Leaves), group.Size())
	}
	for n, leaf := range state.Leaves {
		if group.Member(n) != leaf {
			return fmt.Errorf("%w: member %d", ErrCorrupt, n)
		}
	}
	i.group = group
	i.imported.Store(state.Imported)
	if last.Seq == 0 {
		i.shown.Store(nil)
		return nil
	}
	if err := i.agrees(last, replay, hashes); err != nil {
		return err
	}
	return i.show(ctx, state.Roots)
}

// agrees compares the replayed log with the last root and its checkpoint, which
// must be signed by our own key.
func (i *Issuer) agrees(last Root, replay *setlog.Replay, hashes setlog.Hashes) error {
	c, err := i.openCheckpoint(last.Checkpoint)
	if err != nil {
		return fmt.Errorf("%w: last checkpoint: %w", ErrWrongKey, err)
	}
	tree, err := tlog.TreeHash(last.LogSize, hashes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
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

// replay reads the whole log once: it rebuilds the set and computes every
// stored hash, comparing with what is stored.
func (i *Issuer) replay(ctx context.Context, size int64) (*setlog.Replay, setlog.Hashes, error) {
	replay := &setlog.Replay{}
	var hashes setlog.Hashes
	for from := int64(0); from < size; from += loadChunk {
		raw, err := i.cfg.Store.Entries(ctx, from, min(from+loadChunk, size))
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		for n, b := range raw {
			e, err := setlog.ParseEntry(b)
			if err != nil {
				return nil, nil, fmt.Errorf("%w: log entry %d: %w", ErrCorrupt, from+int64(n), err)
			}
			more, err := tlog.StoredHashes(from+int64(n), e.Record(), hashes)
			if err != nil {
				return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			hashes = append(hashes, more...)
			if err := replay.Apply(e); err != nil {
				return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
		}
	}
	if err := replay.Finish(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return replay, hashes, i.sameHashes(ctx, hashes)
}

// sameHashes compares the computed hashes with the stored ones.
func (i *Issuer) sameHashes(ctx context.Context, hashes setlog.Hashes) error {
	indexes := make([]int64, 0, loadChunk)
	for from := 0; from < len(hashes); from += loadChunk {
		indexes = indexes[:0]
		for n := from; n < min(from+loadChunk, len(hashes)); n++ {
			indexes = append(indexes, int64(n))
		}
		stored, err := i.cfg.Store.Hashes(ctx, indexes)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		for n, h := range stored {
			if h != hashes[from+n] {
				return fmt.Errorf("%w: log hash %d", ErrCorrupt, from+n)
			}
		}
	}
	return nil
}

// loadGallery fills the matcher from the sealed templates. Rows from before
// there were marks get theirs, or those of people who leave would stand out.
func (i *Issuer) loadGallery(ctx context.Context) error {
	i.cfg.Matcher.Reset()
	i.leaving = map[Serial]leaver{}
	var unmarked []TemplateMark
	err := i.cfg.Store.Templates(ctx, func(t Template) error {
		l, err := i.seal.openMark(t)
		if err != nil {
			return errors.Join(ErrWrongOperator, err)
		}
		if l != (leaver{}) {
			i.leaving[t.Serial] = l
		}
		if len(t.Mark) == 0 {
			m, err := i.seal.sealMark(t.Serial, leaver{})
			if err != nil {
				return err
			}
			unmarked = append(unmarked, TemplateMark{t.Serial, m})
		}
		if len(t.Sealed) == 0 { // the matcher keeps it
			return nil
		}
		kept, err := i.seal.openTemplate(t)
		if err != nil {
			return errors.Join(ErrWrongOperator, err)
		}
		defer clear(kept)
		return i.cfg.Matcher.Restore(t.Serial, capture.Modality(t.Modality), kept)
	})
	if err != nil || len(unmarked) == 0 {
		return err
	}
	return i.cfg.Store.Mark(ctx, unmarked)
}
