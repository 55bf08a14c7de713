package issuer

import (
	"fmt"
	"slices"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// steady gives the pending changes that may be anchored at now (unix seconds).
// A new leaf also waits for a boundary of the re-key period as it is today,
// should the operator have changed it meanwhile.
func (i *Issuer) steady(pending []Change, now uint64) []Change {
	s := i.Schedule()
	return slices.DeleteFunc(slices.Clone(pending), func(c Change) bool {
		due := c.Due
		if c.Op == setlog.OpRekeyIn {
			due = s.InDue(c.Due - min(c.Due, s.Settle))
		}
		return due > now
	})
}

// steps adds to a batch what its entries mean for recoveries: the times of the
// next step, counted from this moment and not from when it was planned, and for
// a new leaf the template's link to it. now is in unix milliseconds.
func (i *Issuer) steps(b *Batch, ordered []Change, first int64, now uint64) error {
	s := i.Schedule()
	at := (now + 999) / 1000 // never early
	for n, c := range ordered {
		st := RecoveryStep{ID: c.Ticket, At: at}
		switch c.Op {
		case setlog.OpRekeyAnnounced:
			st.State, st.Record, st.Due = api.RecoveryAnnounced, first+int64(n), s.OutDue(at)
		case setlog.OpRekeyOut:
			st.State, st.Boundary = api.RecoveryOut, s.Boundary(at)
			st.Due = s.InDue(st.Boundary)
		case setlog.OpRekeyIn:
			st.State = api.RecoveryCommitted
			if err := i.relink(b, c, now/1000); err != nil {
				return err
			}
		default:
			continue
		}
		b.Steps = append(b.Steps, st)
	}
	return nil
}

// relink turns the link of a re-keyed person's template to the new leaf.
func (i *Issuer) relink(b *Batch, c Change, now uint64) error {
	subject, err := i.seal.seal(i.seal.subject, c.Commitment[:], []byte(OpenedForRekey))
	if err != nil {
		return err
	}
	b.Openings = append(b.Openings, Opening{At: now, Reason: OpenedForRekey, Subject: subject})
	serial, _, err := i.seal.openSerialLink(c.Link, c.Commitment)
	if err != nil {
		return fmt.Errorf("issuer: link of a re-key: %w", err)
	}
	link, err := i.seal.seal(i.seal.leaf, c.Commitment[:], serial[:])
	if err != nil {
		return err
	}
	b.Relinks = append(b.Relinks, Relink{serial, link})
	return nil
}

// alive reports whether a commitment is a leaf of the set now. The caller holds
// mu.
func (i *Issuer) alive(c semaphore.Element) bool {
	return i.group.IndexOf(c) >= 0
}
