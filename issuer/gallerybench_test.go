//go:build linux

package issuer_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
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

// fillGallery writes people with sealed irises straight into the store, and
// gives the eyes of one of them.
func fillGallery(t *testing.T, w *testkit.World, store issuer.Store, people int) iris.Pair {
	t.Helper()
	const each = 2000
	var one iris.Pair
	r := rand.NewChaCha8([32]byte{4})
	kept := make([]byte, 2+2*(2+12*200))
	for n := 0; n < people; n += each {
		batch := make([]issuer.Intake, min(each, people-n))
		for k := range batch {
			in := &batch[k]
			for _, b := range [][]byte{in.ID[:], in.Session[:], in.Serial[:], in.Commitment[1:]} {
				_, _ = r.Read(b)
			}
			binary.BigEndian.PutUint32(in.Serial[:], uint32(n+k)) // rising, so that the database is made quickly
			in.Device, in.Counter, in.Modality, in.Receipt = "bench", uint64(n+k+1), "iris", []byte("-")
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
				one = iris.Pair{Left: left, Right: right}
			}
			if err := issuer.SealIntake(w.Operator.Text(), in, kept); err != nil {
				t.Fatal(err)
			}
		}
		results, err := store.Intake(t.Context(), batch, func(int) (api.Code, error) { return "", nil })
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results[0].Err)
		}
	}
	return one
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

// galleryBench opens the sealed two-eye gallery of so many people and has a
// known person matched; the set and the log answer before. Wall time, from New.
func galleryBench(t *testing.T, people int, name string) {
	t.Helper()
	w := testkit.NewWorld(t, 1)
	path := filepath.Join(t.TempDir(), "issuer.db")
	store := openStore(t, path)
	first := open(t, w, store) // binds the store
	if _, err := first.Head(); err != nil {
		t.Fatal(err)
	}
	eyes := fillGallery(t, w, store, people)
	debug.FreeOSMemory()
	began, spent := time.Now(), cpu(t)
	i := open(t, w, store, func(c *issuer.Config) { c.Background = true })
	if _, err := i.Head(); err != nil {
		t.Fatal(err)
	}
	head := time.Since(began)
	if err := i.OpenGallery(t.Context()); err != nil {
		t.Fatal(err)
	}
	opened := time.Since(began)
	req := irisRequest(t, w, i, testkit.NewPerson(1), eyes)
	if _, err := i.Enrol(t.Context(), req); code(err) != api.AlreadyEnrolled {
		t.Fatal(err)
	}
	whole, used := time.Since(began), cpu(t)-spent
	if g := i.Gallery(); g.Templates != int64(people) {
		t.Fatalf("%+v", g)
	}
	fmt.Printf("BENCH gallery_open_%s_s %.2f s\n", name, whole.Seconds())
	fmt.Printf("BENCH gallery_open_%s_cpu_s %.2f s\n", name, used.Seconds())
	fmt.Printf("BENCH gallery_match_%s_s %.2f s\n", name, (whole - opened).Seconds())
	fmt.Printf("BENCH gallery_head_%s_ms %.0f ms\n", name, head.Seconds()*1e3)
	fmt.Printf("BENCH issuer_rss_%s_mb %.0f MB\n", name, resident(t, "VmRSS"))
	debug.FreeOSMemory()
	fmt.Printf("BENCH issuer_live_%s_mb %.0f MB\n", name, resident(t, "VmRSS"))
	runtime.KeepAlive(i)
}

func TestBenchGallery(t *testing.T) {
	forBench(t, false)
	galleryBench(t, 100_000, "100k")
}

// A million people: some 10 GB on disk and 6 GB in memory, which the garbage
// collector is told to keep under 8.
func TestLongBenchGallery(t *testing.T) {
	forBench(t, true)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(8 << 30))
	galleryBench(t, 1_000_000, "1m")
}
