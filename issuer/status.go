package issuer

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

func repeated(e Enrolment) Result {
	r := Result{Enrolment: wireEnrolment(e), Repeated: true}
	if e.State == api.StateRefused {
		r.Err = &api.Error{Code: e.Code}
	}
	return r
}

func wireEnrolment(e Enrolment) api.Enrolment {
	w := api.Enrolment{ID: encodeID(e.ID), Status: e.State, Code: e.Code}
	if len(e.Receipt) > 0 {
		w.Receipt = base64.RawURLEncoding.EncodeToString(e.Receipt)
	}
	if e.State == api.StateCommitted {
		index := e.Index
		w.Seq, w.LeafIndex = e.Seq, &index
	}
	return w
}

// Status tells what became of an enrolment. Once it is anchored, the answer
// holds a RootProof of its log entry under the newest checkpoint, or under the
// newest that enough witnesses have cosigned: then the state is "witnessed".
func (i *Issuer) Status(ctx context.Context, id string) (api.Enrolment, error) {
	e, err := i.intake(ctx, id, setlog.OpEnrol)
	if err != nil {
		return api.Enrolment{}, err
	}
	return i.wireStatus(ctx, e)
}

// intake finds what was asked for under an id, if it is of that kind.
func (i *Issuer) intake(ctx context.Context, id string, op setlog.Op) (Enrolment, error) {
	b, err := scope.DecodeToken(id)
	if err != nil || len(b) != len(ID{}) {
		return Enrolment{}, api.Errorf(api.NotFound, "nothing has this id")
	}
	e, err := i.cfg.Store.Enrolment(ctx, ID(b))
	if err != nil {
		return Enrolment{}, coded(err)
	}
	if e.Op != op {
		return Enrolment{}, api.Errorf(api.NotFound, "nothing has this id")
	}
	return e, nil
}

// wireStatus is wireEnrolment with the proof of a published entry.
func (i *Issuer) wireStatus(ctx context.Context, e Enrolment) (api.Enrolment, error) {
	w := wireEnrolment(e)
	s := i.shown.Load()
	if e.State != api.StateCommitted || s == nil || e.Record >= s.root.LogSize {
		return w, nil
	}
	entry, err := i.entry(ctx, e.Record)
	if err != nil {
		return api.Enrolment{}, err
	}
	under := s.root.Checkpoint
	if c := i.witnessed.Load(); c != nil && e.Record < c.size {
		w.Status, under = api.StateWitnessed, c.checkpoint
	}
	proof, err := setlog.ProveRoot(entry, e.Record, under, i.hashes(ctx))
	if err != nil {
		return api.Enrolment{}, api.Wrap(api.Internal, err)
	}
	text, err := proof.MarshalText()
	if err != nil {
		return api.Enrolment{}, api.Wrap(api.Internal, err)
	}
	w.RootProof = string(text)
	return w, nil
}

// entry reads one entry of the log.
func (i *Issuer) entry(ctx context.Context, record int64) (setlog.Entry, error) {
	raw, err := i.cfg.Store.Entries(ctx, record, record+1)
	if err != nil {
		return setlog.Entry{}, coded(err)
	}
	entry, err := setlog.ParseEntry(raw[0])
	if err != nil {
		return setlog.Entry{}, api.Wrap(api.Internal, fmt.Errorf("%w: %w", ErrCorrupt, err))
	}
	return entry, nil
}
