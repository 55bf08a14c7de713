package verifier

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// A spend store that was restored from a backup has forgotten what was spent
// since: every nullifier of that time is open again, and nothing in the database
// can tell which. What can be told is which acts are safe all the same: those in
// a period that began after the restore, since nothing of it can have been lost.
// So the operator freezes the store before it serves: Freeze, once, with the
// time of the restore (T07).
//
// Until it is lifted, an act is refused to be decided (api.StoreUnavailable) if
// its period began before that time: PerEpoch actions come back by themselves
// with their next period, Once actions stay frozen until the operator lifts the
// freeze and with that accepts the risk. Returning actions go on, because there
// only the challenge decides; a challenge from before the freeze has expired.
// What the store does know is still answered: a nullifier that it holds is
// refused, a repeat gets its first answer.

// freezeState is where a StateKeeper keeps the time of the freeze.
const freezeState = "perhuman/freeze"

// Freeze writes into a store that acts of periods which began before a time are
// not to be decided. It never moves an earlier freeze back; the zero time lifts
// it. Verifiers read it when they start.
func Freeze(ctx context.Context, store StateKeeper, before time.Time) error {
	for {
		old, err := store.LoadState(ctx, freezeState)
		if err != nil {
			return err
		}
		have, err := parseFreeze(old)
		if err != nil {
			return err
		}
		text := []byte{}
		if !before.IsZero() {
			// The next second, so that nothing of the second of the restore passes.
			text = strconv.AppendInt(nil, max(before.Unix()+1, have.Unix()), 10)
		}
		if ok, err := store.SwapState(ctx, freezeState, old, text); err != nil || ok {
			return err
		}
	}
}

// FrozenBefore gives the time before which a store is frozen; zero if it is not.
func FrozenBefore(ctx context.Context, store StateKeeper) (time.Time, error) {
	state, err := store.LoadState(ctx, freezeState)
	if err != nil {
		return time.Time{}, err
	}
	return parseFreeze(state)
}

func parseFreeze(state []byte) (time.Time, error) {
	if len(state) == 0 {
		return time.Time{}, nil
	}
	n, err := strconv.ParseInt(string(state), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("verifier: the state %s: %w", freezeState, err)
	}
	return time.Unix(n, 0), nil
}

// loadFreeze takes over what the store says, if it says anything later.
func (cfg *Config) loadFreeze(ctx context.Context) error {
	keeper, ok := cfg.Store.(StateKeeper)
	if !ok {
		return nil
	}
	at, err := FrozenBefore(ctx, keeper)
	if err == nil && at.After(cfg.FreezeBefore) {
		cfg.FreezeBefore = at
	}
	return err
}

var errFrozen = errors.New("the spend store was restored: acts of this period are frozen")

// thawed refuses what a restored store cannot decide.
func (q *inquiry) thawed(context.Context) *api.Error {
	before := q.v.cfg.FreezeBefore
	if before.IsZero() || q.seen.Replayed {
		return nil
	}
	if q.req.Policy.Kind == scope.KindReturning {
		if int64(q.challenge.Issued) < before.Unix() {
			return api.Errorf(api.ChallengeExpired, "the challenge is from before the store was restored")
		}
		return nil
	}
	if int64(q.table.period.Start) >= before.Unix() {
		return nil
	}
	wait := time.Hour
	if end := q.table.period.End(); end != 0 {
		wait = max(time.Unix(int64(end), 0).Sub(q.now), time.Second)
	}
	return &api.Error{Code: api.StoreUnavailable, Detail: errFrozen.Error(), RetryAfter: wait, Err: errFrozen}
}
