//go:build unix

package semaphore

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// cpu is the processor time of this process, all threads.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// For the benches in package semaphore_test.
var (
	CPU    = cpu
	Median = median
)

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
