package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// The page and the chart are what the recorded figures and the table of limits
// give: run `make bench-render` after a change of either.
func TestPageIsInStep(t *testing.T) {
	r, err := readRecord("..")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Figures) == 0 {
		t.Fatal("docs/benchmarks.json has no figures")
	}
	for name, want := range pages(r) {
		got, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what benchmarks.json and limits.go give", name)
		}
	}
}

// The page names every limit, the measured ones with a verdict.
func TestPageNamesEveryLimit(t *testing.T) {
	r := new(Record)
	r.merge(Run{Command: "make bench"}, []Figure{
		{Name: "verify_single_vs_gnark", Value: .5, Unit: "ratio"},
		{Name: "tree_vs_zkkit_20k", Value: 3, Unit: "ratio"},
		{Name: "wasm_gzip_bytes", Value: 1.2, Unit: "MB"},
		{Name: "unheard_of", Value: 1234567, Unit: "ns"},
	})
	text := page(r)
	for _, g := range groups() {
		for _, l := range g.Limits {
			if l.Op != "" && !strings.Contains(text, "| `"+l.Name+"` |") {
				t.Errorf("%s is missing", l.Name)
			}
		}
	}
	for _, want := range []string{
		"| `verify_single_vs_gnark` | 0.5 | ratio | ≤ 0.65 | holds |",
		"| `tree_vs_zkkit_20k` | 3 | ratio | ≥ 25 | **missed** |",
		"| `wasm_gzip_bytes` | 1.2 | MB | ≤ 1,300,000 | **missed** |",
		"| `unheard_of` | 1,234,567 | ns |  |  |  | 1 |",
		"| `poseidon_bulk_vs_iden3` | ratio | ≤ 0.34 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not on the page: %s", want)
		}
	}
}

func TestLimits(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range groups() {
		for _, l := range g.Limits {
			if seen[l.Name] || l.Meaning == "" || l.Unit == "" || strings.ContainsAny(l.Meaning, "|\n") {
				t.Errorf("%s: twice or incomplete", l.Name)
			}
			seen[l.Name] = true
			if !slices.Contains([]string{"", "<=", ">="}, l.Op) || (l.Op == "" && l.Limit != 0) {
				t.Errorf("%s: bad limit", l.Name)
			}
		}
	}
}

func TestCollect(t *testing.T) {
	const output = `=== RUN   TestBenchX
BENCH verify_single_vs_gnark 0.7 ratio
    x_test.go:5: chatter
--- PASS: TestBenchX (0.1s)
BENCH made_up 3 ms
--- SKIP: TestBenchY (0.00s)
SKIP made_up_too: no such processor
BENCH verify_single_vs_gnark 0.6 ratio
ok  	pkg	0.2s
`
	var out bytes.Buffer
	figures, err := collect(strings.NewReader(output), &out)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Figure{{Name: "verify_single_vs_gnark", Value: .6, Unit: "ratio"}, {Name: "made_up", Value: 3, Unit: "ms"}}; !slices.Equal(figures, want) {
		t.Errorf("%v", figures)
	}
	if strings.Contains(out.String(), "chatter") || !strings.Contains(out.String(), "SKIP made_up_too") || strings.Count(out.String(), "BENCH") != 3 {
		t.Errorf("printed:\n%s", out.String())
	}
	out.Reset()
	if _, err := collect(strings.NewReader("why\n--- FAIL: TestBenchX (0.1s)\nFAIL\n"), &out); !errors.Is(err, errFailed) || !strings.Contains(out.String(), "why") {
		t.Errorf("a failed test: %v\n%s", err, out.String())
	}
	for _, bad := range []string{"BENCH x 1", "BENCH x one ms", "BENCH x NaN ms", "BENCH x 1 ms more"} {
		if _, err := collect(strings.NewReader(bad+"\n"), io.Discard); !errors.Is(err, errLine) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestMissedLimits(t *testing.T) {
	in := "BENCH verify_single_vs_gnark 0.9 ratio\nBENCH made_up 3 ms\n"
	var out bytes.Buffer
	if err := run(strings.NewReader(in), &out, "x", "", "", false); err != nil || !strings.Contains(out.String(), "MISSED verify_single_vs_gnark 0.9") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if err := run(strings.NewReader(in), io.Discard, "x", "", "", true); err == nil {
		t.Error("-strict accepts a missed limit")
	}
}

// Figures of different runs stand side by side until they are measured again.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	r, err := readRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, second := Run{Command: "a"}, Run{Command: "b"}
	r.merge(first, []Figure{{Name: "x", Value: 1}, {Name: "y", Value: 2}})
	r.merge(second, []Figure{{Name: "y", Value: 3}})
	if err := r.save(dir); err != nil {
		t.Fatal(err)
	}
	r, err = readRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := r.figure("x")
	y, _ := r.figure("y")
	if r.Runs[x.Run] != first || r.Runs[y.Run] != second || y.Value != 3 {
		t.Errorf("%+v", r)
	}
	r.merge(second, []Figure{{Name: "x", Value: 5}})
	if !slices.Equal(r.Runs, []Run{second}) {
		t.Errorf("runs that nothing comes from: %+v", r.Runs)
	}
	if err := os.WriteFile(dir+"/benchmarks.json", []byte(`{"figures":[{"name":"x","run":3}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readRecord(dir); err == nil {
		t.Error("a figure without a run is accepted")
	}
}

// The chart is XML, and nothing in it leads to another file or network.
func TestChartStandsAlone(t *testing.T) {
	r, err := readRecord("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, sh := range []shape{wide(), narrow()} {
		text := chart(r, sh)
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		without := strings.Replace(text, `xmlns="http://www.w3.org/2000/svg"`, "", 1)
		for _, word := range []string{"://", "url(", "@import", "@font-face", "href", "<script", "NaN", "Inf"} {
			if strings.Contains(without, word) {
				t.Errorf("the chart has %s", word)
			}
		}
		if !strings.Contains(text, "prefers-color-scheme: dark") {
			t.Error("no dark colours")
		}
		if got := chart(new(Record), sh); !strings.HasSuffix(got, "</svg>\n") {
			t.Error("no chart of nothing")
		}
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", .65: "0.65", .0451: "0.045", 1.5: "1.5", 37.23: "37.2", 123.4: "123", 1234: "1234",
		12345: "12,345", 1234567: "1,234,567", -1234567: "-1,234,567", 1300000: "1,300,000",
	} {
		if got := number(x); got != want {
			t.Errorf("number(%v) = %s, want %s", x, got, want)
		}
	}
}

func TestProcessor(t *testing.T) {
	info := "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 avx512f avx512ifma\n"
	root := fstest.MapFS{"proc/cpuinfo": {Data: []byte(info)}}
	if got := processor(root); got != "Some CPU (family 25, model 17), AVX2, AVX-512, IFMA" {
		t.Error(got)
	}
	if got := processor(fstest.MapFS{}); got != "unknown" {
		t.Error(got)
	}
}
