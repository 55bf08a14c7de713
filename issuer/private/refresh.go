package private

import (
	"context"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
)

// Refresh gives the shares of everybody new values at all three parties, and tells
// the number of the epoch that they are in then. Shares that somebody took from
// one party before do not combine with what another one has after. It blocks while
// the parties write their files, seconds for each 10,000 people; enrolments wait.
// It ends when ctx does.
//
// After an error the parties are in the older epoch or in the new one, all three
// in the same before anything is compared again: the next enrolment, and the next
// Refresh, see to that first.
func (m *Matcher) Refresh(ctx context.Context) (epoch uint64, err error) {
	if err := m.trio.take(ctx); err != nil {
		return 0, err
	}
	defer m.trio.give()
	return m.trio.refresh(ctx)
}

// Refresh does it with one group after the other, and tells the lowest of their
// epochs.
func (j *Joined) Refresh(ctx context.Context) (epoch uint64, err error) {
	for i, m := range j.of {
		e, failed := m.Refresh(ctx)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", m.modality, failed))
		}
		if i == 0 || e < epoch {
			epoch = e
		}
	}
	return epoch, err
}

// refresh tries again once in a new session, as step does: the one it had may have
// been dead.
func (t *trio) refresh(ctx context.Context) (uint64, error) {
	var err error
	for range 2 {
		if failed := t.ready(ctx); failed != nil {
			return 0, unavailable(errors.Join(err, failed))
		}
		before, number := t.epoch, t.number
		t.number++
		err = t.together(ctx, func(ctx context.Context, _ int, p Party) error {
			_, err := p.Refresh(ctx, number)
			return err
		})
		// Whether all three have kept their new shares, and switch, is for oneEpoch
		// to see: what they answered may have been lost.
		t.synced, t.connected = false, false
		if failed := t.ready(ctx); failed != nil {
			return 0, unavailable(errors.Join(err, failed))
		}
		if t.epoch != before {
			return t.epoch.Number, nil
		}
	}
	return 0, unavailable(errors.Join(errors.New("private: the refresh was dropped"), err))
}

// attempts is how often the parties are looked at again until they are in one
// epoch: they switch, they settle, and one may find its kept shares damaged.
const attempts = 6

// oneEpoch brings a refresh that was cut off anywhere to its end, for all three or
// for none, and gives how they are then.
func (t *trio) oneEpoch(ctx context.Context) (status [3]party.Status, err error) {
	var last error
	for range attempts {
		errs := t.three(func(i int, p Party) (err error) {
			status[i], err = p.Status(ctx)
			return err
		})
		if err := errors.Join(errs[:]...); err != nil {
			return status, unavailable(err)
		}
		now, err := decide(status)
		if err != nil {
			return status, err
		}
		if now.steps == [3]step{} {
			t.epoch = nameOf(status[0])
			t.mu.Lock()
			t.seen = t.epoch.Number
			t.mu.Unlock()
			return status, nil
		}
		t.logf("private: a refresh: epochs %d, %d and %d: %v", status[0].Epoch, status[1].Epoch, status[2].Epoch, now.steps)
		// Whoever has not switched drops first; only then is it sure that those who
		// have may go back.
		if last = t.walk(ctx, now, func(s step) bool { return s != goBack }); last == nil {
			last = t.walk(ctx, now, func(s step) bool { return s == goBack })
		}
	}
	return status, unavailable(errors.Join(errors.New("private: the parties do not come into one epoch"), last))
}

func (t *trio) walk(ctx context.Context, now plan, which func(step) bool) error {
	errs := t.three(func(i int, p Party) error {
		switch s := now.steps[i]; {
		case !which(s):
			return nil
		case s == switchTo:
			return p.Switch(ctx, now.to)
		case s == settle:
			return p.Settle(ctx, now.to)
		case s == drop:
			return p.Drop(ctx, now.from)
		case s == goBack:
			return p.Back(ctx, now.to)
		}
		return nil
	})
	return errors.Join(errs[:]...)
}

// step is what one party does next towards one epoch.
type step string

const (
	stay     step = ""
	drop     step = "drop"
	goBack   step = "back"
	switchTo step = "switch"
	settle   step = "settle"
)

// plan is what the parties do next: drop and stay in one epoch, or go back to it,
// or go on to the other.
type plan struct {
	steps    [3]step
	from, to mpc.Epoch
}

// decide makes it. If all have kept or switched to the same epoch they go on to it:
// first all switch, and when all have, all settle. If somebody is settled there,
// all had switched. Otherwise nobody can be settled there: whoever has not switched
// drops what it has, or is making, and then whoever has switched goes back.
func decide(status [3]party.Status) (now plan, err error) {
	base, next := [3]mpc.Epoch{}, [3]mpc.Epoch{}
	done, low := true, status[0].Epoch
	for i, s := range status {
		base[i] = nameOf(s)
		switch {
		case len(s.Older) > 0:
			next[i] = base[i]
			base[i] = mpc.Epoch{Number: s.Epoch - 1, Name: [16]byte(s.Older)}
		case len(s.Kept) > 0:
			next[i] = mpc.Epoch{Number: s.Epoch + 1, Name: [16]byte(s.Kept)}
		}
		done = done && settled(s) && base[i] == base[0]
		low = min(low, base[i].Number)
	}
	if done {
		return now, nil
	}
	for i, s := range status {
		if settled(s) && base[i].Number > low { // so all had switched
			return forward(status, base, next, base[i])
		}
	}
	if base[0] != base[1] || base[1] != base[2] {
		return now, fmt.Errorf("%w: epochs %d %x, %d %x and %d %x", ErrDiverged,
			base[0].Number, base[0].Name[:4], base[1].Number, base[1].Name[:4], base[2].Number, base[2].Name[:4])
	}
	if next[0] != (mpc.Epoch{}) && next[0] == next[1] && next[1] == next[2] {
		return forward(status, base, next, next[0])
	}
	switched := 0
	now.from = base[0]
	for i, s := range status {
		now.steps[i] = drop
		if len(s.Older) > 0 {
			now.steps[i], now.to = goBack, next[i]
			switched++
		}
	}
	if switched == len(status) {
		return plan{}, fmt.Errorf("%w: they switched to different epochs", ErrDiverged)
	}
	return now, nil
}

func forward(status [3]party.Status, base, next [3]mpc.Epoch, to mpc.Epoch) (now plan, err error) {
	now.to = to
	switches := false
	for i, s := range status {
		switch {
		case settled(s) && base[i] == to:
		case next[i] != to:
			return plan{}, fmt.Errorf("%w: party %d has no shares of epoch %d %x, in which another one is", ErrDiverged, i, to.Number, to.Name[:4])
		case len(s.Kept) > 0:
			now.steps[i], switches = switchTo, true
		default:
			now.steps[i] = settle
		}
	}
	for i := range now.steps {
		if switches && now.steps[i] == settle {
			now.steps[i] = stay
		}
	}
	return now, nil
}

func nameOf(s party.Status) (e mpc.Epoch) {
	e.Number = s.Epoch
	copy(e.Name[:], s.Name)
	return e
}

func settled(s party.Status) bool {
	return !s.Refreshing && len(s.Kept) == 0 && len(s.Older) == 0
}
