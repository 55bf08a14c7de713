package storetest

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// What a hasty store answers before its commit.
const (
	hastyIntakes = "intakes"
	hastyAnchors = "anchors"
)

// hasty is a store that is careless on purpose: it answers from memory and means
// to write later, as a cache does that writes behind. Of intakes the newest two
// are always unwritten, and an anchor of members is never written: whenever the
// process is killed after three answers, something acknowledged is lost.
type hasty struct {
	issuer.Store
	of    string
	later []func() error // intakes that are not written yet, oldest first
	stuck bool           // an anchor was shown that the store does not have
}

func (h *hasty) Intake(ctx context.Context, batch []issuer.Intake, decide func(int) (api.Code, error)) ([]issuer.IntakeResult, error) {
	if h.stuck {
		<-ctx.Done() // nothing can follow: whoever waits is killed
		return nil, ctx.Err()
	}
	if h.of != hastyIntakes {
		return h.Store.Intake(ctx, batch, decide)
	}
	results := make([]issuer.IntakeResult, len(batch))
	for n, in := range batch {
		code, err := decide(n)
		if err != nil {
			return nil, err
		}
		results[n] = in.Decided(setlog.OpEnrol, code)
	}
	h.later = append(h.later, func() error {
		_, err := h.Store.Intake(ctx, batch, func(int) (api.Code, error) { return "", nil })
		return err
	})
	if len(h.later) > 2 {
		oldest := h.later[0]
		h.later = h.later[1:]
		return results, oldest()
	}
	return results, nil
}

func (h *hasty) Anchor(ctx context.Context, build func([]issuer.Change, tlog.HashReader) (*issuer.Batch, error)) error {
	if h.of != hastyAnchors {
		return h.Store.Anchor(ctx, build)
	}
	undo := errors.New("later")
	err := h.Store.Anchor(ctx, func(pending []issuer.Change, log tlog.HashReader) (*issuer.Batch, error) {
		b, err := build(pending, log)
		if err != nil || b == nil || b.Entries[0].Op.Publishes() { // the document of a new set comes first
			return b, err
		}
		h.stuck = true
		return nil, undo
	})
	if errors.Is(err, undo) {
		return nil
	}
	return err
}
