package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/loadtest"
)

// loader starts servers of the real program and sends them real proofs.
type loader struct {
	t      *testing.T
	binary string
	items  []loadtest.Item
}

func newLoader(t *testing.T, proofs int, cache string) *loader {
	t.Helper()
	binary, err := built.get()
	if err != nil {
		t.Fatal(err)
	}
	l := &loader{t: t, binary: binary}
	if l.items, err = loadtestItems(t.Context(), proofs, cache, io.Discard); err != nil {
		t.Fatal(err)
	}
	return l
}

// serve runs f against a server process of one processor.
func (l *loader) serve(queue bool, f func(url string)) {
	l.t.Helper()
	p, err := loadtest.Start(l.t.Context(), 1, func(dir string) *exec.Cmd {
		return exec.Command(l.binary, "loadtest", "server", "-dir", dir, fmt.Sprint("-queue=", queue)) // #nosec G204 -- what was just built
	})
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() {
		if err := p.Stop(); err != nil {
			l.t.Error(err)
		}
	}()
	f(p.URL)
}

func (l *loader) attack(a loadtest.Attack) loadtest.Result {
	l.t.Helper()
	r, err := a.Run(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// all demands that every proof was accepted.
func (l *loader) all(a loadtest.Attack) loadtest.Result {
	l.t.Helper()
	r := l.attack(a)
	if r.Accepted() != len(a.Items) {
		l.t.Fatalf("%d of %d proofs were accepted: %v", r.Accepted(), len(a.Items), r.Codes)
	}
	return r
}

// The two processes find each other; each proof counts once, spoilt ones not at
// all, whatever way they come in; Reset forgets.
func TestLoadtest(t *testing.T) {
	l := newLoader(t, 16, t.TempDir())
	ctx := t.Context()
	for _, queue := range []bool{true, false} {
		l.serve(queue, func(url string) {
			bad := l.attack(loadtest.Attack{URL: url, App: loadtest.Bad, Items: loadtest.Spoil(l.items), Conns: 4})
			if bad.Codes[api.ProofInvalid] != len(l.items) {
				t.Fatalf("spoilt proofs: %v", bad.Codes)
			}
			r := l.all(loadtest.Attack{URL: url, App: loadtest.Good, Items: l.items, Conns: 4})
			if r.CPU <= 0 || r.Latency(.99) <= 0 || r.PerProof() <= 0 {
				t.Errorf("%+v", r)
			}
			again := l.attack(loadtest.Attack{URL: url, App: loadtest.Good, Items: l.items, Batch: 8, Conns: 1})
			if again.Codes[api.ChallengeAlreadyUsed] != len(l.items) {
				t.Errorf("again: %v", again.Codes)
			}
			if err := loadtest.Reset(ctx, url); err != nil {
				t.Fatal(err)
			}
			l.all(loadtest.Attack{URL: url, App: loadtest.Good, Items: l.items, Batch: 16, Conns: 1})
		})
	}
}

// The figures of the service, each from processor time of the server process
// alone. Every series has a server and a store of its own, and a part that is
// not counted.
func TestBenchHTTP(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") == "" {
		t.Skip("prints figures; PERHUMAN_BENCH=1 runs it")
	}
	const warm, rounds, dropped, callers = 128, 17, 2, 64
	l := newLoader(t, 1024, "")
	var on, off, single, batch, ratio, batchRatio, late []float64
	var rss int64
	series := func(queue bool, a loadtest.Attack) float64 {
		var per float64
		l.serve(queue, func(url string) {
			a.URL, a.App = url, loadtest.Good
			a.Items = l.items[:warm]
			l.all(loadtest.Attack{URL: url, App: a.App, Items: a.Items, Conns: callers / 2})
			a.Items = l.items[warm:]
			r := l.all(a)
			per = float64(r.PerProof().Nanoseconds()) / 1000
			u, err := loadtest.ReadUsage(t.Context(), url, false)
			if err != nil {
				t.Fatal(err)
			}
			rss = max(rss, u.PeakRSS)
			if a.Rate > 0 {
				late = append(late, float64(r.Latency(.99).Microseconds())/1000)
			}
		})
		return per
	}
	for i := range rounds {
		a := series(true, loadtest.Attack{Conns: callers})
		b := series(false, loadtest.Attack{Conns: callers})
		c := series(true, loadtest.Attack{Conns: 1})
		d := series(true, loadtest.Attack{Conns: 1, Batch: 512})
		if i < dropped {
			continue
		}
		series(true, loadtest.Attack{Rate: 1e6 / a / 2})
		on, off, single, batch = append(on, a), append(off, b), append(single, c), append(batch, d)
		ratio, batchRatio = append(ratio, b/a), append(batchRatio, c/d)
	}
	for _, f := range []struct {
		name  string
		value float64
		unit  string
	}{
		{"http_verify_cpu_us", median(on), "us"},
		{"http_verify_per_s_core", 1e6 / median(on), "1/s"},
		{"http_no_queue_cpu_us", median(off), "us"},
		{"http_queue_on_vs_off", median(ratio), "ratio"},
		{"http_single_cpu_us", median(single), "us"},
		{"http_batch512_cpu_us", median(batch), "us"},
		{"http_batch512_vs_single", median(batchRatio), "ratio"},
		{"http_p99_half_ms", median(late), "ms"},
		{"http_rss_mb", float64(rss >> 20), "MB"},
	} {
		fmt.Printf("BENCH %s %.3g %s\n", f.name, f.value, f.unit)
	}
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// A flood of bad proofs, at twice what the server can judge, beside a caller
// who behaves: how long does that one wait, over how long when alone? One
// processor for the server, the other for both loaders.
func TestBenchFlood(t *testing.T) {
	if os.Getenv("PERHUMAN_BENCH") == "" {
		t.Skip("prints figures; PERHUMAN_BENCH=1 runs it")
	}
	const warm, flooding, rounds, rate = 128, 256, 5, 100
	l := newLoader(t, 1024, "")
	spoilt := loadtest.Spoil(l.items[warm : warm+flooding]) // never spent by anybody else
	good := l.items[warm+flooding:]
	part := len(good) / 2
	var ratios []float64
	for range rounds {
		l.serve(true, func(url string) {
			l.all(loadtest.Attack{URL: url, App: loadtest.Good, Items: l.items[:warm], Conns: 32})
			capacity := l.attack(loadtest.Attack{URL: url, App: loadtest.Bad, Items: spoilt, Conns: 8})
			if capacity.Codes[api.ProofInvalid] != flooding {
				t.Fatalf("spoilt proofs: %v", capacity.Codes)
			}
			alone := l.all(loadtest.Attack{URL: url, App: loadtest.Good, Items: good[:part], Rate: rate})
			ctx, stop := context.WithCancel(t.Context())
			var flood loadtest.Result
			var done sync.WaitGroup
			done.Go(func() {
				flood, _ = loadtest.Attack{
					URL: url, App: loadtest.Bad, Items: spoilt, Rate: 2 * flooding / capacity.Elapsed.Seconds(), Conns: 512, Repeat: time.Minute,
				}.Run(ctx) // ended by stop
			})
			time.Sleep(300 * time.Millisecond)
			beside := l.all(loadtest.Attack{URL: url, App: loadtest.Good, Items: good[part:], Rate: rate})
			stop()
			done.Wait()
			if flood.Codes[api.ProofInvalid] < 100 {
				t.Fatalf("the flood: %v", flood.Codes)
			}
			ratios = append(ratios, float64(beside.Latency(.99))/float64(max(alone.Latency(.99), time.Millisecond)))
			t.Logf("alone %v, beside %v a flood of %v", alone.Latency(.99), beside.Latency(.99), flood.Codes)
		})
	}
	fmt.Printf("BENCH http_flood_p99_vs_idle %.3g ratio\n", median(ratios))
}

// Ten minutes of load leave heap and goroutines where they were.
func TestLongBenchSoak(t *testing.T) {
	const minutes = 10
	if os.Getenv("PERHUMAN_BENCH") == "" || os.Getenv("PERHUMAN_LONG") == "" {
		t.Skip("takes ten minutes; PERHUMAN_BENCH=1 PERHUMAN_LONG=1 runs it")
	}
	l := newLoader(t, 1024, "")
	l.serve(true, func(url string) {
		var first, last loadtest.Usage
		for start := time.Now(); time.Since(start) < minutes*time.Minute; {
			if err := loadtest.Reset(t.Context(), url); err != nil {
				t.Fatal(err)
			}
			l.all(loadtest.Attack{URL: url, App: loadtest.Good, Items: l.items, Rate: 400})
			time.Sleep(time.Second) // connections fall idle
			u, err := loadtest.ReadUsage(t.Context(), url, true)
			if err != nil {
				t.Fatal(err)
			}
			if time.Since(start) < time.Minute {
				first = u
			}
			last = u
		}
		fmt.Printf("BENCH http_soak_heap_vs_first %.3g ratio\nBENCH http_soak_goroutines_vs_first %.3g ratio\n",
			float64(last.Heap)/float64(first.Heap), float64(last.Goroutines)/float64(first.Goroutines))
		t.Logf("first minute %+v, last %+v", first, last)
		if last.Heap > first.Heap*3/2 || last.Goroutines > first.Goroutines+8 {
			t.Errorf("it grows: %+v at first, %+v at last", first, last)
		}
	})
}
