package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// shape is how a chart is laid out, in units of its own.
type shape struct {
	width       int
	left, right float64 // where bars begin, and where the longest ends
	row         int     // height of a row
	above       bool    // labels and values stand above their bars, not at the sides
}

// wide is for a column of text, narrow for a phone.
func wide() shape   { return shape{width: 960, left: 300, right: 730, row: 24} }
func narrow() shape { return shape{width: 384, left: 16, right: 368, row: 40, above: true} }

const barHeight = 12

const chartStyle = `<style>
 .bg{fill:#ffffff}.h{font-weight:600;font-size:16px;fill:#16201b}.t{fill:#3a463f}.m{fill:#55625a;font-size:12.5px}.v{fill:#16201b;font-variant-numeric:tabular-nums}
 .bar{fill:#4f9f80}.miss{fill:#d9805f}.grid{stroke:#e3e8e2;stroke-width:1}.line{stroke:#55625a;stroke-width:1.6}
 @media (prefers-color-scheme: dark){.bg{fill:#171d1a}.h{fill:#e9efeb}.t{fill:#c6d1ca}.m{fill:#a3b1a9}.v{fill:#e9efeb}
 .bar{fill:#4aa680}.miss{fill:#c06a4a}.grid{stroke:#2b352f}.line{stroke:#a3b1a9}}
</style>
`

// aboveStyle keeps the lines of the scale out of words that stand on them.
const aboveStyle = `<style>
 .t,.v{paint-order:stroke;stroke:#ffffff;stroke-width:4px}
 @media (prefers-color-scheme: dark){.t,.v{stroke:#171d1a}}
</style>
`

// chart gives benchmarks.svg, or the same for a phone: above, how many times
// less ours costs than somebody else's program; below, how much of each limit
// is used.
func chart(r *Record, sh shape) string {
	type bar struct {
		label, value string
		x            float64
		missed       bool
	}
	var peers, limits []bar
	for _, g := range groups() {
		for _, l := range g.Limits {
			f, ok := r.figure(l.Name)
			if !ok {
				continue
			}
			if l.Peer != "" && f.Value > 0 {
				t := l.times(f.Value)
				peers = append(peers, bar{label: l.Peer, value: number(round(t)) + " ×", x: t})
			}
			if l.Op != "" && l.Limit > 0 && f.Value > 0 {
				text := number(f.Value)
				if l.Unit != "ratio" {
					text += " " + l.Unit
				}
				if !sh.above { // where there is room for the limit too
					text += " (" + bound(l) + ")"
				}
				limits = append(limits, bar{f.Name, text, l.share(f.Value), !l.holds(f)})
			}
		}
	}
	slices.SortStableFunc(peers, func(a, b bar) int {
		switch {
		case a.x > b.x:
			return -1
		case a.x < b.x:
			return 1
		}
		return 0
	})

	var b strings.Builder
	y := 44
	text := func(class string, x, y float64, anchor, s string) {
		fmt.Fprintf(&b, "<text class=%q x=\"%.0f\" y=\"%.0f\" text-anchor=%q>%s</text>\n", class, x, y, anchor, html.EscapeString(s))
	}
	margin := min(sh.left, 24)
	panel := func(title string, note []string, bars []bar, scale func(float64) float64, ticks []float64, tick func(float64) string) {
		text("h", margin, float64(y), "start", title)
		if !sh.above {
			note = []string{strings.Join(note, " ")}
		}
		for _, line := range note {
			y += 20
			text("m", margin, float64(y), "start", line)
		}
		y += 32
		bottom := y + sh.row*len(bars)
		for _, at := range ticks {
			x := sh.left + scale(at)*(sh.right-sh.left)
			class := "grid"
			if at == 1 {
				class = "line"
			}
			anchor := "middle"
			if x-margin < 12 {
				anchor = "start"
			}
			text("m", x, float64(y-6), anchor, tick(at))
			fmt.Fprintf(&b, "<path class=%q d=\"M%.1f %dV%d\"/>\n", class, x, y, bottom)
		}
		for _, bar := range bars {
			middle, words := float64(y+sh.row/2), float64(y+sh.row/2+4)
			if sh.above {
				middle, words = float64(y+sh.row-barHeight), float64(y+sh.row-2*barHeight+2)
			}
			class := "bar"
			if bar.missed {
				class = "miss"
			}
			// Bars begin where the scale does, and end inside the panel.
			end := sh.left + min(max(scale(bar.x), .004), 1)*(sh.right-sh.left)
			if sh.above {
				text("t", sh.left, words, "start", bar.label)
			} else {
				text("t", sh.left-10, words, "end", bar.label)
			}
			fmt.Fprintf(&b, "<rect class=%q x=\"%.0f\" y=\"%.0f\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, sh.left, middle-barHeight/2, end-sh.left, barHeight)
			text("v", float64(sh.width)-margin, words, "end", bar.value)
			y += sh.row
		}
		y += 48
	}
	if len(peers) > 0 {
		top := 10.0
		for _, p := range peers {
			top = math.Max(top, p.x)
		}
		var ticks []float64
		for _, at := range []float64{1, 2, 5, 10, 20, 50, 100} {
			if at <= top {
				ticks = append(ticks, at)
			}
		}
		panel("Times cheaper than others", []string{"the same work on the same machine in the same run;", "logarithmic"},
			peers, func(x float64) float64 { return math.Log(math.Max(x, 1)) / math.Log(top*1.1) }, ticks,
			func(at float64) string { return number(at) + " ×" })
	}
	if len(limits) > 0 {
		note := []string{"bars beyond the line miss it; at the right the value"}
		if !sh.above {
			note = append(note, "and, in brackets, the limit")
		}
		panel("How much of each limit is used", note,
			limits, func(x float64) float64 { return x / 1.6 }, []float64{0, .25, .5, .75, 1, 1.25, 1.5},
			func(at float64) string { return number(100*at) + " %" })
	}
	y -= 24
	style := chartStyle
	if sh.above {
		style += aboveStyle
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d" font-family="system-ui, -apple-system, Segoe UI, sans-serif" font-size="13">
<title id="t">Figures of perhuman</title>
<desc id="d">Two bar charts: how many times less our programs cost than others, and how much of each limit our figures use. The numbers stand in benchmarks.md.</desc>
%s<rect class="bg" width="%d" height="%d" rx="12"/>
%s</svg>
`, sh.width, y, style, sh.width, y, b.String())
}

// round keeps two digits.
func round(x float64) float64 {
	if x >= 10 {
		return math.Round(x)
	}
	return math.Round(x*10) / 10
}
