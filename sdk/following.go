package sdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
)

// Following follows the issuers of a Config for verifiers that their caller
// makes: a service with many relying parties. A Gate has one of its own.
type Following struct {
	cfg     Config
	issuers []*issuer
	roots   verifier.Roots
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// Follow begins to follow Config.Issuers or Config.Require, until ctx ends or
// Close is called; of the Config it uses what is about issuers, and Store to
// keep what it has seen. It does not wait for them.
func Follow(ctx context.Context, cfg Config) (*Following, error) {
	cfg.defaults()
	f, err := newFollowing(cfg)
	if err != nil {
		return nil, err
	}
	ctx, f.stop = context.WithCancel(ctx)
	f.run(ctx)
	return f, nil
}

func (cfg *Config) defaults() {
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
}

func newFollowing(cfg Config) (*Following, error) {
	if (len(cfg.Issuers) == 0) == (len(cfg.Require) == 0) {
		return nil, errors.New("sdk: Issuers or Require: one of them, with at least one issuer")
	}
	var witnesses *setlog.Witnesses
	if len(cfg.Witnesses) > 0 || cfg.Quorum != 0 {
		var err error
		if witnesses, err = setlog.NewWitnesses(cfg.Quorum, cfg.Witnesses); err != nil {
			return nil, fmt.Errorf("sdk: witnesses: %w", err)
		}
	}
	f := &Following{cfg: cfg}
	var roots []verifier.Roots
	for _, vkey := range append(cfg.Issuers[:len(cfg.Issuers):len(cfg.Issuers)], cfg.Require...) {
		i, err := follow(cfg, witnesses, vkey)
		if err != nil {
			return nil, fmt.Errorf("sdk: issuer: %w", err)
		}
		if slices.ContainsFunc(f.issuers, func(have *issuer) bool { return have.Follower().VKey() == vkey }) {
			return nil, errors.New("sdk: an issuer is listed twice")
		}
		f.issuers = append(f.issuers, i)
		roots = append(roots, i)
	}
	f.roots = verifier.AnyOf(roots...)
	if len(cfg.Require) > 0 {
		f.roots = verifier.AllOf(roots...)
	}
	return f, nil
}

func (f *Following) run(ctx context.Context) {
	for _, i := range f.issuers {
		f.done.Go(func() {
			if err := i.Run(ctx); err != nil && ctx.Err() == nil {
				f.cfg.OnError(err)
			}
		})
	}
}

func (f *Following) wait() { f.done.Wait() }

// Close stops following.
func (f *Following) Close() {
	f.stop()
	f.wait()
}

// Roots is what verifier.Config wants.
func (f *Following) Roots() verifier.Roots { return f.roots }

// IssuerState is what is known of an issuer.
type IssuerState struct {
	Name  string
	Head  setlog.Head // zero if it was not heard yet
	Heard bool
	Stale error // why nothing can be judged; nil if it can
}

// State tells how the issuers stand at a time.
func (f *Following) State(now time.Time) []IssuerState {
	out := make([]IssuerState, len(f.issuers))
	for n, i := range f.issuers {
		head, ok := i.Follower().Head()
		out[n] = IssuerState{Name: i.Follower().Name(), Head: head, Heard: ok, Stale: i.Follower().Fresh(now)}
	}
	return out
}
