package verifier

import (
	"context"
	"errors"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Roots knows which roots an issuer published. It may block to learn of a new
// one. Errors are those of setlog.Follower.Root: ErrRootZero, ErrRootUnknown,
// ErrRootExpired; everything else means that it cannot tell.
type Roots interface {
	Root(ctx context.Context, root semaphore.Element, now time.Time) (setlog.RootInfo, error)
}

// Crowd is an optional power of Roots: how many live members the newest root
// has, 0 if that is not known.
type Crowd interface {
	Live() uint64
}

// Fresh is an optional power of Roots: nil if proofs can be judged at now.
type Fresh interface {
	Fresh(now time.Time) error
}

// refuseRoot maps what Roots says to its wire code.
func refuseRoot(err error) *api.Error {
	switch {
	case errors.Is(err, setlog.ErrRootZero):
		return &api.Error{Code: api.RootUnknown, Detail: "root 0 is the root of no set", Err: err}
	case errors.Is(err, setlog.ErrRootUnknown):
		return api.Wrap(api.RootUnknown, err)
	case errors.Is(err, setlog.ErrRootExpired):
		return api.Wrap(api.RootExpired, err)
	}
	return &api.Error{Code: api.RootsStale, RetryAfter: 5 * time.Second, Err: err}
}

// AnyOf accepts the roots of several issuers. A person with two secrets, one
// with each, can act twice: Config.Bound must say so.
func AnyOf(roots ...Roots) Roots { return anyOf(roots) }

type anyOf []Roots

// Root asks one issuer after the other. "Unknown" needs all of them to say so:
// one that cannot tell makes the answer "cannot tell".
func (a anyOf) Root(ctx context.Context, root semaphore.Element, now time.Time) (setlog.RootInfo, error) {
	worst := setlog.ErrRootUnknown
	for _, r := range a {
		info, err := r.Root(ctx, root, now)
		if err == nil || errors.Is(err, setlog.ErrRootExpired) || errors.Is(err, setlog.ErrRootZero) {
			return info, err
		}
		if !errors.Is(err, setlog.ErrRootUnknown) {
			worst = err
		}
	}
	return setlog.RootInfo{}, worst
}

// Live is the smallest of the crowds: what a person can count on.
func (a anyOf) Live() uint64 {
	var least uint64
	for i, r := range a {
		c, ok := r.(Crowd)
		if !ok {
			return 0
		}
		if n := c.Live(); i == 0 || n < least {
			least = n
		}
	}
	return least
}

// Fresh needs every issuer to be fresh.
func (a anyOf) Fresh(now time.Time) error {
	var errs []error
	for _, r := range a {
		if f, ok := r.(Fresh); ok {
			errs = append(errs, f.Fresh(now))
		}
	}
	return errors.Join(errs...)
}
