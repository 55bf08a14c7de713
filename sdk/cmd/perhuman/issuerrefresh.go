package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/perhuman/perhuman/issuer/private"
)

// partiesOf is what the private matcher offers beside comparing.
type partiesOf interface {
	Refresh(ctx context.Context) (epoch uint64, err error)
	Audit(ctx context.Context) error
	States() []private.State
}

var (
	_ partiesOf = (*private.Matcher)(nil)
	_ partiesOf = (*private.Joined)(nil)
)

// refreshes has the parties refresh their shares every -party-refresh until ctx
// ends. The first comes at a random time within it, so that an issuer that is
// started again and again refreshes as often as one that runs on, and nobody knows
// when.
func (s *issuing) refreshes(ctx context.Context, random io.Reader) {
	every := s.flags.partyRefresh
	if s.parties == nil || every <= 0 {
		return
	}
	wait, err := within(random, every)
	if err != nil {
		s.log.Error("no refresh of shares", "error", err)
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if _, err := s.refresh(ctx); err != nil {
			s.log.Warn("the shares were not refreshed; enrolment goes on, and the next try is later", "error", err)
		}
		timer.Reset(every)
	}
}

// refresh is one of them, or one that the operator asked for.
func (s *issuing) refresh(ctx context.Context) (epoch uint64, err error) {
	start := time.Now()
	if epoch, err = s.parties.Refresh(ctx); err == nil {
		s.log.Info("shares refreshed", "epoch", epoch, "took", time.Since(start).Round(time.Millisecond))
	}
	return epoch, err
}

// within draws a time between none and the whole.
func within(random io.Reader, whole time.Duration) (time.Duration, error) {
	n, err := rand.Int(random, big.NewInt(int64(whole)))
	if err != nil {
		return 0, fmt.Errorf("randomness: %w", err)
	}
	return time.Duration(n.Int64()), nil
}
