package verifier

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// Bound says how far "one person" can be trusted over a set.
type Bound struct {
	// Secrets is how many secrets one person could use within one period, or at
	// one time where there is no period.
	Secrets uint32
	// Renewal is, in seconds, how often at most a person can come to a new
	// secret and look like somebody new to a policy without a period over a
	// moving set; 0 is never.
	Renewal uint64
}

// Bounder is an optional power of Roots: what the issuer's own metadata says
// about a policy over its set. It may block to find out; an error means that the
// issuer was not heard yet.
type Bounder interface {
	Bound(ctx context.Context, p scope.Policy) (Bound, error)
}

// BoundOf reads an issuer's metadata (protocol.md sections 6 and 7). One person
// can be in the set once per kind of evidence that cannot be compared with the
// others. Each of those secrets can be replaced: by a re-key, which a period that
// divides the re-key period does not notice, and others not more often than the
// cool-down allows; and by deletion and return, once in the re-entry delay. A
// frozen set has neither.
func BoundOf(info api.IssuerInfo, p scope.Policy) (Bound, error) {
	if info.Bound == 0 {
		return Bound{}, errors.New("verifier: the issuer states no bound")
	}
	if info.RekeyPeriod > 0 && info.Cooldown == 0 {
		return Bound{}, errors.New("verifier: the issuer re-keys without a cool-down")
	}
	b := Bound{Secrets: info.Bound}
	if p.Snapshot != 0 {
		return b, nil
	}
	rekeys := info.RekeyPeriod > 0
	if p.Len == 0 {
		if rekeys {
			b.Renewal = info.Cooldown
		}
		if d := info.ReentryDelay; d > 0 && (b.Renewal == 0 || d < b.Renewal) {
			b.Renewal = d
		}
		return b, nil
	}
	each := uint64(1)
	if rekeys && info.RekeyPeriod%p.Len != 0 {
		each += ceil(p.Len, info.Cooldown)
	}
	if d := info.ReentryDelay; d > 0 && d < p.Len {
		each += ceil(p.Len, d)
	}
	b.Secrets = atMost(uint64(info.Bound) * each)
	return b, nil
}

func ceil(a, b uint64) uint64 { return (a + b - 1) / b }

func atMost(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

// Bound is the sum: a person can have a secret with each issuer.
func (a anyOf) Bound(ctx context.Context, p scope.Policy) (Bound, error) {
	var sum Bound
	for _, r := range a {
		b, err := boundOf(ctx, r, p)
		if err != nil {
			return Bound{}, err
		}
		sum.Secrets = atMost(uint64(sum.Secrets) + uint64(b.Secrets))
		if b.Renewal != 0 && (sum.Renewal == 0 || b.Renewal < sum.Renewal) {
			sum.Renewal = b.Renewal
		}
	}
	return sum, nil
}

// Bound is the smallest: a secret counts only if all issuers have it.
func (a allOf) Bound(ctx context.Context, p scope.Policy) (Bound, error) {
	var least Bound
	for i, r := range a {
		b, err := boundOf(ctx, r, p)
		if err != nil {
			return Bound{}, err
		}
		if i == 0 {
			least = b
			continue
		}
		least.Secrets = min(least.Secrets, b.Secrets)
		if least.Renewal != 0 { // never, if one of them says never
			least.Renewal = max(least.Renewal, b.Renewal)
			if b.Renewal == 0 {
				least.Renewal = 0
			}
		}
	}
	return least, nil
}

func boundOf(ctx context.Context, r Roots, p scope.Policy) (Bound, error) {
	if b, ok := r.(Bounder); ok {
		return b.Bound(ctx, p)
	}
	return Bound{Secrets: 1}, nil
}

// bounded learns what the verdict will have to say about the issuers. Nothing
// is decided before they were heard, unless the operator vouches for a bound.
func (q *inquiry) bounded(ctx context.Context) *api.Error {
	floor := q.v.cfg.Bound
	b, err := boundOf(ctx, q.v.cfg.Roots, q.req.Policy)
	if err != nil && floor == 0 {
		return &api.Error{Code: api.RootsStale, RetryAfter: 5 * time.Second, Err: fmt.Errorf("verifier: bound: %w", err)}
	}
	b.Secrets = max(b.Secrets, floor)
	q.bound = b
	return nil
}
