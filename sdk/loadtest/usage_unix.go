//go:build unix

package loadtest

import (
	"os"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
)

// used reads getrusage(2): processor time, and the most memory that was ever
// resident, which Linux counts in kilobytes and macOS in bytes. On Linux a
// process inherits that maximum from the one that started it, so there it is
// read from /proc, where it begins anew with the program.
func used() (Usage, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return Usage{}, err
	}
	peak := int64(r.Maxrss)
	if runtime.GOOS != "darwin" {
		peak <<= 10
	}
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		if m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status); m != nil {
			if kb, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil {
				peak = kb << 10
			}
		}
	}
	return Usage{CPU: r.Utime.Nano() + r.Stime.Nano(), PeakRSS: peak}, nil
}
