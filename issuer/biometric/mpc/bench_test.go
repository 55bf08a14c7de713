//go:build unix

package mpc_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
)

func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What one query over 301,568 comparisons and two forms takes after the dot
// products: CPU time of three parties over three, in one process, connected by
// pipes, from additive shares to the opened bit; the median of 21. Bytes are
// those of all frames, rounds are messages that wait for the one before.
func TestBenchNonlinear(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("set PERHUMAN_BENCH=1")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const people, runs = 2432, 21
	const forms = people * 2 * dot.Comparisons
	c := newCrowd(rand.New(rand.NewPCG(4, 4)), 1, people, func(int, int, int, int) uint16 { return 5 })
	sessions := newRoom(t).sessions(t, time.Minute, nil)
	number := sessions[0].First()
	var times []time.Duration
	before := sessions[0].Sent()
	for range runs {
		start := cpuTime(t)
		c.match(t, sessions, number, mpc.Prefix, nil)
		times = append(times, cpuTime(t)-start)
		number++
	}
	slices.Sort(times)
	fmt.Printf("BENCH mpc_nonlinear_ns_per_form %.2f ns\n", float64(times[runs/2].Nanoseconds())/3/forms)
	fmt.Printf("BENCH mpc_bytes_per_form %.3f bytes\n", float64(sessions[0].Sent()-before)/runs/forms)
	fmt.Printf("BENCH mpc_rounds %d rounds\n", sessions[0].Rounds())
}
