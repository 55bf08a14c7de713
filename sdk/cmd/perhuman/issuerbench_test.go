//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore"
)

// The service over a set of a million imported members: from exec to the first
// head and the first tile of the set and of the log that a client has in hand,
// wall time, the median of seven starts. The snapshot is the one that the
// service wrote when it stopped.
func TestBenchRestart(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") == "" {
		t.Skip("prints figures; PERHUMAN_BENCH=1 runs it")
	}
	const people = 1_000_000
	d := newOffice(t, "anchor 1h")
	list := new(bytes.Buffer)
	for n := range people {
		c := semaphore.Element(sha256.Sum256([]byte(strconv.Itoa(n))))
		c[0] = 0 // below the modulus
		list.WriteString(c.String())
		list.WriteByte('\n')
	}
	write(t, d.dir, "members", list.Bytes())
	began := time.Now()
	if code, _, errs := call(t, "issuer", "import", "-config", d.path("issuer.conf"), "-key", d.path("keys/signing.key"), "-from", d.path("members")); code != 0 {
		t.Fatal(errs)
	}
	fmt.Printf("BENCH import_1m_s %.0f s\n", time.Since(began).Seconds())
	seq := regexp.MustCompile(`(?m)^seq (\d+)$`)
	start := func() (seconds float64, rss int) {
		t.Helper()
		began := time.Now()
		p := d.serve("-key", d.path("keys/signing.key"))
		var head, tile string
		if status := d.ask(http.MethodGet, p.lines["on"]+"/head", "", "", &head); status != http.StatusOK {
			t.Fatal(status, head)
		}
		m := seq.FindStringSubmatch(head)
		if m == nil {
			t.Fatal(head[:200])
		}
		for _, path := range []string{"/set/" + m[1] + "/tile/0/7", "/tile/0/003"} {
			if status := d.ask(http.MethodGet, p.lines["on"]+path, "", "", &tile); status != http.StatusOK || len(tile) != 8192 {
				t.Fatal(path, status, len(tile))
			}
		}
		seconds = time.Since(began).Seconds()
		status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
		if err != nil {
			t.Fatal(err)
		}
		if m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status); m != nil {
			rss, _ = strconv.Atoi(string(m[1]))
		}
		p.stop()
		return seconds, rss
	}
	without, _ := start()
	fmt.Printf("BENCH restart_1m_no_snapshot_s %.1f s\n", without)
	var times, memory []float64
	for range 7 {
		s, rss := start()
		times, memory = append(times, s), append(memory, float64(rss)/1024)
	}
	slices.Sort(times)
	slices.Sort(memory)
	fmt.Printf("BENCH restart_1m_s %.2f s\n", times[len(times)/2])
	fmt.Printf("BENCH issuer_set_rss_1m_mb %.0f MB\n", memory[len(memory)/2])
}
