package report_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/report"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

func crowd(seed uint64, people, captures int) []report.Capture {
	var out []report.Capture
	p := synth.New(seed)
	for n := range people {
		person := p.Person(uint64(n))
		for k := range captures {
			out = append(out, report.Capture{Person: fmt.Sprint(n), Eyes: person.Sample(uint64(k))})
		}
	}
	return out
}

// Every count, once more and by the definition: one pair at a time, no
// vectors' walk, no circle.
func TestReportIsTheDefinition(t *testing.T) {
	captures := crowd(81, 9, 3)
	captures[7] = report.Capture{Person: captures[7].Person, Eyes: captures[0].Eyes} // person 2 took person 0's picture
	r, err := report.New(t.Context(), captures, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.People != 9 || r.Captures != 27 || r.Refused != 0 || r.Columns != 200 {
		t.Fatalf("%+v", r)
	}
	if r.Genuine.Count != 2*9*3 || r.Impostors.Count != 2*9*8/2 || r.Unrotated.Count != r.Impostors.Count {
		t.Fatalf("%d genuine, %d impostors", r.Genuine.Count, r.Impostors.Count)
	}
	for _, row := range r.Rates {
		if row.Threshold != iris.T {
			continue
		}
		want := report.Row{Threshold: iris.T}
		count := func(rate *report.Rate, hit bool) {
			if rate.Of++; hit {
				rate.Hits++
			}
		}
		for i, a := range captures {
			for j, b := range captures[:i] {
				left, _ := iris.NewQuery(b.Eyes.Left).Min(a.Eyes.Left)
				right, _ := iris.NewQuery(b.Eyes.Right).Min(a.Eyes.Right)
				match := iris.NewPairQuery(b.Eyes).Match(a.Eyes)
				switch {
				case a.Person == b.Person:
					count(&want.EyeFNMR, !left.Below(iris.T))
					count(&want.EyeFNMR, !right.Below(iris.T))
					count(&want.PersonFNMR, !match)
				case i%3 == 0 && j%3 == 0:
					count(&want.EyeFMR, left.Below(iris.T))
					count(&want.EyeFMR, right.Below(iris.T))
					count(&want.PersonFMR, match)
				}
			}
		}
		if row != want || want.PersonFNMR.Hits == 0 {
			t.Errorf("%+v\nwant %+v", row, want)
		}
	}
}

// A synthetic population has the figures of biometrics.md section 2.
func TestReportOfSynthetic(t *testing.T) {
	people := 60
	if os.Getenv("PERHUMAN_LONG") == "1" {
		people = 600
	}
	r, err := report.New(t.Context(), crowd(82, people, 2), report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][3]float64{
		"genuine mean":       {r.Genuine.Mean, .11, .14},
		"impostor mean":      {r.Impostors.Mean, .436, .448},
		"unrotated mean":     {r.Unrotated.Mean, .496, .504},
		"degrees of freedom": {r.Freedom, 249 * .85, 249 * 1.15},
		"decidability":       {r.Decidability, 7, 16},
	} {
		if c[0] < c[1] || c[0] > c[2] {
			t.Errorf("%s %.4f is not in %v .. %v", name, c[0], c[1], c[2])
		}
	}
	for i, row := range r.Rates {
		if row.Threshold <= iris.T && row.PersonFMR.Hits > 0 {
			t.Errorf("at %d strangers match: %+v", row.Threshold, row.PersonFMR)
		}
		if i > 0 && (row.PersonFMR.Hits < r.Rates[i-1].PersonFMR.Hits || row.PersonFNMR.Hits > r.Rates[i-1].PersonFNMR.Hits) {
			t.Errorf("rates do not follow the threshold at %d", row.Threshold)
		}
	}
	var out bytes.Buffer
	if err := r.WriteText(&out); err != nil || !strings.Contains(out.String(), "degrees of freedom") || strings.Contains(out.String(), "two names?") {
		t.Errorf("%v\n%s", err, out.String())
	}
	t.Log("\n" + out.String())
}

// One person enrolled under two names stands first.
func TestNearestNamesMistakenLabels(t *testing.T) {
	captures := crowd(83, 16, 1)
	captures = append(captures, report.Capture{Person: "alias", Eyes: synth.New(83).Person(5).Sample(1)})
	captures = append(captures, report.Capture{Person: "mirror", Eyes: synth.New(83).Person(7).Sample(1).Mirror()})
	r, err := report.New(t.Context(), captures, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for i, n := range r.Nearest {
		if i > 0 && n.Distance < r.Nearest[i-1].Distance {
			t.Errorf("order: %+v", r.Nearest)
		}
		if n.Distance < .28 {
			found[n.A], found[n.B] = true, true
		}
	}
	if len(r.Nearest) != 10 || len(found) != 4 || !found["alias"] || !found["5"] || !found["mirror"] || !found["7"] {
		t.Errorf("%+v", r.Nearest)
	}
	var out bytes.Buffer
	if err := r.WriteText(&out); err != nil || strings.Count(out.String(), "two names?") != 2 || !strings.Contains(out.String(), "no pairs") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// A bound on pairs meets everybody equally often, and no pair twice.
func TestImpostorPairsAreSpread(t *testing.T) {
	captures := crowd(84, 12, 1)
	for _, limit := range []int{1, 7, 12, 30, 65, 66, 1000} {
		r, err := report.New(t.Context(), captures, report.Options{MaxImpostorPairs: limit})
		if err != nil {
			t.Fatal(err)
		}
		if want := 2 * min(limit, 66); r.Impostors.Count != want {
			t.Errorf("limit %d: %d comparisons", limit, r.Impostors.Count)
		}
	}
}

func TestWilson(t *testing.T) {
	// Values of the formula in Wilson 1927, z = 1.96.
	for _, c := range []struct {
		report.Rate
		low, high float64
	}{
		{report.Rate{Hits: 0, Of: 100}, 0, .0370}, {report.Rate{Hits: 10, Of: 100}, .0552, .1744},
		{report.Rate{Hits: 100, Of: 100}, .9630, 1}, {report.Rate{Hits: 1, Of: 10}, .0179, .4042}, {report.Rate{}, 0, 1},
	} {
		if low, high := c.Interval(); math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 {
			t.Errorf("%+v: %.4f .. %.4f", c.Rate, low, high)
		}
	}
}

func TestUnusableSets(t *testing.T) {
	wide, err := synth.NewColumns(1, 256)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := iris.FromFlat(200, make([]byte, 1600), make([]byte, 1600))
	if err != nil {
		t.Fatal(err)
	}
	two := crowd(85, 2, 1)
	hidden := report.Capture{Person: "x", Eyes: iris.Pair{Left: empty, Right: two[0].Eyes.Right}}
	for name, set := range map[string][]report.Capture{
		"nobody":           nil,
		"one person":       two[:1],
		"zero value":       {two[0], two[1], {}},
		"shapes":           {two[0], two[1], {Person: "w", Eyes: wide.Person(1).Sample(0)}},
		"one after gating": {two[0], hidden},
	} {
		if r, err := report.New(t.Context(), set, report.Options{}); !errors.Is(err, report.ErrSet) || r != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := report.New(t.Context(), append(two, hidden), report.Options{}); err != nil || r.Refused != 1 || r.People != 2 {
		t.Errorf("a hidden eye: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := report.New(ctx, two, report.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestCharts(t *testing.T) {
	for name, captures := range map[string][]report.Capture{"both": crowd(86, 8, 2), "no genuine pairs": crowd(86, 8, 1)} {
		r, err := report.New(t.Context(), captures, report.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, chart := range [][]byte{r.DistancesSVG(), r.RatesSVG()} {
			for d := xml.NewDecoder(bytes.NewReader(chart)); ; {
				if _, err := d.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("%s: %v\n%s", name, err, chart)
				}
			}
			if !bytes.Contains(chart, []byte("prefers-color-scheme: dark")) || bytes.Contains(chart, []byte("NaN")) || bytes.Contains(chart, []byte("Inf")) {
				t.Errorf("%s:\n%s", name, chart)
			}
		}
	}
}
