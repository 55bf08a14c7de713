package sdk_test

import (
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

// A request that is sent again runs no handler again, whether the verifier is
// here or elsewhere, unless the program asked for that; then the repeat is
// marked, and is a repeat in the same session alone.
func TestTrapReplayedKeyRunsNoHandlerTwice(t *testing.T) {
	both(t, func(t *testing.T, s *site) {
		a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 201, "")
		for range 3 {
			s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 403, api.ChallengeAlreadyUsed)
		}
		if s.ran.Load() != 1 {
			t.Errorf("the handler ran %d times", s.ran.Load())
		}
	})
	both(t, func(t *testing.T, s *site) {
		a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		done := 0
		for range 3 {
			s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), 201, "")
			if !s.last.Verdict.Replayed {
				done++
			}
		}
		s.want(s.do("POST", "/votes", body, "Perhuman-Response", a, "Cookie", "sid=2"), 403, api.ChallengeWrongSession)
		if done != 1 {
			t.Errorf("%d requests looked like the first", done)
		}
	}, func(c *sdk.Config) { c.Replays = true })
}

// heard waits until the issuer was heard from.
func (s *site) heard() {
	s.t.Helper()
	for range 500 {
		if s.gate.Ready(s.t.Context()) == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatal("the issuer was never heard")
}

// T30: steps of the verifier's own clock. One that goes back finds heads and
// challenges from the future, and decides nothing by them; one that jumps ahead
// finds them too old.
func TestT30ClockSteps(t *testing.T) {
	for _, c := range []struct {
		step time.Duration
		want api.Code
	}{
		{-31 * time.Second, api.ChallengeInvalid}, {-30 * time.Second, ""}, {120 * time.Second, ""}, {121 * time.Second, api.RootsStale},
		{329 * time.Second, api.RootsStale}, {330 * time.Second, api.ChallengeExpired}, {24 * time.Hour, api.ChallengeExpired},
	} {
		s := newSite(t)
		s.heard()
		a := s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
		s.log.Down(true) // no newer head while the clock is off
		s.mu.Lock()
		s.now = s.now.Add(c.step)
		s.mu.Unlock()
		status := 403
		if c.want == "" {
			status = 201
		} else if c.want == api.RootsStale {
			status = 503
		}
		s.want(s.do("POST", "/votes", body, "Perhuman-Response", a), status, c.want)
	}
}

// An issuer that is seen to sign two logs decides nothing any more, not for
// frozen sets either, and not after it shows the first log again.
func TestGateRefusesForks(t *testing.T) {
	s := newSite(t)
	p := sdk.Snapshot(1, sdk.Once())
	s.mux.Handle("POST /elections", s.gate.Require("election", p, s.created()))
	s.heard()
	s.want(s.do("POST", "/votes", body, "Perhuman-Response", s.answer(0, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))), 201, "")
	s.want(s.do("POST", "/elections", body, "Perhuman-Response", s.answer(0, "election", p, 0, s.challenge("election"), raw(body))), 201, "")
	twin := verifiertest.Two().NewLog(t, s.log.Name, noon) // the same key, another set
	own := s.log.Swap(t, twin, noon.Add(time.Second))
	s.mu.Lock()
	s.now = s.now.Add(2 * time.Second)
	s.mu.Unlock()
	for range 500 {
		if s.gate.Ready(t.Context()) != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	vote := s.answer(1, "vote", sdk.Once(), 0, s.challenge("vote"), raw(body))
	election := s.answer(1, "election", p, 0, s.challenge("election"), raw(body))
	for range 2 {
		s.want(s.do("POST", "/votes", body, "Perhuman-Response", vote), 503, api.RootsStale)
		s.want(s.do("POST", "/elections", body, "Perhuman-Response", election), 503, api.RootsStale)
		own() // contrition does not help
		time.Sleep(20 * time.Millisecond)
	}
}
