package issuer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Result is the answer to one enrolment request.
type Result struct {
	Enrolment api.Enrolment
	Repeated  bool  // the same session and key had been taken in before
	Err       error // *api.Error; the refusal, if it was refused
}

// Enrol takes one person in, or refuses. The answer is given after the commit.
// The same request may be sent again after any error or loss of the answer: it
// gets the first answer, Repeated.
func (i *Issuer) Enrol(ctx context.Context, req api.EnrolmentRequest) (Result, error) {
	c, done, err := i.check(ctx, req)
	if err != nil || done != nil {
		return orRefusal(done, err)
	}
	results, err := i.admit(ctx, []*candidate{c})
	if err != nil {
		return Result{}, err
	}
	return results[0], results[0].Err
}

// EnrolMany takes a whole population in: every request goes through the same
// checks as Enrol, all of them are written in one transaction, and one anchor
// publishes them. A refusal of one (Result.Err) does not stop the others; an
// error means that none of the new ones was written. Of a matcher that asks other
// machines, it refuses people who are leaving with already_enrolled.
func (i *Issuer) EnrolMany(ctx context.Context, reqs []api.EnrolmentRequest) ([]Result, error) {
	results := make([]Result, len(reqs))
	checked := make([]*candidate, len(reqs))
	group, gctx := errgroup.WithContext(ctx)
	limit := runtime.GOMAXPROCS(0)
	if _, asks := i.cfg.Matcher.(Settler); asks {
		limit = max(limit, manyAsked)
	}
	group.SetLimit(limit)
	for n, req := range reqs {
		group.Go(func() error {
			c, done, err := i.check(gctx, req)
			var refusal *api.Error
			switch {
			case err != nil && (!errors.As(err, &refusal) || refusal.Code.Retryable() && refusal.Code != api.RateLimited):
				return err // nothing was decided
			case err != nil:
				results[n].Err = err
			case done != nil:
				results[n] = *done
			}
			checked[n] = c
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		for _, c := range checked {
			if c != nil {
				c.probe.Wipe()
			}
		}
		return nil, err
	}
	var cs []*candidate
	var at []int
	for n, c := range checked {
		if c != nil {
			cs, at = append(cs, c), append(at, n)
		}
	}
	if len(cs) > 0 {
		admitted, err := i.admit(ctx, cs)
		if err != nil {
			return nil, err
		}
		for n, r := range admitted {
			results[at[n]] = r
		}
	}
	_, err := i.Anchor(ctx)
	return results, err
}

// manyAsked is how many captures of EnrolMany a matcher is given at once that asks
// other machines: they wait, and are compared together.
const manyAsked = 32

func orRefusal(r *Result, err error) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	return *r, r.Err
}

// candidate is a request that passed every check but the last two: is the
// person new, and does the store still agree.
type candidate struct {
	intake  Intake
	probe   Probe
	neutral bool
	located bool // by a Locator, while somebody was leaving
}

// check does everything that needs no writing, cheap things first. A request
// that was decided before comes back as a Result.
func (i *Issuer) check(ctx context.Context, req api.EnrolmentRequest) (*candidate, *Result, error) {
	w, err := decodeRequest(req)
	if err != nil {
		return nil, nil, err
	}
	earlier, err := i.session(ctx, w.nonce)
	if err != nil {
		return nil, nil, err
	}
	j, err := judge(req.PublicKey[0], req.PublicKey[1], w.signature, enrolMessage(w.nonce, i.cfg.Name))
	if err != nil {
		return nil, nil, err
	}
	var c *candidate
	var refused error
	if earlier == nil && j.good() { // meanwhile
		c, refused = i.capture(ctx, w, j.ours.commitment, setlog.OpEnrol)
	}
	commitment, err := j.agreed()
	if err != nil {
		if errors.Is(err, errDisagree) {
			i.cfg.Logf("issuer: %v", err)
		}
		if c != nil {
			c.probe.Wipe()
		}
		return nil, nil, err
	}
	if overtaken(refused) { // by the same request, perhaps
		if earlier, err = i.session(ctx, w.nonce); err != nil {
			return nil, nil, err
		}
	}
	if earlier != nil {
		if earlier.Commitment != commitment || earlier.Op != setlog.OpEnrol {
			return nil, nil, &api.Error{Code: api.SessionUsed}
		}
		r := repeated(*earlier)
		return nil, &r, nil
	}
	if refused != nil {
		return nil, nil, refused
	}
	kept := c.probe.Keep()
	defer clear(kept)
	if err := i.seal.sealIntake(&c.intake, kept); err != nil {
		c.probe.Wipe()
		return nil, nil, api.Wrap(api.Internal, err)
	}
	return c, nil, nil
}

// wire is an EnrolmentRequest out of its base64.
type wire struct {
	nonce     Nonce
	salt      [32]byte
	signature []byte
	envelope  []byte
}

func decodeRequest(req api.EnrolmentRequest) (w wire, err error) {
	for _, f := range []struct {
		name, text string
		to         []byte
	}{{"session", req.Session, w.nonce[:]}, {"salt", req.Salt, w.salt[:]}} {
		b, err := scope.DecodeToken(f.text)
		if err != nil || len(b) != len(f.to) {
			return w, api.Errorf(api.NotCanonical, "%s is %d bytes in base64url", f.name, len(f.to))
		}
		copy(f.to, b)
	}
	if w.signature, err = scope.DecodeToken(req.Signature); err != nil || len(w.signature) != 64 {
		return w, api.Errorf(api.NotCanonical, "signature is 64 bytes in base64url")
	}
	if w.envelope, err = scope.DecodeToken(req.Envelope); err != nil || len(w.envelope) > capture.MaxEnvelope {
		return w, api.Errorf(api.NotCanonical, "envelope is a capture envelope in base64url")
	}
	return w, nil
}

// overtaken reports a refusal that another request may have caused that came
// with the same capture and was decided in the meantime.
func overtaken(err error) bool {
	code := api.CodeOf(err)
	return err != nil && (code == api.CaptureReplayed || code == api.RateLimited)
}

// capture judges the envelope, makes the intake, its receipt signed, and hands
// the capture to the matcher. The matcher comes last: whoever it compares has
// passed every check, and is counted.
func (i *Issuer) capture(ctx context.Context, w wire, commitment semaphore.Element, op setlog.Op) (*candidate, error) {
	if err := i.galleryIn(); err != nil {
		return nil, err
	}
	env, err := capture.Parse(w.envelope)
	if err != nil {
		return nil, captureRefusal(err)
	}
	now := i.cfg.Now()
	err = i.cfg.Capture.Verify(env, capture.Expected{
		Nonce: w.nonce, IdentityCommitment: commitment, Consents: i.cfg.Consents, Now: now,
	})
	if err == nil && env.Counter > math.MaxInt64 {
		err = fmt.Errorf("%w: counter", capture.ErrUntrusted)
	}
	if err != nil {
		return nil, captureRefusal(err)
	}
	body, err := env.Body()
	if err != nil {
		return nil, captureRefusal(err)
	}
	c := &candidate{neutral: i.cfg.Unattended[env.Chain[0].Class]}
	if c.neutral && op == setlog.OpRekeyIn { // any other answer would tell whether this person is enrolled
		return nil, &api.Error{Code: api.NotAccepted}
	}
	received := uint64(now.Unix())
	r := Receipt{
		Issuer: i.cfg.Name, Session: w.nonce, Commitment: commitment, BodyHash: sha256.Sum256(body),
		Day: uint32(received / (24 * 60 * 60)), Received: received,
	}
	r.Biometric = scope.BiometricCommitment(w.salt, r.BodyHash)
	c.intake = Intake{
		Session: w.nonce, Received: received, Commitment: commitment, Biometric: r.Biometric,
		Device: env.DeviceID, Counter: env.Counter, Modality: string(env.Modality),
		Rates: i.cfg.uses(env.DeviceID, env.Operator, received),
	}
	if err := i.random(c.intake.Serial[:]); err != nil {
		return nil, err
	}
	if err := i.random(r.ID[:]); err != nil {
		return nil, err
	}
	c.intake.ID = r.ID
	if c.intake.Receipt, err = r.Sign(i.signer); err != nil {
		return nil, api.Wrap(api.Internal, err)
	}
	if err := i.claim(ctx, c.intake); err != nil {
		return nil, err
	}
	i.releaseFirst(ctx)
	if c.probe, err = i.cfg.Matcher.Prepare(ctx, env); err != nil {
		return nil, captureRefusal(err)
	}
	return c, nil
}

// admit writes candidates, in order, in one transaction. The match is decided
// inside it, and a person admitted counts for the ones after.
func (i *Issuer) admit(ctx context.Context, cs []*candidate) ([]Result, error) {
	defer func() {
		for _, c := range cs {
			c.probe.Wipe()
		}
	}()
	// Locate waits for people who are being enrolled: in a batch, for one another.
	if len(cs) == 1 {
		if err := i.locate(ctx, cs[0]); err != nil {
			return nil, err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return nil, err
	}
	if err := i.releaseHere(ctx); err != nil { // then who leaves goes on waiting
		i.cfg.Logf("issuer: %v", err)
		if err := i.ready(ctx); err != nil {
			return nil, err
		}
	}
	batch := make([]Intake, len(cs))
	for n, c := range cs {
		batch[n] = c.intake
	}
	i.refill(batch)
	var added []Serial
	decided, err := i.cfg.Store.Intake(ctx, batch, func(n int) (api.Code, error) {
		code, err := i.known(cs[n])
		switch {
		case err != nil:
			return "", api.Wrap(api.MatcherUnavailable, err)
		case code != "" && cs[n].neutral:
			return api.NotAccepted, nil
		case code != "":
			return code, nil
		}
		if err := i.cfg.Matcher.Add(cs[n].intake.Serial, cs[n].probe); err != nil {
			return "", api.Wrap(api.MatcherUnavailable, err)
		}
		added = append(added, cs[n].intake.Serial)
		return "", nil
	})
	if err != nil {
		if !errors.Is(err, ErrInDoubt) { // else they may be in: reload decides
			for _, s := range added {
				i.cfg.Matcher.Remove(s)
			}
		}
		return nil, i.failed(ctx, err, false)
	}
	if m, ok := i.cfg.Matcher.(Settler); ok && len(added) > 0 {
		m.Settled(added)
	}
	results := make([]Result, len(decided))
	for n, d := range decided {
		i.recorded(batch[n], d)
		results[n] = Result{Repeated: d.Repeated, Err: d.Err}
		if d.Enrolment.State != "" {
			results[n].Enrolment = wireEnrolment(d.Enrolment)
		}
	}
	return results, nil
}
