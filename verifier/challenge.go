package verifier

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// ChallengeRequest says what a person is about to be asked. Origin is the
// origin that the browser reported, Session the value that ties the answer to
// this session, Content what the proof must be bound to, if known already.
type ChallengeRequest struct {
	Action  string
	Policy  scope.Policy
	Content scope.Digest
	Session string
	Origin  string
}

// Challenge signs a challenge. Errors are *api.Error.
func (v *Verifier) Challenge(ctx context.Context, r ChallengeRequest) (api.ChallengeResponse, error) {
	if err := checkAction(r.Action, r.Policy); err != nil {
		return api.ChallengeResponse{}, err
	}
	if v.origins[scope.HashString(r.Origin)] != r.Origin || r.Origin == "" {
		return api.ChallengeResponse{}, api.Errorf(api.OriginNotAllowed, "the Origin of the request is not one of this site")
	}
	_ = v.RefreshKeys(ctx) // the keys at hand are good while the store is silent
	now := v.cfg.Now()
	t, err := v.table(ctx, r.Action, r.Policy, r.Policy.Period(now), true)
	if err != nil {
		return api.ChallengeResponse{}, err
	}
	c, err := scope.NewChallenge(dated(v.cfg.Rand, now), scope.ChallengeParams{
		RP: v.cfg.RP, Action: r.Action, Origin: r.Origin, Session: r.Session, Content: r.Content, Now: now,
	})
	if err != nil {
		return api.ChallengeResponse{}, api.Wrap(api.Internal, err)
	}
	out := api.ChallengeResponse{
		Challenge: scope.EncodeToken(c.Sign(v.keys.signer())), Action: r.Action,
		Policy: r.Policy.Kind.String(), K: t.k, Period: r.Policy.Len, Snapshot: r.Policy.Snapshot,
		ExpiresAt: c.Expires, ExpiresIn: c.Expires - c.Issued,
	}
	if crowd, ok := v.cfg.Roots.(Crowd); ok {
		out.SetSize = crowd.Live()
	}
	if floor, ok := v.cfg.Roots.(Floor); ok && r.Policy.Snapshot == 0 {
		out.MinSeq = floor.MinSeq()
	}
	return out, nil
}

// dated gives nonces that begin with the time, 48 bits of milliseconds, and go on
// with 208 random bits: a store then appends their rows instead of touching a
// page of its tree for each. The challenge tells the time anyway.
func dated(rand io.Reader, now time.Time) io.Reader {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	return io.MultiReader(bytes.NewReader(ms[2:]), rand)
}

func checkAction(action string, p scope.Policy) *api.Error {
	if err := scope.ValidateAction(action); err != nil {
		return &api.Error{Code: api.MalformedRequest, Detail: "not an action name", Err: err}
	}
	if err := p.Validate(); err != nil {
		return api.Wrap(api.Internal, err) // the server's own mistake
	}
	return nil
}

// Describe is how an action's policy is published.
func Describe(action string, p scope.Policy) api.ActionPolicy {
	return api.ActionPolicy{Action: action, Policy: p.Kind.String(), K: p.K, Period: p.Len, Snapshot: p.Snapshot}
}

// CompareActions sorts published policies.
func CompareActions(a, b api.ActionPolicy) int { return strings.Compare(a.Action, b.Action) }
