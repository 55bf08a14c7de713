package issuer

import (
	"context"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/receipt"
)

// Release destroys the templates of deleted people whose delay has passed: from
// the matcher, from the store, and with every party that holds a share. Each
// leaves a signed tombstone. Run calls it at every anchor; before an intake is
// decided it is called too.
func (i *Issuer) Release(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return err
	}
	return i.release(ctx)
}

func (i *Issuer) release(ctx context.Context) error {
	if !i.gallery.open.Load() {
		return nil // who is due is found in it
	}
	now := i.now() / 1000
	for serial, l := range i.leaving {
		if l.until > now {
			continue
		}
		d, err := i.cfg.Store.Deletion(ctx, l.id)
		if err != nil {
			return coded(err)
		}
		if due := i.reentry(d); d.Removed == 0 || due > now {
			l.until = max(due, now+1) // the anchor came late, or not yet
			i.leaving[serial] = l
			continue
		}
		if err := i.destroy(ctx, d, serial, now); err != nil {
			return err
		}
		delete(i.leaving, serial)
	}
	return nil
}

// destroy is repeated after a crash until the store has the tombstone: the
// parties come first, the row that leads to them last.
func (i *Issuer) destroy(ctx context.Context, d Deletion, serial Serial, now uint64) error {
	var receipts [][]byte
	if p, ok := i.cfg.Matcher.(Destroyer); ok {
		var err error
		if receipts, err = p.Destroy(ctx, serial); err != nil {
			return api.Wrap(api.MatcherUnavailable, fmt.Errorf("issuer: destroy a template: %w", err))
		}
	}
	word := i.word(receipt.Tombstone, d, now)
	word.Parties = receipts
	var err error
	if d.Tombstone, err = word.Sign(i.signer); err != nil {
		return api.Wrap(api.Internal, err)
	}
	d.Destroyed = now
	if err := i.cfg.Store.Destroy(ctx, d, serial); err != nil {
		return i.failed(ctx, err, false)
	}
	i.cfg.Matcher.Remove(serial)
	return nil
}

// VerifyLeaving looks for the deletion behind each template that is marked as
// leaving: ErrCorrupt if one is not on record or done already. Only the
// operator's secret reads the marks, so nothing else can miss a deletion of
// which every row is lost. The gallery has to be open.
func (i *Issuer) VerifyLeaving(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, l := range i.leaving {
		d, err := i.cfg.Store.Deletion(ctx, l.id)
		switch {
		case errors.Is(err, ErrNotFound):
			return fmt.Errorf("%w: a template is marked for a deletion that is not on record", ErrCorrupt)
		case err != nil:
			return coded(err)
		case d.Destroyed != 0 || d.Until == d.Received:
			return fmt.Errorf("%w: a template is marked for a deletion that destroyed it, or had none to destroy", ErrCorrupt)
		}
	}
	return nil
}
