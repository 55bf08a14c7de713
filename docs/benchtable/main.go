// Command benchtable turns the output of benchmarks into the page
// docs/benchmarks.md and its chart.
//
// A benchmark prints one line a figure, which `make bench` collects:
//
//	BENCH verify_single_vs_gnark 0.612 ratio
//
// The command reads the output of tests on standard input and prints those
// lines on; of everything else it shows what failed or was skipped, and the
// whole tail when a test has failed. At the end it says which figures miss the
// limit that the table in limits.go holds. A missed limit is a finding, not an
// error, since shared machines are noisy: -strict makes it one.
//
//	go test -v -run '^TestBench' ./... | benchtable -command 'make bench' -write docs
//
// With -write the figures are merged into benchmarks.json of that folder, in
// place of the older ones of the same names, and benchmarks.md is made from it
// again, with the chart benchmarks.svg and, for phones, benchmarks-narrow.svg.
// Each figure names the run it comes from: the command, the commit, the
// processor and the version of Go. With -render they are made from the recorded
// figures, and nothing is read: for when a limit or a sentence of limits.go has
// changed. A test holds them to both.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

func main() {
	command := flag.String("command", "make bench", "the command that makes the figures, as the page names it")
	write := flag.String("write", "", "folder whose benchmarks.json, .md and .svg are written")
	render := flag.String("render", "", "folder whose .md and .svg are made from its .json; reads nothing")
	strict := flag.Bool("strict", false, "fail when a limit is missed")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *command, *write, *render, *strict); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, command, write, render string, strict bool) error {
	if render != "" {
		r, err := readRecord(render)
		if err != nil {
			return err
		}
		return writePage(render, r)
	}
	figures, err := collect(in, out)
	if err != nil {
		return err
	}
	missed := missing(out, figures)
	if write != "" {
		r, err := readRecord(write)
		if err != nil {
			return err
		}
		about := Run{Command: command, Commit: commit(), Processor: processor(os.DirFS("/")), Cores: runtime.NumCPU(), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH}
		r.merge(about, figures)
		if err := r.save(write); err != nil {
			return err
		}
		if err := writePage(write, r); err != nil {
			return err
		}
	}
	if strict && missed > 0 {
		return fmt.Errorf("%d limits are missed", missed)
	}
	return nil
}

// missing prints which limits the figures miss, and how many.
func missing(out io.Writer, figures []Figure) (missed int) {
	limited := 0
	for _, f := range figures {
		l, _ := limitOf(f.Name)
		if l.Op == "" {
			continue
		}
		limited++
		if !l.holds(f) {
			missed++
			fmt.Fprintf(out, "MISSED %s %s %s, limit %s %s %s\n", f.Name, number(f.Value), f.Unit, l.Op, number(l.Limit), l.Unit)
		}
	}
	fmt.Fprintf(out, "%d figures, %d with a limit, %d of these missed\n", len(figures), limited, missed)
	return missed
}

// commit names the commit that was measured, with a mark when files differ from
// it.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=, changed").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
