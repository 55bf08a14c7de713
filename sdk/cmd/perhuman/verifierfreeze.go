package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perhuman/perhuman/verifier"
)

// thaw is what -freeze-before takes to lift a freeze.
const thaw = "lift"

// timeFlag is a moment, or thaw; empty if it was not given.
type timeFlag struct {
	text string
	at   time.Time // zero for thaw
}

func (t *timeFlag) String() string { return t.text }

func (t *timeFlag) Set(s string) error {
	if s == thaw {
		*t = timeFlag{text: s}
		return nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil || at.Unix() <= 0 {
		return errors.New("write a time such as 2026-11-22T19:00:00Z, or " + thaw)
	}
	*t = timeFlag{text: s, at: at}
	return nil
}

// freeze writes -freeze-before into the store, and says how the store stands:
// somebody else may have frozen it. A time that has not come would refuse acts
// of which nothing can have been lost, so it is taken for a slip.
func (v *verifierFlags) freeze(ctx context.Context, store spendStore, now time.Time, e env) error {
	if v.freezeBefore.text != "" {
		if v.freezeBefore.at.After(now.Add(time.Minute)) {
			return fmt.Errorf("-freeze-before %s has not come yet; it is the time of the restore", v.freezeBefore.text)
		}
		if err := verifier.Freeze(ctx, store, v.freezeBefore.at); err != nil {
			return err
		}
	}
	at, err := verifier.FrozenBefore(ctx, store)
	if err == nil && !at.IsZero() {
		fmt.Fprintf(e.err, "the spend store is frozen: acts of periods that began before %s are refused\n", at.UTC().Format(time.RFC3339))
	}
	return err
}
