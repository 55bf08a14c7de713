package issuer

import (
	"context"
	"encoding/base64"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/receipt"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Delete removes the member whose identity key signed the request
// (scope.DeleteMessage over a session of StartSession), at once: the leaf is
// zeroed and every earlier root void. The template stays match-only for the
// published delay, so that the person cannot come back within a period for which
// there is one act, and is then destroyed: see Release. The answer holds a
// signed receipt; the same request again gets the same one, repeated.
func (i *Issuer) Delete(ctx context.Context, req api.DeletionRequest) (w api.Deletion, repeated bool, err error) {
	nonce, signature, err := deletionRequest(req)
	if err != nil {
		return w, false, err
	}
	earlier, err := i.session(ctx, nonce)
	if err != nil {
		return w, false, err
	}
	commitment, err := signedBy(req.PublicKey[0], req.PublicKey[1], signature, func(c semaphore.Element) semaphore.Element {
		return scope.DeleteMessage(nonce, i.cfg.Name, c)
	})
	if err != nil {
		return w, false, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return w, false, err
	}
	var d Deletion
	if earlier == nil {
		if d, repeated, err = i.delete(ctx, nonce, commitment); err != nil {
			return w, false, err
		}
	} else {
		if earlier.Op != setlog.OpRemove || earlier.Commitment != commitment {
			return w, false, &api.Error{Code: api.SessionUsed}
		}
		d, repeated = Deletion{ID: earlier.ID}, true
	}
	if _, err := i.force(ctx); err != nil {
		// It is taken in, and the next anchor removes the leaf.
		i.cfg.Logf("issuer: anchor a deletion: %v", err)
	}
	w, err = i.DeletionStatus(ctx, encodeID(d.ID))
	return w, repeated, err
}

// delete records a deletion. The caller holds mu.
func (i *Issuer) delete(ctx context.Context, nonce Nonce, commitment semaphore.Element) (d Deletion, repeated bool, err error) {
	if !i.alive(commitment) {
		return d, false, &api.Error{Code: api.NotEnrolled}
	}
	serial, err := i.openSerial(ctx, commitment, OpenedForDeletion)
	if err != nil {
		return d, false, err
	}
	now := i.now() / 1000
	d = Deletion{Session: nonce, Received: now, Commitment: commitment, Until: now}
	if err := i.random(d.ID[:]); err != nil {
		return d, false, err
	}
	var mark []byte
	l := leaver{id: d.ID}
	if serial != nil {
		d.Until = i.Schedule().ReentryDue(now+1, uint64(i.cfg.Life.ReentryDelay.Seconds()))
		l.until = d.Until
		if mark, err = i.seal.sealMark(*serial, l); err != nil {
			return d, false, api.Wrap(api.Internal, err)
		}
	}
	word := i.word(receipt.Deletion, d, d.Received)
	word.Until = d.Until
	if d.Receipt, err = word.Sign(i.signer); err != nil {
		return d, false, api.Wrap(api.Internal, err)
	}
	d, repeated, err = i.cfg.Store.Delete(ctx, d, serial, mark)
	if err != nil {
		return d, false, i.failed(ctx, err, false)
	}
	if serial != nil && !repeated {
		i.leaving[*serial] = l
	}
	return d, repeated, nil
}

func deletionRequest(req api.DeletionRequest) (nonce Nonce, signature []byte, err error) {
	b, err := scope.DecodeToken(req.Session)
	if err != nil || len(b) != len(nonce) {
		return nonce, nil, api.Errorf(api.NotCanonical, "session is 32 bytes in base64url")
	}
	if signature, err = scope.DecodeToken(req.Signature); err != nil || len(signature) != 64 {
		return nonce, nil, api.Errorf(api.NotCanonical, "signature is 64 bytes in base64url")
	}
	return Nonce(b), signature, nil
}

// DeletionStatus tells how far a deletion is, with a RootProof of the removal's
// log entry, and with the tombstone once the template is destroyed.
func (i *Issuer) DeletionStatus(ctx context.Context, id string) (api.Deletion, error) {
	e, err := i.intake(ctx, id, setlog.OpRemove)
	if err != nil {
		return api.Deletion{}, err
	}
	d, err := i.cfg.Store.Deletion(ctx, e.ID)
	if err != nil {
		return api.Deletion{}, coded(err)
	}
	full, err := i.wireStatus(ctx, e)
	if err != nil {
		return api.Deletion{}, err
	}
	w := api.Deletion{
		ID: full.ID, Status: api.DeletionAccepted, Receipt: full.Receipt, ReentryAt: i.reentry(d),
		Seq: full.Seq, RootProof: full.RootProof, DestroyedAt: d.Destroyed,
	}
	switch {
	case d.Destroyed != 0:
		w.Status = api.DeletionDestroyed
		w.Tombstone = base64.RawURLEncoding.EncodeToString(d.Tombstone)
	case d.Removed != 0:
		w.Status = api.DeletionRemoved
	}
	return w, nil
}

// reentry is when the template of a deletion may be destroyed: never before it
// was promised, and counted from the anchor that removed the leaf, should that
// have come late.
func (i *Issuer) reentry(d Deletion) uint64 {
	if d.Removed == 0 || d.Until == d.Received {
		return d.Until
	}
	return max(d.Until, i.Schedule().ReentryDue(d.Removed+1, uint64(i.cfg.Life.ReentryDelay.Seconds())))
}

// word starts a signed receipt about a deletion.
func (i *Issuer) word(kind receipt.Kind, d Deletion, at uint64) receipt.Receipt {
	return receipt.Receipt{Kind: kind, Issuer: i.cfg.Name, ID: d.ID, Session: d.Session, Commitment: d.Commitment, At: at}
}
