package issuer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/receipt"
)

// Release destroys the templates of deleted people whose delay has passed: from
// the matcher, from the store, and with every party that holds a share. Each
// leaves a signed tombstone. Run calls it at every anchor; before a capture is
// compared it is called too. It blocks while parties are asked, ten seconds for a
// person at most, but nothing else of the issuer does. What a party did not do is
// asked for again the next time; until all have, the deletion is not said to be
// done, and the person goes on leaving.
func (i *Issuer) Release(ctx context.Context) error {
	if _, asks := i.cfg.Matcher.(Destroyer); asks {
		i.burying.Lock()
		defer i.burying.Unlock()
		return i.releaseAsking(ctx)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return err
	}
	return i.releaseHere(ctx)
}

// destroyTimeout bounds how long the parties are waited for.
const destroyTimeout = 10 * time.Second

// releaseFirst is Release for a matcher that asks parties, unless another is at it.
// What goes wrong is logged.
func (i *Issuer) releaseFirst(ctx context.Context) {
	if _, asks := i.cfg.Matcher.(Destroyer); !asks || !i.burying.TryLock() {
		return
	}
	defer i.burying.Unlock()
	if err := i.releaseAsking(ctx); err != nil && ctx.Err() == nil {
		i.cfg.Logf("issuer: %v", err)
	}
}

// releaseAsking is called by the holder of burying, who does not hold mu.
func (i *Issuer) releaseAsking(ctx context.Context) error {
	i.mu.Lock()
	err := i.ready(ctx)
	var due map[Serial]Deletion
	if err == nil {
		due, err = i.overdue(ctx)
	}
	i.mu.Unlock()
	if err != nil {
		return err
	}
	for serial, d := range due {
		bounded, cancel := context.WithTimeout(ctx, destroyTimeout)
		receipts, err := i.cfg.Matcher.(Destroyer).Destroy(bounded, serial)
		cancel()
		if err != nil {
			return api.Wrap(api.MatcherUnavailable, fmt.Errorf("issuer: destroy a template: %w", err))
		}
		if err := i.buryLater(ctx, d, serial, receipts); err != nil {
			return err
		}
	}
	return nil
}

func (i *Issuer) buryLater(ctx context.Context, d Deletion, serial Serial, receipts [][]byte) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return err
	}
	if i.leaving[serial].id != d.ID { // the store was read again in between
		return nil
	}
	return i.bury(ctx, d, serial, receipts)
}

// releaseHere is Release for a matcher that has the templates itself. The caller
// holds mu.
func (i *Issuer) releaseHere(ctx context.Context) error {
	if _, asks := i.cfg.Matcher.(Destroyer); asks {
		return nil
	}
	due, err := i.overdue(ctx)
	if err != nil {
		return err
	}
	for serial, d := range due {
		if err := i.bury(ctx, d, serial, nil); err != nil {
			return err
		}
	}
	return nil
}

// overdue gives the deletions whose templates are to be destroyed now. The caller
// holds mu.
func (i *Issuer) overdue(ctx context.Context) (map[Serial]Deletion, error) {
	if !i.gallery.open.Load() {
		return nil, nil // who is due is found in it
	}
	now := i.now() / 1000
	due := map[Serial]Deletion{}
	for serial, l := range i.leaving {
		if l.until > now {
			continue
		}
		d, err := i.cfg.Store.Deletion(ctx, l.id)
		if err != nil {
			return nil, coded(err)
		}
		if at := i.reentry(d); d.Removed == 0 || at > now {
			l.until = max(at, now+1) // the anchor came late, or not yet
			i.leaving[serial] = l
			continue
		}
		due[serial] = d
	}
	return due, nil
}

// bury is repeated after a crash until the store has the tombstone: the parties
// come first, the row that leads to them last. The caller holds mu.
func (i *Issuer) bury(ctx context.Context, d Deletion, serial Serial, receipts [][]byte) error {
	if i.cache != nil { // a crash from here on costs one slow start
		if err := i.cache.drop(); err != nil { // what is left, the store destroys with its key
			i.cfg.Logf("issuer: gallery cache: %v", err)
		}
	}
	d.Destroyed = i.now() / 1000
	word := i.word(receipt.Tombstone, d, d.Destroyed)
	word.Parties = receipts
	var err error
	if d.Tombstone, err = word.Sign(i.signer); err != nil {
		return api.Wrap(api.Internal, err)
	}
	if err := i.cfg.Store.Destroy(ctx, d, serial); err != nil {
		return i.failed(ctx, err, false)
	}
	i.cfg.Matcher.Remove(serial)
	delete(i.leaving, serial)
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
