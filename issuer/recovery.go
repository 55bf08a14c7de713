package issuer

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/receipt"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Recover takes in a new capture and a new key of somebody who is enrolled, and
// announces the change of keys in the log at once. The old key may veto it
// (Veto) until its leaf goes, which is not before the cool-down has passed; the
// new leaf comes after the next boundary of the re-key period (Schedule). The
// same request may be sent again after any error: it gets the first answer,
// repeated. Unattended devices are refused (not_accepted).
func (i *Issuer) Recover(ctx context.Context, req api.RecoveryRequest) (r api.Recovery, repeated bool, err error) {
	if !i.rekeys() {
		return r, false, api.Errorf(api.NotFound, "this issuer offers no recoveries")
	}
	w, err := decodeRequest(api.EnrolmentRequest(req))
	if err != nil {
		return r, false, err
	}
	earlier, err := i.session(ctx, w.nonce)
	if err != nil {
		return r, false, err
	}
	commitment, err := signedBy(req.PublicKey[0], req.PublicKey[1], w.signature, func(c semaphore.Element) semaphore.Element {
		return scope.RekeyMessage(w.nonce, i.cfg.Name, c)
	})
	if err != nil {
		return r, false, err
	}
	var c *candidate
	if earlier == nil {
		var refused error
		c, refused = i.capture(ctx, w, commitment, setlog.OpRekeyIn)
		if overtaken(refused) { // by the same request, perhaps
			if earlier, err = i.session(ctx, w.nonce); err != nil {
				return r, false, err
			}
		}
		if refused != nil && earlier == nil {
			return r, false, refused
		}
	}
	if earlier != nil {
		if earlier.Commitment != commitment || earlier.Op != setlog.OpRekeyIn {
			return r, false, &api.Error{Code: api.SessionUsed}
		}
		return i.recovered(ctx, *earlier)
	}
	defer c.probe.Wipe()
	if l, ok := i.cfg.Matcher.(Locator); ok {
		if err := l.Locate(ctx, c.probe); err != nil {
			return r, false, api.Wrap(api.MatcherUnavailable, err)
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	e, repeated, err := i.recover(ctx, c)
	if err != nil {
		return r, false, err
	}
	if _, err := i.force(ctx); err != nil {
		// It is taken in, and the next anchor announces it.
		i.cfg.Logf("issuer: announce a recovery: %v", err)
	}
	r, _, err = i.recovered(ctx, e)
	return r, repeated, err
}

// recovered answers for a recovery that was decided before.
func (i *Issuer) recovered(ctx context.Context, e Enrolment) (api.Recovery, bool, error) {
	if e.State == api.StateRefused && len(e.Receipt) == 0 {
		return api.Recovery{}, true, &api.Error{Code: e.Code}
	}
	r, err := i.recoveryStatus(ctx, e)
	return r, true, err
}

// recover finds out whose capture it is and records the recovery. The caller
// holds mu, so that nothing comes in between.
func (i *Issuer) recover(ctx context.Context, c *candidate) (Enrolment, bool, error) {
	if err := i.ready(ctx); err != nil {
		return Enrolment{}, false, err
	}
	serial, known, err := i.cfg.Matcher.(Finder).Find(c.probe)
	if err != nil {
		return Enrolment{}, false, api.Wrap(api.MatcherUnavailable, err)
	}
	r := Recovery{Intake: c.intake}
	var refuse api.Code
	switch {
	case !known:
		refuse = api.NotEnrolled
	case i.leaving[serial] != (leaver{}):
		refuse = api.CooldownActive
	default:
		if r.Old, err = i.openLeaf(ctx, serial, OpenedForRecovery); err != nil {
			return Enrolment{}, false, err
		}
		if !i.alive(r.Old) { // removed by the operator, or the leaf of a recovery under way
			refuse = api.NotAccepted
		}
	}
	r.Serial = serial
	if err := i.seal.sealLinks(&r.Intake); err != nil {
		return Enrolment{}, false, api.Wrap(api.Internal, err)
	}
	batch := []Intake{r.Intake}
	i.refill(batch)
	r.Intake = batch[0]
	res, err := i.cfg.Store.Recover(ctx, r, refuse)
	if err != nil {
		return Enrolment{}, false, i.failed(ctx, err, false)
	}
	i.recorded(r.Intake, res)
	if res.Err != nil {
		return Enrolment{}, false, res.Err
	}
	return res.Enrolment, res.Repeated, nil
}

// RecoveryStatus tells how far a recovery is. Once the new leaf is in, the
// answer holds a RootProof of its log entry. A recovery that ended early has the
// status refused and a code.
//
// Under the number of the announcement in the log, which the holder of the old
// key finds there, it tells the same without id, receipt and new leaf: that a
// recovery was vetoed stands nowhere else.
func (i *Issuer) RecoveryStatus(ctx context.Context, id string) (api.Recovery, error) {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && strconv.FormatInt(n, 10) == id {
		r, err := i.announced(ctx, id)
		if err != nil {
			return api.Recovery{}, err
		}
		e, err := i.cfg.Store.Enrolment(ctx, r.ID)
		if err != nil {
			return api.Recovery{}, coded(err)
		}
		full, err := i.recoveryStatus(ctx, e)
		return publicRecovery(full), err
	}
	e, err := i.intake(ctx, id, setlog.OpRekeyIn)
	if err != nil {
		return api.Recovery{}, err
	}
	return i.recoveryStatus(ctx, e)
}

func (i *Issuer) recoveryStatus(ctx context.Context, e Enrolment) (api.Recovery, error) {
	full, err := i.wireStatus(ctx, e)
	if err != nil {
		return api.Recovery{}, err
	}
	w := api.Recovery{
		ID: full.ID, Status: api.RecoveryEnded, Code: full.Code, Receipt: full.Receipt,
		Seq: full.Seq, LeafIndex: full.LeafIndex, RootProof: full.RootProof,
	}
	r, err := i.cfg.Store.Recovery(ctx, e.ID)
	switch {
	case errors.Is(err, ErrNotFound): // refused at once
		return w, nil
	case err != nil:
		return w, coded(err)
	}
	w.Status, w.AnnouncedAt, w.OutAt, w.Boundary, w.Due = r.State, r.Announced, r.OutAt, r.Boundary, r.Due
	switch r.State {
	case api.RecoveryAnnounced:
		w.EffectiveAt = i.Schedule().InDue(i.Schedule().Boundary(r.Due))
	case api.RecoveryOut:
		w.EffectiveAt = r.Due
	}
	if r.Announced != 0 {
		n := uint64(r.Record)
		w.Announcement = &n
		w.VetoUntil = r.Announced + i.Schedule().Cooldown
	}
	return w, nil
}

// Veto stops a recovery: req is signed by the old key over scope.VetoMessage. id
// is the number of the announcement in the log, which the holder of the old key
// finds there, or the recovery's own id. It works as long as the old leaf is in
// the set, and may be sent again. The answer holds a signed receipt of the veto,
// and nothing of the other person's.
func (i *Issuer) Veto(ctx context.Context, id string, req api.VetoRequest) (api.Recovery, error) {
	none := api.Recovery{}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return none, err
	}
	r, err := i.announced(ctx, id)
	if err != nil {
		return none, err
	}
	raw, err := scope.DecodeToken(req.Signature)
	if err != nil || len(raw) != 64 {
		return none, api.Errorf(api.NotCanonical, "signature is 64 bytes in base64url")
	}
	who, err := signedBy(req.PublicKey[0], req.PublicKey[1], raw, func(c semaphore.Element) semaphore.Element {
		return scope.VetoMessage(uint64(r.Record), i.cfg.Name, c)
	})
	if err != nil {
		return none, err
	}
	leaf, err := i.leafOf(ctx, r.Record)
	if err != nil {
		return none, err
	}
	if leaf != who {
		return none, api.Errorf(api.PossessionInvalid, "the announcement is about another key")
	}
	e, err := i.cfg.Store.Enrolment(ctx, r.ID)
	if err != nil {
		return none, coded(err)
	}
	if e.Code != api.RecoveryVetoed {
		switch err := i.cfg.Store.Veto(ctx, r.ID); {
		case errors.Is(err, ErrNotFound):
			return none, &api.Error{Code: api.RecoveryOver}
		case err != nil:
			return none, i.failed(ctx, err, false)
		}
		e.State, e.Code = api.StateRefused, api.RecoveryVetoed
	}
	full, err := i.recoveryStatus(ctx, e)
	if err != nil {
		return none, err
	}
	signed, err := receipt.Receipt{
		Kind: receipt.Veto, Issuer: i.cfg.Name, Announcement: uint64(r.Record), Commitment: who, At: i.now() / 1000,
	}.Sign(i.signer)
	if err != nil {
		return none, api.Wrap(api.Internal, err)
	}
	w := publicRecovery(full)
	w.Receipt = base64.RawURLEncoding.EncodeToString(signed)
	return w, nil
}

// publicRecovery is what everybody may know of a recovery who knows the number
// of its announcement: how far it is, and when. Nothing in it leads to the new
// leaf.
func publicRecovery(r api.Recovery) api.Recovery {
	return api.Recovery{
		Status: r.Status, Code: r.Code, Announcement: r.Announcement,
		AnnouncedAt: r.AnnouncedAt, VetoUntil: r.VetoUntil, OutAt: r.OutAt, Boundary: r.Boundary, Due: r.Due, EffectiveAt: r.EffectiveAt,
	}
}

// announced finds an announced recovery by either of its names.
func (i *Issuer) announced(ctx context.Context, id string) (Recovery, error) {
	var r Recovery
	n, err := strconv.ParseInt(id, 10, 64)
	if err == nil && strconv.FormatInt(n, 10) == id {
		r, err = i.cfg.Store.Announcement(ctx, n)
	} else if b, decodeErr := scope.DecodeToken(id); decodeErr == nil && len(b) == len(ID{}) {
		r, err = i.cfg.Store.Recovery(ctx, ID(b))
	} else {
		return r, api.Errorf(api.NotFound, "no such recovery")
	}
	if err != nil {
		return r, coded(err)
	}
	if r.Announced == 0 { // not yet, or over long since
		return r, &api.Error{Code: api.RecoveryOver}
	}
	return r, nil
}

// leafOf reads the commitment that an entry of the log is about.
func (i *Issuer) leafOf(ctx context.Context, record int64) (semaphore.Element, error) {
	e, err := i.entry(ctx, record)
	return e.Commitment, err
}

func encodeID(id ID) string { return base64.RawURLEncoding.EncodeToString(id[:]) }
