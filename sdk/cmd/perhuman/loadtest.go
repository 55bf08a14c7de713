package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"

	"github.com/perhuman/perhuman/sdk/loadtest"
)

// loadtestServer is the other process of a load test.
func loadtestServer(ctx context.Context, args []string, e env) error {
	f := flags("loadtest server", "-dir DIR", e)
	dir := f.String("dir", "", "folder for the spend store")
	queue := f.Bool("queue", true, "verify proofs of concurrent requests together")
	profile := f.String("cpuprofile", "", "file for a profile of the processor time, for go tool pprof")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if *profile != "" {
		out, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(e.out, loadtest.Listening+l.Addr().String())
	return loadtest.Serve(ctx, l, loadtest.ServerConfig{Dir: *dir, Queue: *queue})
}

// loadtestRun measures a verifier service on this machine.
func loadtestRun(ctx context.Context, args []string, e env) error {
	f := flags("loadtest", "[-n PROOFS] [-procs N]", e)
	n := f.Int("n", 1024, "how many proofs; each takes about a tenth of a second to make, once")
	procs := f.Int("procs", 1, "processors of the server")
	conns := f.Int("conns", 64, "concurrent callers at saturation")
	profile := f.String("cpuprofile", "", "folder for a profile of the server in each run")
	cache := f.String("cache", "", "folder where proofs are kept (default one below the user's cache)")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	items, err := loadtestItems(ctx, *n, *cache, e.err)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	run := func(name string, queue bool, a loadtest.Attack) (loadtest.Result, error) {
		p, err := loadtest.Start(ctx, *procs, func(dir string) *exec.Cmd {
			args := []string{"loadtest", "server", "-dir", dir, "-queue=" + strconv.FormatBool(queue)}
			if *profile != "" {
				args = append(args, "-cpuprofile", filepath.Join(*profile, strings.ReplaceAll(name, " ", "-")+".pprof"))
			}
			return exec.Command(self, args...) // #nosec G204 -- this program
		})
		if err != nil {
			return loadtest.Result{}, err
		}
		a.URL, a.App, a.Items = p.URL, loadtest.Good, items
		r, err := a.Run(ctx)
		usage, err2 := loadtest.ReadUsage(ctx, p.URL, false)
		if err := errors.Join(err, err2, p.Stop()); err != nil {
			return r, err
		}
		printLoad(e.out, name, r, usage)
		return r, nil
	}
	fmt.Fprintf(e.out, "%-34s %8s %10s %10s %9s %9s %8s\n", "", "accepted", "us/proof", "proofs/s", "p50 ms", "p99 ms", "RSS MB")
	if _, err := run("one caller after the other", true, loadtest.Attack{Conns: 1}); err != nil {
		return err
	}
	if _, err := run("saturation, no queue", false, loadtest.Attack{Conns: *conns}); err != nil {
		return err
	}
	full, err := run("saturation, queue", true, loadtest.Attack{Conns: *conns})
	if err != nil {
		return err
	}
	if _, err := run("open loop at half of that", true, loadtest.Attack{Rate: full.PerSecond() / 2}); err != nil {
		return err
	}
	_, err = run("batches of 512", true, loadtest.Attack{Conns: 1, Batch: 512})
	return err
}

func printLoad(w io.Writer, name string, r loadtest.Result, u loadtest.Usage) {
	ms := func(p float64) float64 { return float64(r.Latency(p).Microseconds()) / 1000 }
	fmt.Fprintf(w, "%-34s %8d %10.0f %10.0f %9.1f %9.1f %8d\n", name, r.Accepted(), float64(r.PerProof().Nanoseconds())/1000, r.PerSecond(), ms(.5), ms(.99), u.PeakRSS>>20)
	for code, n := range r.Codes {
		if code != "ok" {
			fmt.Fprintf(w, "%34s %8d %s\n", "", n, code)
		}
	}
}

// loadtestItems finds or makes the proofs.
func loadtestItems(ctx context.Context, n int, cache string, progress io.Writer) ([]loadtest.Item, error) {
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, err
		}
		cache = filepath.Join(user, "perhuman", "loadtest")
	}
	return loadtest.Prepare(ctx, n, cache, func(have, want int) {
		if have == want || have%64 == 0 {
			fmt.Fprintf(progress, "proofs: %d of %d\n", have, want)
		}
	})
}
