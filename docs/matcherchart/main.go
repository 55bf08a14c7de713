// Command matcherchart draws docs/private-matcher.svg: what one query of the
// private matcher costs a party, against the number of people enrolled.
//
//	go run ./docs/matcherchart > docs/private-matcher.svg
//	go run ./docs/matcherchart -narrow > docs/private-matcher-narrow.svg
//
// The second is for phones: one panel below the other. Dots are measured by
// TestBenchGallery of issuer/biometric/mpc, lines are the arithmetic of
// docs/private-matcher.md. A test holds the pictures to this program.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
)

func main() {
	narrow := flag.Bool("narrow", false, "draw it for a phone")
	flag.Parse()
	if _, err := os.Stdout.WriteString(chart(*narrow)); err != nil {
		os.Exit(1)
	}
}

// point is a measurement: people, CPU seconds and megabytes sent of one party
// for one query.
type point struct{ people, seconds, megabytes float64 }

// measured are lines that TestBenchGallery printed on a shared machine with two
// cores of an AMD EPYC (Zen 4).
var measured = [...]point{{1000, .026, 1.78}, {5000, .109, 8.78}, {20000, .440, 34.78}}

// The arithmetic: a person is 124 comparisons under two forms.
const (
	comparisons  = 124
	perSecond    = 5.7e6 // comparisons a second and core
	bytesPerForm = 7.0
)

type panel struct {
	left, top   float64
	title, note string
	low, high   float64 // powers of ten
	line        func(people float64) float64
	dot         func(point) float64
	ticks       map[float64]string
}

func chart(narrow bool) string {
	width, height, plotWidth := 960, 400, 350.0
	left, top := 540.0, 0.0 // of the second panel
	if narrow {
		width, height, plotWidth = 384, 780, 266
		left, top = 60, 380
	}
	panels := [...]panel{
		{60, 0, "CPU of one party for one query", "seconds on one core, both axes logarithmic", -2, 4,
			func(n float64) float64 { return n * comparisons / perSecond }, func(p point) float64 { return p.seconds },
			map[float64]string{-2: "10 ms", -1: "0.1 s", 0: "1 s", 1: "10 s", 2: "100 s", 3: "1,000 s", 4: "10,000 s"}},
		{left, top, "Bytes one party sends for one query", "both axes logarithmic", 0, 6,
			func(n float64) float64 { return n * comparisons * 2 * bytesPerForm / 1e6 }, func(p point) float64 { return p.megabytes },
			map[float64]string{0: "1 MB", 1: "10 MB", 2: "100 MB", 3: "1 GB", 4: "10 GB", 5: "100 GB", 6: "1 TB"}},
	}
	var b strings.Builder
	text := func(class string, x, y float64, anchor, s string) {
		fmt.Fprintf(&b, "<text class=%q x=\"%.0f\" y=\"%.0f\" text-anchor=%q>%s</text>\n", class, x, y, anchor, s)
	}
	const least, most = 3.0, 8.0
	powers := []string{"1,000", "10,000", "100,000", "1 million", "10 million", "100 million"}
	if narrow {
		powers = []string{"1,000", "10,000", "100,000", "1 M", "10 M", "100 M"}
	}
	for _, p := range panels {
		top, bottom := p.top+92, p.top+340
		x := func(people float64) float64 { return p.left + 20 + (math.Log10(people)-least)/(most-least)*plotWidth }
		y := func(v float64) float64 { return bottom - (math.Log10(v)-p.low)/(p.high-p.low)*(bottom-top) }
		text("h", p.left-30, p.top+40, "start", p.title)
		text("m", p.left-30, p.top+60, "start", p.note)
		for power := p.low; power <= p.high; power++ {
			at := y(math.Pow(10, power))
			fmt.Fprintf(&b, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", p.left+20, at, p.left+20+plotWidth)
			text("m", p.left+14, at+4, "end", p.ticks[power])
		}
		for power, name := range powers {
			at := x(math.Pow(10, least+float64(power)))
			fmt.Fprintf(&b, "<path class=\"grid\" d=\"M%.1f %.0fV%.0f\"/>\n", at, top, bottom)
			text("m", at, bottom+18, "middle", name)
		}
		text("m", p.left+20+plotWidth/2, bottom+40, "middle", "people enrolled")
		fmt.Fprintf(&b, "<path class=\"line\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", x(1e3), y(p.line(1e3)), x(1e8), y(p.line(1e8)))
		for _, m := range measured {
			fmt.Fprintf(&b, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>\n", x(m.people), y(p.dot(m)))
		}
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d" font-family="system-ui, -apple-system, Segoe UI, sans-serif" font-size="13">
<title id="t">The cost of one query against the number of people</title>
<desc id="d">Two charts. For one new person, one party of three computes .44 seconds on one core and sends 35 megabytes with 20,000 people enrolled; both grow in proportion to the people: 220 seconds and 17 gigabytes with 10 million, ten times as much with 100 million. Dots are measured, lines computed.</desc>
<style>
 .bg{fill:#ffffff}.h{font-weight:600;font-size:16px;fill:#16201b}.m{fill:#55625a;font-size:12px}.grid{stroke:#e3e8e2;stroke-width:1}.line{stroke:#4f9f80;stroke-width:2;fill:none}.dot{fill:#0b6b4d}
 @media (prefers-color-scheme: dark){.bg{fill:#171d1a}.h{fill:#e9efeb}.m{fill:#a3b1a9}.grid{stroke:#2b352f}.line{stroke:#4aa680}.dot{fill:#8be3c0}}
</style>
<rect class="bg" width="%d" height="%d" rx="12"/>
%s</svg>
`, width, height, width, height, b.String())
}
