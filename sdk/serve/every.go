package serve

import (
	"context"
	"time"
)

// Every calls f at an interval until ctx ends, never twice at a time. It blocks.
func Every(ctx context.Context, interval time.Duration, f func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}
