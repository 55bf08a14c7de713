package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Info is the issuer's public description of itself.
func (i *Issuer) Info() api.IssuerInfo {
	info := api.IssuerInfo{
		Name: i.cfg.Name, VKey: i.vkey, Depth: i.cfg.Depth,
		AnchorPeriod: uint64(i.cfg.Anchor.Seconds()), Window: uint64(i.cfg.Window.Seconds()),
		Evidence: i.evidence(), Matcher: i.cfg.Matcher.Name(), MatcherNote: i.cfg.Matcher.Note(),
		ErrorRates: append([]api.ErrorRate{}, i.cfg.ErrorRates...),
		Unattended: len(i.cfg.Unattended) > 0,
		Witnesses:  append([]string{}, i.cfg.Witnesses...), Quorum: i.cfg.Quorum, VKeys: i.vkeys(),
		ReentryDelay: uint64(i.cfg.Life.ReentryDelay / time.Second),
	}
	if keyed, ok := i.cfg.Matcher.(Keyed); ok {
		info.MatcherKeys = keyed.Keys()
	}
	if i.rekeys() {
		info.RekeyPeriod, info.Cooldown = uint64(i.cfg.Life.RekeyPeriod/time.Second), uint64(i.cfg.Life.Cooldown/time.Second)
	}
	if i.imported.Load() {
		info.Evidence = append(info.Evidence, importEvidence)
	}
	info.Bound = uint32(len(info.Evidence))
	return info
}

// importEvidence is the kind of evidence that imported members came by: none
// that a capture could be compared with, so one person can be imported and
// enrol too.
const importEvidence = "import"

// evidence lists the accepted modalities. Captures of different modalities
// cannot be compared with each other, so one person gets in once per kind: their
// number is the bound that every verdict over this set states.
func (i *Issuer) evidence() []string {
	kinds := []string{}
	for m := range i.cfg.Capture.Accept {
		kinds = append(kinds, string(m))
	}
	slices.Sort(kinds)
	return kinds
}

// describe gives the description as it is served; the log holds its hash.
func (i *Issuer) describe() ([]byte, error) {
	b, err := json.Marshal(i.Info())
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return append(b, '\n'), nil
}

// Document gives the bytes of the metadata document. Their SHA-256 is the
// newest policy entry of the log, so a change of policy cannot go unseen.
func (i *Issuer) Document() []byte { return *i.document.Load() }

// publishPolicy enters the metadata document into the log unless the newest
// policy entry is of the same one. The caller holds mu.
func (i *Issuer) publishPolicy(ctx context.Context) error {
	document, err := i.describe()
	if err != nil {
		return err
	}
	i.document.Store(&document)
	hash := sha256.Sum256(document)
	have, err := i.lastPolicy(ctx)
	if err != nil || have == hash {
		return err
	}
	var ticket ID
	if err := i.random(ticket[:]); err != nil {
		return err
	}
	c := Change{Ticket: ticket, Op: setlog.OpPolicy, Document: hash, Since: i.now() / 1000}
	if err := i.cfg.Store.Publish(ctx, c); err != nil {
		return err
	}
	_, err = i.anchorLocked(ctx, prompt)
	return err
}

// policyKnown is the newest policy entry of a log of some size. A snapshot keeps
// it, so that a start need not look for it through the whole log.
type policyKnown struct {
	logSize int64
	hash    [32]byte // of its document; zeros if there is none
}

// lastPolicy finds the newest policy entry, reading the log backwards to where
// it is known. The caller holds mu.
func (i *Issuer) lastPolicy(ctx context.Context) (hash [32]byte, err error) {
	s := i.shown.Load()
	if s == nil {
		return hash, nil
	}
	know := func(hash [32]byte) ([32]byte, error) {
		i.said = policyKnown{s.root.LogSize, hash}
		return hash, nil
	}
	for to := s.root.LogSize; to > i.said.logSize; {
		from := max(to-loadChunk, i.said.logSize)
		raw, err := i.cfg.Store.Entries(ctx, from, to)
		if err != nil {
			return hash, err
		}
		for _, b := range slices.Backward(raw) {
			e, err := setlog.ParseEntry(b)
			if err != nil {
				return hash, fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			if e.Op == setlog.OpPolicy {
				return know(e.Document)
			}
		}
		to = from
	}
	return know(i.said.hash)
}

func (i *Issuer) random(b []byte) error {
	if _, err := io.ReadFull(i.cfg.Rand, b); err != nil {
		return api.Wrap(api.Internal, fmt.Errorf("issuer: random bytes: %w", err))
	}
	return nil
}

// captureRefusal gives a refused envelope its wire code.
func captureRefusal(err error) error {
	for _, row := range []struct {
		is   error
		code api.Code
	}{
		{capture.ErrMalformed, api.MalformedRequest}, {capture.ErrUntrusted, api.CaptureUntrusted},
		{capture.ErrReplayed, api.CaptureReplayed}, {capture.ErrRevoked, api.DeviceRevoked},
		{capture.ErrQuality, api.QualityTooLow}, {ErrQuality, api.QualityTooLow},
		{ErrUnreadable, api.CaptureUntrusted},
	} {
		if errors.Is(err, row.is) {
			return &api.Error{Code: row.code, Detail: row.is.Error(), Err: err}
		}
	}
	return api.Wrap(api.MatcherUnavailable, err)
}
