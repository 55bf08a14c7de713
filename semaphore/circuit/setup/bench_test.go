//go:build unix

package setup

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore/circuit"
	"github.com/perhuman/perhuman/semaphore/circuit/ptautest"
)

// TestLongBench prints what a set-up at depth 20 costs: CPU time of the process,
// all threads, one run of each step.
func TestLongBench(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" {
		t.Skip("PERHUMAN_BENCH=1 measures")
	}
	system, err := circuit.R1CS(20)
	if err != nil {
		t.Fatal(err)
	}
	sparse, err := circuit.SCS(20)
	if err != nil {
		t.Fatal(err)
	}
	file := ptautest.Ptau(14)
	pin := pinOf(t, file)
	var p *Powers
	var c *Ceremony
	var transcript [][]byte
	for _, step := range []struct {
		name string
		f    func() error
	}{
		{"read_2_14", func() (err error) { p, err = ReadPtau(bytes.NewReader(file), pin, 14); return err }},
		{"start20", func() (err error) { c, err = NewCeremony(system, p); return err }},
		{"contribute20", func() error {
			next, err := c.Contribute(transcript)
			transcript = append(transcript, next)
			return err
		}},
		{"verify20", func() error { return c.Verify(transcript) }},
		{"seal20", func() error { _, _, err := c.Seal(transcript, beacon); return err }},
		{"kzg20", func() error { _, _, err := SRS(p, sparse); return err }},
	} {
		start := cpu(t)
		if err := step.f(); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("BENCH setup_%s_cpu_s %.2f s\n", step.name, (cpu(t) - start).Seconds())
	}
	fmt.Printf("BENCH setup_contribution20_bytes %d bytes\n", len(transcript[0]))
}

// cpu is the user and system time of this process so far.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
