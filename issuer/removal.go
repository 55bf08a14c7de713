package issuer

import (
	"context"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Removal asks for the removal of a leaf by the operator. A normal one waits
// for the next anchor and leaves older roots good for their window; an urgent
// one anchors at once and voids every older root. The person's template stays:
// who was removed cannot simply come back. A recovery of the member ends with
// it; if the old leaf of one has gone already, its new one never comes.
func (i *Issuer) Removal(ctx context.Context, index uint64, urgent bool) error {
	var ticket ID
	if err := i.random(ticket[:]); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return err
	}
	err := i.cfg.Store.Remove(ctx, Change{Ticket: ticket, Op: setlog.OpRemove, Index: index, Urgent: urgent, Since: i.now() / 1000})
	if err != nil {
		return i.failed(ctx, err, false)
	}
	if !urgent || i.group.Member(int(index)).IsZero() { // gone already: only a recovery was ended
		return nil
	}
	done, err := i.force(ctx)
	if err == nil && done.Seq == 0 {
		err = api.Errorf(api.Internal, "the removal was not anchored")
	}
	return err
}

// Dismissal deletes the member at a leaf on the person's behalf, as Delete does
// with a signature: at once, with the re-entry delay, a receipt and a tombstone.
// It is the way out for somebody whose key is in the wrong hands, and who has
// shown that to the operator in person: whoever holds the key could veto every
// recovery.
func (i *Issuer) Dismissal(ctx context.Context, index uint64) (api.Deletion, error) {
	var n Nonce // in the place of a session, which nobody began
	if err := i.random(n[:]); err != nil {
		return api.Deletion{}, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return api.Deletion{}, err
	}
	if index >= uint64(i.group.Size()) || i.group.Member(int(index)).IsZero() {
		return api.Deletion{}, api.Errorf(api.NotFound, "no member at this position")
	}
	d, _, err := i.delete(ctx, n, i.group.Member(int(index)))
	if err != nil {
		return api.Deletion{}, err
	}
	if _, err := i.force(ctx); err != nil {
		i.cfg.Logf("issuer: anchor a deletion: %v", err)
	}
	return i.DeletionStatus(ctx, encodeID(d.ID))
}
