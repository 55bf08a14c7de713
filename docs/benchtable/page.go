package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const intro = `# Figures

![Times cheaper than others, and how much of each limit is used](benchmarks.svg)

Processor time, all threads added up, medians of interleaved runs, unless a line says wall time. The ratios are the point: both sides run on the same machine within the same seconds, while microseconds follow the machine and its other tenants. A limit is what the figure must hold; a missed one stays in the table.

` + "`make bench`" + ` prints the figures, ` + "`make bench WRITE=1`" + ` also writes this page and the chart; ` + "`make bench-long`" + ` has what takes longer and ` + "`make bench-peers`" + ` what runs beside other languages. Do not edit the page: ` + "`docs/benchtable`" + ` makes it.
`

// pages gives the page and its chart in two shapes, by their names.
func pages(r *Record) map[string]string {
	return map[string]string{"benchmarks.md": page(r), "benchmarks.svg": chart(r, wide()), "benchmarks-narrow.svg": chart(r, narrow())}
}

func writePage(dir string, r *Record) error {
	for name, text := range pages(r) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { // #nosec G306 -- a page to be read
			return err
		}
	}
	return nil
}

// page gives benchmarks.md.
func page(r *Record) string {
	var b strings.Builder
	b.WriteString(intro)
	known := map[string]bool{}
	var absent []Limit
	for _, g := range groups() {
		var rows []string
		for _, l := range g.Limits {
			known[l.Name] = true
			f, ok := r.figure(l.Name)
			if !ok {
				if l.Op != "" {
					absent = append(absent, l)
				}
				continue
			}
			rows = append(rows, row(f, l))
		}
		section(&b, g.Title, rows)
	}
	var others []string
	for _, f := range r.Figures {
		if !known[f.Name] {
			others = append(others, row(f, Limit{}))
		}
	}
	section(&b, "Others", others)
	if len(absent) > 0 {
		b.WriteString("\n## Not measured yet\n\n| figure | unit | limit | what it compares |\n|---|---|--:|---|\n")
		for _, l := range absent {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", l.Name, l.Unit, bound(l), l.Meaning)
		}
	}
	b.WriteString("\n## Runs\n\n| run | command | commit | processor | cores | Go |\n|--:|---|---|---|--:|---|\n")
	for i, run := range r.Runs {
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s | %d | %s %s |\n", i+1, run.Command, run.Commit, run.Processor, run.Cores, run.Go, run.OS)
	}
	return b.String()
}

func section(b *strings.Builder, title string, rows []string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| figure | value | unit | limit | | what it compares | run |\n|---|--:|---|--:|---|---|--:|\n%s", title, strings.Join(rows, ""))
}

func row(f Figure, l Limit) string {
	verdict := ""
	switch {
	case l.Op == "":
	case l.holds(f):
		verdict = "holds"
	default:
		verdict = "**missed**"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s | %d |\n", f.Name, number(f.Value), f.Unit, bound(l), verdict, l.Meaning, f.Run+1)
}

func bound(l Limit) string {
	switch l.Op {
	case "<=":
		return "≤ " + number(l.Limit)
	case ">=":
		return "≥ " + number(l.Limit)
	}
	return ""
}
