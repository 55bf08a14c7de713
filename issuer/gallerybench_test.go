//go:build linux

package issuer_test

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/plain"
	"github.com/perhuman/perhuman/sdk/api"
)

// eyesOf makes both irises of a stranger: random code bits, seven mask bits in
// eight. For times and sizes only: see biometrics.md section 1 on random bits.
func eyesOf(r *rand.ChaCha8, b []byte) {
	const eye = 2 + 12*200
	b[0], b[1] = 1, 1
	_, _ = r.Read(b[2:])
	for _, e := range [][]byte{b[2 : 2+eye], b[2+eye:]} {
		binary.BigEndian.PutUint16(e, 200)
		for at := 2 + 16; at < len(e); at += 24 {
			x, y, z := r.Uint64(), r.Uint64(), r.Uint64()
			binary.BigEndian.PutUint64(e[at:], x|y|z)
		}
	}
}

// filled is what fillGallery gives: the eyes of one of the people, and some of
// the rows.
type filled struct {
	eyes iris.Pair
	rows []issuer.Template
}

// fillGallery writes people with sealed irises straight into the database, and
// does not wait for the disk.
func fillGallery(t *testing.T, w *testkit.World, path string, people int) (out filled) {
	t.Helper()
	const each, rows = 2000, 10_000
	db, err := sql.Open("sqlite3", "file:"+path+"?_synchronous=OFF")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	r := rand.NewChaCha8([32]byte{4})
	kept := make([]byte, 2+2*(2+12*200))
	for n := 0; n < people; n += each {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		for k := range min(each, people-n) {
			in := &issuer.Intake{Modality: "iris"}
			_, _ = r.Read(in.Serial[:])
			_, _ = r.Read(in.Commitment[1:])
			// Spread as serials are, but rising, so that the database is made quickly.
			binary.BigEndian.PutUint32(in.Serial[:], uint32((n+k)<<32/people))
			eyesOf(r, kept)
			if n+k == people/2 {
				left, err := iris.ParseBinary(kept[2 : 2+2402])
				if err != nil {
					t.Fatal(err)
				}
				right, err := iris.ParseBinary(kept[2+2402:])
				if err != nil {
					t.Fatal(err)
				}
				out.eyes = iris.Pair{Left: left, Right: right}
			}
			if err := issuer.SealIntake(w.Operator.Text(), in, kept); err != nil {
				t.Fatal(err)
			}
			if n < rows {
				out.rows = append(out.rows, issuer.Template{Serial: in.Serial, Modality: in.Modality, Sealed: in.Template, Mark: in.Mark})
			}
			if _, err := tx.Exec(`INSERT INTO templates (serial, modality, sealed, link, mark) VALUES (?, ?, ?, ?, ?)`,
				in.Serial[:], in.Modality, in.Template, in.LeafLink, in.Mark); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// decryption is the processor time of opening the rows of so many people and
// nothing else. The rows are more than the processor's caches hold.
func decryption(t *testing.T, w *testkit.World, rows []issuer.Template, people int) time.Duration {
	t.Helper()
	open, err := issuer.OpenAlone(w.Operator.Text())
	if err != nil {
		t.Fatal(err)
	}
	spent := cpu(t)
	for n := range people {
		if err := open(rows[n%len(rows)]); err != nil {
			t.Fatal(err)
		}
	}
	return cpu(t) - spent
}

// resident gives what /proc says of this process, in MB.
func resident(t *testing.T, what string) float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(what + `:\s+(\d+) kB`).FindSubmatch(b)
	kb, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb / 1024
}

// opening is what one start of an issuer took, from New on, wall time.
type opening struct {
	headed, opened, whole time.Duration // to the first head, to the gallery in, to the first match answered
	cpu, all              time.Duration // processor time of opening the gallery, and of everything
	peak                  float64       // MB
}

// filling counts the processor time of reading and decrypting pieces of the cache
// into the matcher's memory, where nothing else is done on their goroutines.
type filling struct {
	*plain.Matcher
	t     *testing.T
	spent atomic.Int64
}

func (f *filling) Unpack(serials []issuer.Serial, fill func([]byte) error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return f.Matcher.Unpack(serials, func(into []byte) error {
		began := threadTime(f.t)
		defer func() { f.spent.Add(int64(threadTime(f.t) - began)) }()
		return fill(into)
	})
}

// threadTime is the processor time of the calling thread.
func threadTime(t *testing.T) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Error(err)
	}
	return time.Duration(now.Nano())
}

// openAndMatch starts an issuer, opens the gallery and has a known person
// matched; the set and the log answer before.
func openAndMatch(t *testing.T, w *testkit.World, store issuer.Store, people int, eyes iris.Pair, tune ...func(*issuer.Config)) (*issuer.Issuer, opening) {
	t.Helper()
	debug.FreeOSMemory()
	// From here on the peak is the opening's.
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600); err != nil {
		t.Fatal(err)
	}
	var o opening
	began, spent := time.Now(), cpu(t)
	i := open(t, w, store, append(tune, func(c *issuer.Config) { c.Background = true })...)
	if _, err := i.Head(); err != nil {
		t.Fatal(err)
	}
	o.headed = time.Since(began)
	started := cpu(t)
	if err := i.OpenGallery(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.opened, o.cpu = time.Since(began), cpu(t)-started
	req := irisRequest(t, w, i, testkit.NewPerson(1), eyes)
	if _, err := i.Enrol(t.Context(), req); code(err) != api.AlreadyEnrolled {
		t.Fatal(err)
	}
	o.whole, o.all, o.peak = time.Since(began), cpu(t)-spent, resident(t, "VmHWM")
	if g, h := i.Gallery(), head(t, w, i); g.Templates != int64(people) || h.Live != uint64(people) {
		t.Fatalf("%+v, %d members", g, h.Live)
	}
	return i, o
}

// galleryBench starts an issuer of so many members with a snapshot of its set
// and opens the sealed two-eye gallery of as many people: from the rows, as the
// first start does, and from the gallery cache.
func galleryBench(t *testing.T, people int, name string) {
	t.Helper()
	w := testkit.NewWorld(t, 1)
	path := filepath.Join(t.TempDir(), "issuer.db")
	store := openStore(t, path)
	tune := func(c *issuer.Config) {
		c.Snapshots = issuer.SnapshotFile(filepath.Join(filepath.Dir(path), "set"))
		c.GalleryCache = path + ".gallery"
	}
	first := open(t, w, store, tune)
	if _, err := first.Import(t.Context(), strings.NewReader(list(commitments(people))), issuer.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := first.WriteSnapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	first = nil
	in := fillGallery(t, w, path, people)
	i, rows := openAndMatch(t, w, store, people, in.eyes, tune)
	fmt.Printf("BENCH gallery_rows_%s_s %.2f s\n", name, rows.whole.Seconds())
	fmt.Printf("BENCH gallery_rows_%s_cpu_s %.2f s\n", name, rows.all.Seconds())
	fmt.Printf("BENCH gallery_rows_over_decrypt_%s %.2f ratio\n", name, rows.cpu.Seconds()/decryption(t, w, in.rows, people).Seconds())
	began := time.Now()
	if err := i.WriteGalleryCache(t.Context()); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("BENCH gallery_cache_write_%s_s %.2f s\n", name, time.Since(began).Seconds())
	m := &filling{Matcher: plain.New(w.Operator), t: t}
	i, o := openAndMatch(t, w, store, people, in.eyes, tune, func(c *issuer.Config) { c.Matcher = m })
	filled := time.Duration(m.spent.Load())
	if filled == 0 {
		t.Fatal("the gallery cache was not used")
	}
	fmt.Printf("BENCH gallery_open_%s_s %.2f s\n", name, o.whole.Seconds())
	fmt.Printf("BENCH gallery_open_%s_cpu_s %.2f s\n", name, o.all.Seconds())
	spent := cpu(t)
	if err := i.UnsealCache(); err != nil {
		t.Fatal(err)
	}
	alone := cpu(t) - spent
	fmt.Printf("BENCH gallery_decrypt_%s_cpu_s %.2f s\n", name, alone.Seconds())
	fmt.Printf("BENCH gallery_open_over_decrypt_%s %.2f ratio\n", name, o.cpu.Seconds()/alone.Seconds())
	fmt.Printf("BENCH gallery_open_%s_decrypt_share %.2f ratio\n", name, filled.Seconds()/o.cpu.Seconds())
	fmt.Printf("BENCH gallery_in_%s_s %.2f s\n", name, (o.opened - o.headed).Seconds())
	fmt.Printf("BENCH gallery_match_%s_s %.2f s\n", name, (o.whole - o.opened).Seconds())
	fmt.Printf("BENCH gallery_head_%s_ms %.0f ms\n", name, o.headed.Seconds()*1e3)
	const least = 2 * 2400 // bytes of both irises of a person: 12,800 code and 6,400 mask bits each
	fmt.Printf("BENCH issuer_rss_%s_mb %.0f MB\n", name, o.peak)
	debug.FreeOSMemory()
	live := resident(t, "VmRSS")
	fmt.Printf("BENCH issuer_live_%s_mb %.0f MB\n", name, live)
	fmt.Printf("BENCH issuer_live_over_templates_%s %.3f ratio\n", name, live*(1<<20)/(least*float64(people)))
	runtime.KeepAlive(i)
}

func TestBenchGallery(t *testing.T) {
	forBench(t, false)
	galleryBench(t, 100_000, "100k")
}

// A million people: some 5 GB on disk and as much in memory.
func TestLongBenchGallery(t *testing.T) {
	forBench(t, true)
	galleryBench(t, 1_000_000, "1m")
}
