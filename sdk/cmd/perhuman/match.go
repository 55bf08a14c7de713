package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/report"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// matchReport measures how well iris codes tell people apart: those of a file,
// or those of a made-up population.
func matchReport(ctx context.Context, args []string, e env) error {
	f := flags("match report", "[-captures FILE | -people N -per-person K -seed S] [-pairs N] [-out FOLDER]", e)
	file := f.String("captures", "", `ndjson, one capture a line: a two-eye file with "person", a name of your choice`)
	people := f.Uint64("people", 300, "without -captures: synthetic people")
	per := f.Uint64("per-person", 3, "without -captures: captures of each")
	seed := f.Uint64("seed", 1, "without -captures: which people")
	columns := f.Int("columns", 200, "without -captures: columns of a code, 200 or 256")
	pairs := f.Int("pairs", 200_000, "pairs of people that are compared at most")
	out := f.String("out", "", "folder to make, for report.txt, report.json, distances.svg, rates.svg")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	if *pairs < 1 || *people > 100_000 || *per > 1000 {
		f.Usage()
		return hint(f)
	}
	var captures []report.Capture
	var err error
	if *file != "" {
		captures, err = readCaptures(*file)
	} else {
		captures, err = makeCaptures(ctx, *seed, *columns, *people, *per)
	}
	if err != nil {
		return err
	}
	r, err := report.New(ctx, captures, report.Options{MaxImpostorPairs: *pairs})
	if err != nil {
		return err
	}
	if *file == "" {
		fmt.Fprintf(e.out, "synthetic population, seed %d: no real irises\n", *seed)
	}
	if err := r.WriteText(e.out); err != nil || *out == "" {
		return err
	}
	return writeReport(r, *out)
}

func readCaptures(path string) (captures []report.Capture, err error) {
	f, err := os.Open(path) // #nosec G304 -- the file that the user names
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	err = iris.ReadLabelled(bufio.NewReader(f), func(l iris.Labelled) error {
		captures = append(captures, report.Capture{Person: l.Label, Eyes: l.Pair})
		return nil
	})
	return captures, err
}

func makeCaptures(ctx context.Context, seed uint64, columns int, people, per uint64) ([]report.Capture, error) {
	crowd, err := synth.NewColumns(seed, columns)
	if err != nil {
		return nil, err
	}
	var captures []report.Capture
	for n := range people {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p := crowd.Person(n)
		for k := range per {
			captures = append(captures, report.Capture{Person: strconv.FormatUint(n, 10), Eyes: p.Sample(k)})
		}
	}
	return captures, nil
}

// writeReport fills a folder that must not exist: the names in it may be
// people's.
func writeReport(r *report.Report, folder string) error {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	body, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	text, err := os.OpenFile(filepath.Join(folder, "report.txt"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the user's folder
	if err != nil {
		return err
	}
	if err := errors.Join(r.WriteText(text), text.Close()); err != nil {
		return err
	}
	for name, b := range map[string][]byte{"report.json": append(body, '\n'), "distances.svg": r.DistancesSVG(), "rates.svg": r.RatesSVG()} {
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}
