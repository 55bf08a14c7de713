//go:build unix

package issuer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
)

// forBench skips unless figures are wanted.
func forBench(t *testing.T, long bool) {
	t.Helper()
	if os.Getenv("PERHUMAN_BENCH") != "1" || long && os.Getenv("PERHUMAN_LONG") != "1" {
		t.Skip("PERHUMAN_BENCH=1 measures; TestLongBench wants PERHUMAN_LONG=1 too")
	}
}

func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(x []float64) float64 {
	x = slices.Clone(x)
	slices.Sort(x)
	return x[len(x)/2]
}

// crowd is a world with an issuer whose gallery holds a thousand people.
func crowd(t *testing.T) (*testkit.World, *issuer.Issuer) {
	t.Helper()
	w := testkit.NewWorld(t, 1)
	i := open(t, w, openStore(t, filepath.Join(t.TempDir(), "issuer.db")))
	enrolCrowd(t, w, i, 1_000_000, 1000)
	return w, i
}

// One caller, possession check and fsync included, no HTTP: the median of 25
// rounds of 40 enrolments, since other work on the machine comes in bursts.
func TestBenchIntake(t *testing.T) {
	forBench(t, false)
	w, i := crowd(t)
	const rounds, each = 25, 40
	var wall, used []float64
	for r := range rounds {
		reqs := make([]api.EnrolmentRequest, each)
		for n := range reqs {
			reqs[n] = w.Start(t, i, testkit.NewPerson(uint64(r*each+n+1)))
		}
		began, spent := time.Now(), cpu(t)
		for _, req := range reqs {
			if _, err := i.Enrol(t.Context(), req); err != nil {
				t.Fatal(err)
			}
		}
		wall = append(wall, time.Since(began).Seconds()/each)
		used = append(used, (cpu(t)-spent).Seconds()/each)
	}
	fmt.Printf("BENCH enrol_intake_per_s %.0f 1/s\n", 1/median(wall))
	fmt.Printf("BENCH enrol_intake_cpu_us %.0f us\n", 1e6*median(used))
}

// Enrolments of one caller at an issuer that counts rates before it compares, and
// at one that has none, taking turns in one process: the ratio of their times,
// fsync included.
func TestBenchIntakeRates(t *testing.T) {
	forBench(t, false)
	w := testkit.NewWorld(t, 1)
	rated := func(c *issuer.Config) {
		c.DeviceRate, c.OperatorRate = issuer.Rate{N: 1_000_000, Per: time.Hour}, issuer.Rate{N: 1_000_000, Per: time.Hour}
	}
	free := open(t, w, openStore(t, filepath.Join(t.TempDir(), "free.db")))
	with := open(t, w, openStore(t, filepath.Join(t.TempDir(), "rated.db")), rated)
	person := uint64(0)
	round := func(i *issuer.Issuer) float64 {
		t.Helper()
		const each = 40
		reqs := make([]api.EnrolmentRequest, each)
		for n := range reqs {
			person++
			reqs[n] = attended(t, w, w.Device, i, testkit.NewPerson(person), "anna")
		}
		began := time.Now()
		for _, req := range reqs {
			if _, err := i.Enrol(t.Context(), req); err != nil {
				t.Fatal(err)
			}
		}
		return time.Since(began).Seconds()
	}
	var ratio []float64
	for range 25 {
		ratio = append(ratio, round(with)/round(free))
	}
	fmt.Printf("BENCH enrol_intake_rates_ratio %.2f ratio\n", median(ratio))
}

// Anchors of 256 new members and of one, taking turns in one process, wall time
// with fsync. 15 rounds.
func TestBenchAnchor(t *testing.T) {
	forBench(t, false)
	w := testkit.NewWorld(t, 1)
	i := open(t, w, openStore(t, filepath.Join(t.TempDir(), "issuer.db")))
	person := uint64(0)
	anchor := func(size int) (per float64) {
		t.Helper()
		for range size {
			person++
			if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(person))); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if done, err := i.Anchor(t.Context()); err != nil || done.Changes != size {
			t.Fatal(done, err)
		}
		return time.Since(began).Seconds() / float64(size)
	}
	var ratio, batch []float64
	for range 15 {
		var single []float64
		for range 9 {
			single = append(single, anchor(1))
		}
		b := anchor(256)
		ratio, batch = append(ratio, median(single)/b), append(batch, b)
	}
	fmt.Printf("BENCH enrol_anchor_batch_vs_single %.1f ratio\n", median(ratio))
	fmt.Printf("BENCH enrol_anchor_batch_us %.0f us\n", 1e6*median(batch))
}
