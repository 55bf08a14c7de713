package prove

import (
	"sync"
	"sync/atomic"
)

// parallel runs f(0) .. f(n-1) on up to so many goroutines, the caller's own
// among them, and returns when all are done.
func parallel(workers, n int, f func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(i)
		}
	}
	var wg sync.WaitGroup
	for range min(workers, n) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}
