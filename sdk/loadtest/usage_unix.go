//go:build unix

package loadtest

import (
	"runtime"
	"syscall"
)

// used reads getrusage(2): processor time, and the most memory that was ever
// resident, which Linux counts in kilobytes and macOS in bytes.
func used() (Usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return Usage{}, err
	}
	peak := int64(r.Maxrss)
	if runtime.GOOS != "darwin" {
		peak <<= 10
	}
	return Usage{CPU: r.Utime.Nano() + r.Stime.Nano(), PeakRSS: peak}, nil
}
