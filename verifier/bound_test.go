package verifier_test

import (
	"errors"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/verifiertest"
)

const day = 86400

// protocol.md section 7, case by case.
func TestBoundOf(t *testing.T) {
	hour := scope.PerEpoch(time.Hour, 3)
	week := scope.PerEpoch(7*24*time.Hour, 1)
	odd := scope.PerEpoch(5*time.Hour, 1) // does not divide a day
	for name, c := range map[string]struct {
		info api.IssuerInfo
		p    scope.Policy
		want verifier.Bound
	}{
		"nobody gets a new secret":           {api.IssuerInfo{Bound: 1}, scope.Once(), verifier.Bound{Secrets: 1}},
		"two kinds of evidence":              {api.IssuerInfo{Bound: 2}, scope.PerDay(5), verifier.Bound{Secrets: 2}},
		"a period that divides the re-keys'": {api.IssuerInfo{Bound: 1, RekeyPeriod: day, Cooldown: 3600}, hour, verifier.Bound{Secrets: 1}},
		"a day and daily re-keys":            {api.IssuerInfo{Bound: 1, RekeyPeriod: day, Cooldown: 3600}, scope.PerDay(1), verifier.Bound{Secrets: 1}},
		"a period that does not":             {api.IssuerInfo{Bound: 1, RekeyPeriod: day, Cooldown: 7200}, odd, verifier.Bound{Secrets: 1 + 3}},
		"a week over daily re-keys":          {api.IssuerInfo{Bound: 1, RekeyPeriod: day, Cooldown: 3 * day}, week, verifier.Bound{Secrets: 1 + 3}},
		"a week, a long cool-down":           {api.IssuerInfo{Bound: 1, RekeyPeriod: day, Cooldown: 30 * day}, week, verifier.Bound{Secrets: 2}},
		"a week, two kinds":                  {api.IssuerInfo{Bound: 2, RekeyPeriod: day, Cooldown: 30 * day}, week, verifier.Bound{Secrets: 4}},
		"a return after the period":          {api.IssuerInfo{Bound: 1, ReentryDelay: 7 * day}, week, verifier.Bound{Secrets: 1}},
		"a return within it":                 {api.IssuerInfo{Bound: 1, ReentryDelay: 2 * day}, week, verifier.Bound{Secrets: 1 + 4}},
		"both ways":                          {api.IssuerInfo{Bound: 1, RekeyPeriod: day, Cooldown: 7 * day, ReentryDelay: 2 * day}, week, verifier.Bound{Secrets: 1 + 1 + 4}},
		"for ever: new after a re-key":       {api.IssuerInfo{Bound: 1, RekeyPeriod: day, Cooldown: 3 * day}, scope.Once(), verifier.Bound{Secrets: 1, Renewal: 3 * day}},
		"for ever: new after a return":       {api.IssuerInfo{Bound: 1, ReentryDelay: 90 * day}, scope.Returning(), verifier.Bound{Secrets: 1, Renewal: 90 * day}},
		"for ever: the shorter way":          {api.IssuerInfo{Bound: 2, RekeyPeriod: day, Cooldown: 3 * day, ReentryDelay: 90 * day}, scope.Once(), verifier.Bound{Secrets: 2, Renewal: 3 * day}},
		"a frozen set has neither":           {api.IssuerInfo{Bound: 2, RekeyPeriod: day, Cooldown: 1, ReentryDelay: 1}, scope.Snapshot(1, scope.Once()), verifier.Bound{Secrets: 2}},
		"a frozen set and a period":          {api.IssuerInfo{Bound: 1, RekeyPeriod: day, Cooldown: 1}, scope.Snapshot(1, week), verifier.Bound{Secrets: 1}},
		"more than fits":                     {api.IssuerInfo{Bound: 1 << 31, RekeyPeriod: day, Cooldown: 1}, week, verifier.Bound{Secrets: 1<<32 - 1}},
	} {
		if got, err := verifier.BoundOf(c.info, c.p); err != nil || got != c.want {
			t.Errorf("%s: %+v %v, want %+v", name, got, err, c.want)
		}
	}
	for _, info := range []api.IssuerInfo{{}, {Bound: 1, RekeyPeriod: day}} {
		if b, err := verifier.BoundOf(info, scope.Once()); err == nil {
			t.Errorf("%+v out of %+v", b, info)
		}
	}
}

// What verdicts say: the issuers' own figures, the sum for any of them, the
// least for all of them, and never less than the operator knows.
func TestVerdictsStateTheBound(t *testing.T) {
	week := scope.PerEpoch(7*24*time.Hour, 1)
	slow := &api.IssuerInfo{Bound: 1, RekeyPeriod: day, Cooldown: 30 * day}
	quick := &api.IssuerInfo{Bound: 2, RekeyPeriod: day, Cooldown: day, ReentryDelay: 60 * day}
	for name, c := range map[string]struct {
		a, b    *api.IssuerInfo
		all     bool
		by      uint32
		p       scope.Policy
		bound   uint32
		renewal uint64
	}{
		"one secret each":              {nil, nil, false, 0, scope.Once(), 2, 0},
		"the sum":                      {slow, quick, false, 0, week, 2 + 2*8, 0},
		"the sum, for ever":            {slow, quick, false, 0, scope.Once(), 3, day},
		"the least":                    {slow, quick, true, 0, week, 2, 0},
		"the least, for ever":          {slow, quick, true, 0, scope.Once(), 1, 30 * day},
		"the least, one never renews":  {nil, quick, true, 0, scope.Once(), 1, 0},
		"the operator knows of more":   {slow, quick, true, 7, week, 7, 0},
		"the operator cannot hide any": {slow, quick, false, 1, week, 18, 0},
	} {
		t.Run(name, func(t *testing.T) {
			other := second()
			other.Info = c.b
			s := newScene(t, func(cfg *verifier.Config) {
				cfg.Roots.(*verifiertest.Roots).Info = c.a
				join := verifier.AnyOf
				if c.all {
					join = verifier.AllOf
				}
				cfg.Roots, cfg.Bound = join(cfg.Roots, other), c.by
			})
			r := s.answerBoth(0, c.p, 0, s.ask(c.p))
			if !c.all {
				r.And = nil
			}
			if v := s.want(r, api.OK); v.Bound != c.bound || v.Renewal != c.renewal {
				t.Errorf("bound %d, renewal %d; want %d, %d", v.Bound, v.Renewal, c.bound, c.renewal)
			}
		})
	}
}

// Before an issuer's metadata was read nothing is decided, unless the operator
// vouches for a bound; and a repeat says what the first answer said.
func TestBoundUnknown(t *testing.T) {
	unheard := errors.New("not heard yet")
	s := newScene(t)
	s.roots.Silent = unheard
	r := s.request(0, perDay, 0, s.ask(perDay))
	r.IdempotencyKey = "k"
	s.want(r, api.RootsStale)
	s.roots.Silent = nil
	s.roots.Info = &api.IssuerInfo{Bound: 3}
	if v := s.want(r, api.OK); v.Bound != 3 {
		t.Errorf("%+v", v)
	}
	s.roots.Info = &api.IssuerInfo{Bound: 4}
	if v := s.want(r, api.OK); v.Bound != 3 || !v.Replayed {
		t.Errorf("%+v", v)
	}
	s.roots.Silent = unheard
	if v := s.want(r, api.OK); v.Bound != 3 || !v.Replayed {
		t.Errorf("%+v", v)
	}
	byHand := newScene(t, func(c *verifier.Config) { c.Bound = 2 })
	byHand.roots.Silent = unheard
	if v := byHand.want(byHand.request(0, perDay, 0, byHand.ask(perDay)), api.OK); v.Bound != 2 {
		t.Errorf("%+v", v)
	}
	plain := newScene(t, func(c *verifier.Config) { c.Roots = onlyRoots{c.Roots} }) // no Bounder
	if v := plain.want(plain.request(0, perDay, 0, plain.ask(perDay)), api.OK); v.Bound != 1 {
		t.Errorf("%+v", v)
	}
}
