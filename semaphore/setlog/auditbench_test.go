//go:build unix

package setlog_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// TestLongBenchAudit prints, when PERHUMAN_BENCH=1, the entries a second of
// processor time that an audit checks: a million enrolments in anchors of 256,
// out of one local file, from the signature to the last root.
func TestLongBenchAudit(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") != "1" || os.Getenv("PERHUMAN_LONG") != "1" {
		t.Skip("set PERHUMAN_BENCH=1 and PERHUMAN_LONG=1 to measure: a log of a million")
	}
	const n, anchor, rounds = 1_000_000, 256, 5
	path := filepath.Join(t.TempDir(), "entries")
	is := setlogtest.New(t, "issuer.example")
	signed := writeLog(t, is, path, n, anchor)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var rate []float64
	for range rounds {
		runtime.GC()
		start := cpuTime(t)
		r, err := setlog.Audit(signed, is.Verifier, setlog.FetchEntries(file))
		if err != nil || r.Live() != n {
			t.Fatal(err)
		}
		rate = append(rate, n/(cpuTime(t)-start).Seconds())
	}
	slices.Sort(rate)
	fmt.Printf("BENCH audit_entries_per_s %.0f 1/s\n", rate[rounds/2])
}

// writeLog writes the bundles of a log of n enrolments and signs it.
func writeLog(t *testing.T, is *setlogtest.Issuer, path string, n, anchor int) []byte {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	var hashes setlog.Hashes
	batch := make([]setlog.Entry, 0, anchor)
	members := make([]semaphore.Element, 0, anchor)
	for from := 0; from < n; from += anchor {
		batch, members = batch[:0], members[:0]
		for i := from; i < min(from+anchor, n); i++ {
			h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
			bio := h
			h[0] = 0
			members = append(members, h)
			batch = append(batch, setlog.Entry{
				Op: setlog.OpEnrol, Seq: uint64(from/anchor + 1), LeafIndex: uint64(i), Commitment: h, Biometric: bio,
				Live: uint64(min(from+anchor, n)), Day: uint32(20000 + from/50000),
			})
		}
		if err := is.Group.AddMany(members); err != nil {
			t.Fatal(err)
		}
		for i := range batch {
			batch[i].Root = is.Group.Root()
			more, err := tlog.StoredHashes(int64(from+i), batch[i].Record(), hashes)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, more...)
		}
		for i := 0; i < len(batch); i += setlog.TileWidth {
			b, err := setlog.EntryBundle(batch[i:min(i+setlog.TileWidth, len(batch))])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	root, err := tlog.TreeHash(int64(n), hashes)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := setlog.Checkpoint{Origin: is.Name, Size: int64(n), Hash: root}.Sign(is.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
