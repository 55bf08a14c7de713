package cosign

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/witness"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Wanted is how many witnesses must be ahead before an issuer stops: the quorum,
// and two if there are two, so that no single one can stop it by a lie.
func Wanted(quorum, witnesses int) int { return max(quorum, min(2, witnesses), 1) }

// Guard fits issuer.Config.Guard: before anything is signed, it asks the
// witnesses whether they have signed a history that goes on from, or differs
// from, the newest checkpoint stored here. If so many as Wanted say yes, it
// gives issuer.ErrOldBackup. Witnesses that do not answer within the timeout
// count for nothing.
func Guard(witnesses map[string]string, wanted int, client *http.Client, timeout time.Duration) func(ctx context.Context, checkpoint []byte) error {
	return func(ctx context.Context, checkpoint []byte) error {
		c, err := setlog.RootProof{Checkpoint: checkpoint}.UnverifiedCheckpoint() // our own
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		var mu sync.Mutex
		var found []error
		var all sync.WaitGroup
		for _, at := range witnesses {
			all.Go(func() {
				w, err := witness.NewClient(at, client)
				if err != nil {
					return // New of the collector says so
				}
				_, err = w.Add(ctx, c.Size, nil, checkpoint)
				var differs *witness.SizeError
				switch {
				case errors.As(err, &differs) && differs.Latest > c.Size:
					err = fmt.Errorf("%s has signed %d entries", at, differs.Latest)
				case errors.Is(err, witness.ErrRoot):
					err = fmt.Errorf("%s has signed another tree of %d entries", at, c.Size)
				default:
					return
				}
				mu.Lock()
				defer mu.Unlock()
				found = append(found, err)
			})
		}
		all.Wait()
		if len(found) < wanted {
			return nil
		}
		return fmt.Errorf("%w: this database holds %d entries: %w", issuer.ErrOldBackup, c.Size, errors.Join(found...))
	}
}

// behind stops the issuer if too many witnesses know another history.
func (c *Collector) behind() {
	ahead := 0
	for _, s := range c.State() {
		if s.Ahead {
			ahead++
		}
	}
	if ahead >= Wanted(c.cfg.Issuer.Witnesses().Quorum, len(c.each)) {
		c.cfg.Issuer.Stop(fmt.Errorf("%w: %d witnesses say so", issuer.ErrOldBackup, ahead))
	}
}
