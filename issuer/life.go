package issuer

import (
	"context"
	"fmt"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
)

// Life says how a person can come to a new secret or leave. Every such path is
// a path to a second act, so each is delayed and bounded, and the metadata
// publish the three durations (docs/life-of-a-person.md). All are whole seconds.
type Life struct {
	RekeyPeriod  time.Duration // P: new leaves of recoveries come after multiples of it; 24 hours; negative: no recoveries
	Cooldown     time.Duration // in which the old key may veto a recovery; 7 days
	ReentryDelay time.Duration // between a deletion and a new enrolment; 30 days
	MaxStaleness time.Duration // after which verifiers refuse an old head; 2 minutes
	// Settle is between a boundary and the new leaves after it, as much as clocks
	// of verifiers may differ; 1 minute (protocol.md section 7). Shorter only
	// where all of them have one clock, as in a demonstration.
	Settle time.Duration
}

func (l *Life) defaults() error {
	for _, d := range []struct {
		is    *time.Duration
		other time.Duration
		name  string
	}{
		{&l.RekeyPeriod, 24 * time.Hour, "RekeyPeriod"}, {&l.Cooldown, 7 * 24 * time.Hour, "Cooldown"},
		{&l.ReentryDelay, 30 * 24 * time.Hour, "ReentryDelay"}, {&l.MaxStaleness, 2 * time.Minute, "MaxStaleness"},
		{&l.Settle, time.Minute, "Settle"},
	} {
		if *d.is == 0 {
			*d.is = d.other
		}
		if d.is == &l.RekeyPeriod && *d.is < 0 {
			continue
		}
		if *d.is < time.Second || *d.is%time.Second != 0 || *d.is > maxDelay {
			return fmt.Errorf("%w: Life.%s is whole seconds, at most ten years", errConfig, d.name)
		}
	}
	return nil
}

const maxDelay = 10 * 366 * 24 * time.Hour

// rekeys reports whether recoveries are offered: the operator wants them, and
// the matcher can tell whose template a capture matches.
func (i *Issuer) rekeys() bool {
	_, can := i.cfg.Matcher.(Finder)
	return can && i.cfg.Life.RekeyPeriod > 0
}

// Schedule gives the times that this issuer keeps to.
func (i *Issuer) Schedule() Schedule {
	seconds := func(d time.Duration) uint64 { return uint64((d + time.Second - 1) / time.Second) }
	return Schedule{
		Period: seconds(max(i.cfg.Life.RekeyPeriod, time.Second)), Cooldown: seconds(i.cfg.Life.Cooldown),
		Lead:  seconds(i.cfg.Window) + seconds(i.cfg.Life.MaxStaleness),
		Slack: 2*seconds(i.cfg.Anchor) + seconds(i.cfg.Life.Settle), Settle: seconds(i.cfg.Life.Settle),
	}
}

// known tells whether a candidate is somebody known, and the code to refuse an
// enrolment with. The caller holds mu.
func (i *Issuer) known(c *candidate) (api.Code, error) {
	f, ok := i.cfg.Matcher.(Finder)
	_, asks := f.(Locator)
	// Whose it is makes no difference if nobody is leaving, nor if nobody was when
	// other machines would have been asked.
	if !ok || len(i.leaving) == 0 || asks && !c.located {
		hit, err := i.cfg.Matcher.Match(c.probe)
		if err != nil || !hit {
			return "", err
		}
		return api.AlreadyEnrolled, nil
	}
	serial, hit, err := f.Find(c.probe)
	switch {
	case err != nil || !hit:
		return "", err
	case i.leaving[serial] != (leaver{}):
		return api.CooldownActive, nil
	}
	return api.AlreadyEnrolled, nil
}

// locate has a matcher that asks other machines find out whose capture it
// is, if it is known and may be of somebody who leaves. The caller does not
// hold mu.
func (i *Issuer) locate(ctx context.Context, c *candidate) error {
	l, ok := i.cfg.Matcher.(Locator)
	if !ok {
		return nil
	}
	i.mu.Lock()
	leaving := len(i.leaving)
	i.mu.Unlock()
	if leaving == 0 {
		return nil
	}
	hit, err := i.cfg.Matcher.Match(c.probe)
	if err == nil && hit {
		err = l.Locate(ctx, c.probe)
		c.located = err == nil
	}
	if err != nil {
		return api.Wrap(api.MatcherUnavailable, err)
	}
	return nil
}

// openLeaf opens the one link of a template, on record.
func (i *Issuer) openLeaf(ctx context.Context, s Serial, reason string) (semaphore.Element, error) {
	subject, err := i.seal.seal(i.seal.subject, s[:], []byte(reason))
	if err != nil {
		return semaphore.Element{}, api.Wrap(api.Internal, err)
	}
	sealed, err := i.cfg.Store.LeafLink(ctx, s, Opening{At: i.now() / 1000, Reason: reason, Subject: subject})
	if err != nil {
		return semaphore.Element{}, i.failed(ctx, err, false)
	}
	plain, err := open(i.seal.leaf, sealed, s[:])
	if err != nil {
		return semaphore.Element{}, api.Wrap(api.Internal, err)
	}
	e, err := semaphore.ElementFromBytes(plain)
	if err != nil {
		return e, api.Wrap(api.Internal, fmt.Errorf("%w: link of a template: %w", ErrCorrupt, err))
	}
	return e, nil
}

// openSerial opens the one link of a member, on record. nil: an imported member
// has none.
func (i *Issuer) openSerial(ctx context.Context, c semaphore.Element, reason string) (*Serial, error) {
	subject, err := i.seal.seal(i.seal.subject, c[:], []byte(reason))
	if err != nil {
		return nil, api.Wrap(api.Internal, err)
	}
	sealed, err := i.cfg.Store.SerialLink(ctx, c, Opening{At: i.now() / 1000, Reason: reason, Subject: subject})
	if err != nil {
		return nil, i.failed(ctx, err, false)
	}
	if len(sealed) == 0 {
		return nil, nil
	}
	s, _, err := i.seal.openSerialLink(sealed, c)
	if err != nil {
		return nil, api.Wrap(api.Internal, err)
	}
	return &s, nil
}

// OpenedSubject reads whose link an Opening was about: the serial of a template
// for OpenedForRecovery, else a commitment. Only the operator's secret reads it.
func (i *Issuer) OpenedSubject(o Opening) ([]byte, error) {
	return open(i.seal.subject, o.Subject, []byte(o.Reason))
}

// Openings gives the record of opened links, numbers above after, at most n.
func (i *Issuer) Openings(ctx context.Context, after int64, n int) ([]Opening, error) {
	o, err := i.cfg.Store.Openings(ctx, after, n)
	return o, coded(err)
}
