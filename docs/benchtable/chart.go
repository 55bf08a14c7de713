package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// Shapes of the chart, in its own units.
const (
	chartWidth = 960
	chartLeft  = 300 // where bars begin
	chartRight = 730 // where the longest ends; values stand right of it
	rowHeight  = 24
	barHeight  = 12
)

const chartStyle = `<style>
 .bg{fill:#ffffff}.h{font-weight:600;font-size:16px;fill:#16201b}.t{fill:#3a463f}.m{fill:#55625a;font-size:12.5px}.v{fill:#16201b;font-variant-numeric:tabular-nums}
 .bar{fill:#4f9f80}.miss{fill:#d9805f}.grid{stroke:#e3e8e2;stroke-width:1}.line{stroke:#55625a;stroke-width:1.6}
 @media (prefers-color-scheme: dark){.bg{fill:#171d1a}.h{fill:#e9efeb}.t{fill:#c6d1ca}.m{fill:#a3b1a9}.v{fill:#e9efeb}
 .bar{fill:#4aa680}.miss{fill:#c06a4a}.grid{stroke:#2b352f}.line{stroke:#a3b1a9}}
</style>
`

// chart gives benchmarks.svg: above, how many times less ours costs than
// somebody else's program; below, how much of each limit is used.
func chart(r *Record) string {
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
				limits = append(limits, bar{f.Name, fmt.Sprintf("%s (%s)", text, bound(l)), l.share(f.Value), !l.holds(f)})
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
	panel := func(title, note string, bars []bar, scale func(float64) float64, ticks []float64, tick func(float64) string) {
		text("h", 24, float64(y), "start", title)
		text("m", 24, float64(y+20), "start", note)
		y += 52
		bottom := y + rowHeight*len(bars)
		for _, at := range ticks {
			x := chartLeft + scale(at)*(chartRight-chartLeft)
			class := "grid"
			if at == 1 {
				class = "line"
			}
			text("m", x, float64(y-6), "middle", tick(at))
			fmt.Fprintf(&b, "<path class=%q d=\"M%.1f %dV%d\"/>\n", class, x, y, bottom)
		}
		for _, bar := range bars {
			middle := float64(y) + rowHeight/2
			class := "bar"
			if bar.missed {
				class = "miss"
			}
			// Bars begin where the scale does, and end inside the panel.
			end := chartLeft + min(max(scale(bar.x), .004), 1)*(chartRight-chartLeft)
			text("t", chartLeft-10, middle+4, "end", bar.label)
			fmt.Fprintf(&b, "<rect class=%q x=\"%d\" y=\"%.0f\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, chartLeft, middle-barHeight/2, end-chartLeft, barHeight)
			text("v", chartWidth-24, middle+4, "end", bar.value)
			y += rowHeight
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
		panel("Times cheaper than others", "the same work on the same machine in the same run; logarithmic",
			peers, func(x float64) float64 { return math.Log(math.Max(x, 1)) / math.Log(top*1.1) }, ticks,
			func(at float64) string { return number(at) + " ×" })
	}
	if len(limits) > 0 {
		panel("How much of each limit is used", "bars beyond the line miss it; at the right the value and, in brackets, the limit",
			limits, func(x float64) float64 { return x / 1.6 }, []float64{0, .25, .5, .75, 1, 1.25, 1.5},
			func(at float64) string { return number(100*at) + " %" })
	}
	y -= 24
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d" font-family="system-ui, -apple-system, Segoe UI, sans-serif" font-size="13">
<title id="t">Figures of perhuman</title>
<desc id="d">Two bar charts: how many times less our programs cost than others, and how much of each limit our figures use. The numbers stand in benchmarks.md.</desc>
%s<rect class="bg" width="%d" height="%d" rx="12"/>
%s</svg>
`, chartWidth, y, chartStyle, chartWidth, y, b.String())
}

// round keeps two digits.
func round(x float64) float64 {
	if x >= 10 {
		return math.Round(x)
	}
	return math.Round(x*10) / 10
}
