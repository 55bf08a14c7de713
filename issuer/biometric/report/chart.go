package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// Shape of the charts, in their own units.
const (
	width, height = 760, 380
	left, right   = 70, 740
	top, bottom   = 60, 330
)

// style is legible on light and on dark pages. Genuine and impostor differ in
// lightness and in line, not in hue alone.
const style = `<style>
 .bg{fill:#ffffff}.h{font-weight:600;font-size:16px;fill:#1b2330}.t{fill:#3b4554}.grid{stroke:#e3e7ed}.axis{stroke:#5d6878}
 .ga{fill:#1f6f4a;fill-opacity:.75}.ia{fill:#7aa2e0;fill-opacity:.75}.g{stroke:#1f6f4a}.i{stroke:#3d6fc0;stroke-dasharray:7 4}.mark{stroke:#b0472a;stroke-dasharray:2 3}
 .g,.i{fill:none;stroke-width:2.2}.band{fill-opacity:.18;stroke:none}.mt{fill:#b0472a}
 @media (prefers-color-scheme: dark){.bg{fill:#0f141b}.h{fill:#eef2f7}.t{fill:#c8d1dc}.grid{stroke:#232d39}.axis{stroke:#98a4b3}
 .ga{fill:#59c493}.ia{fill:#4a78bd}.g{stroke:#59c493}.i{stroke:#86b0f0}.mark{stroke:#ec8a6b}.mt{fill:#ec8a6b}}
</style>
`

type canvas struct{ strings.Builder }

func (c *canvas) put(format string, args ...any) { fmt.Fprintf(c, format+"\n", args...) }

func (c *canvas) text(x, y float64, class, anchor, s string) {
	c.put(`<text class="%s" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, class, x, y, anchor, s)
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	c.put(`<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func open(title, description string) *canvas {
	c := new(canvas)
	c.put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d" font-family="system-ui, -apple-system, Segoe UI, sans-serif" font-size="13">`, width, height)
	c.put(`<title id="t">%s</title><desc id="d">%s</desc>`, title, description)
	fmt.Fprint(c, style)
	c.put(`<rect class="bg" width="%d" height="%d" rx="8"/>`, width, height)
	c.text(left, 28, "h", "start", title)
	return c
}

func (c *canvas) close() []byte {
	c.put("</svg>")
	return []byte(c.String())
}

// mark draws the issuer's thresholds.
func (c *canvas) mark(x func(float64) float64) {
	for _, t := range []struct {
		at   iris.Threshold
		name string
	}{{iris.T1, "t1"}, {iris.T, "t"}} {
		c.line("mark", x(fraction(t.at)), top, x(fraction(t.at)), bottom)
		c.text(x(fraction(t.at)), top-5, "mt", "middle", t.name)
	}
}

// DistancesSVG draws the histograms of genuine and impostor distances of one
// eye, each as shares of its own pairs.
func (r *Report) DistancesSVG() []byte {
	c := open("Distance of two codes, least of 31 rotations", fmt.Sprintf(
		"Histograms: genuine, mean %.3f over %d; impostors, mean %.3f over %d.", r.Genuine.Mean, r.Genuine.Count, r.Impostors.Mean, r.Impostors.Count))
	const shown = 60 // bins: 0 to .6
	x := func(v float64) float64 { return left + v/.6*(right-left) }
	peak := .01
	for _, d := range []Distances{r.Genuine, r.Impostors} {
		for _, n := range d.Histogram {
			peak = max(peak, Rate{n, d.Count}.Value())
		}
	}
	y := func(share float64) float64 { return bottom - share/peak*(bottom-top) }
	for k := range 5 {
		v := peak * float64(k) / 4
		c.line("grid", left, y(v), right, y(v))
		c.text(left-8, y(v)+4, "t", "end", fmt.Sprintf("%.0f %%", 100*v))
	}
	for k := range 7 {
		c.text(x(float64(k)/10), bottom+20, "t", "middle", fmt.Sprintf(".%d", k))
	}
	for _, set := range []struct {
		class string
		Distances
	}{{"ia", r.Impostors}, {"ga", r.Genuine}} {
		for i, n := range set.Histogram[:shown] {
			if n > 0 {
				at := y(Rate{n, set.Count}.Value())
				c.put(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, set.class, x(float64(i)/100)+.5, at, x(.01)-left-1, bottom-at)
			}
		}
	}
	c.line("axis", left, bottom, right, bottom)
	c.mark(x)
	c.text(x(min(r.Genuine.Mean, .5)), height-12, "t", "middle", "genuine")
	c.text(x(min(r.Impostors.Mean, .5)), height-12, "t", "middle", "impostors")
	return c.close()
}

// RatesSVG draws FMR and FNMR of the person rule over the threshold, with their
// intervals, on a logarithmic scale. Where nothing was counted only the
// interval is drawn.
func (r *Report) RatesSVG() []byte {
	c := open("Error rates of the person rule over the threshold", "False match rate, dashed, and false non-match rate, solid, with 95 % intervals.")
	const low = -6. // decades
	first, last := fraction(r.Rates[0].Threshold), fraction(r.Rates[len(r.Rates)-1].Threshold)
	x := func(v float64) float64 { return left + (v-first)/(last-first)*(right-left) }
	y := func(rate float64) float64 {
		return bottom - (max(math.Log10(max(rate, 1e-9)), low)-low)/-low*(bottom-top)
	}
	for k := low; k <= 0; k++ {
		c.line("grid", left, y(math.Pow(10, k)), right, y(math.Pow(10, k)))
		c.text(left-8, y(math.Pow(10, k))+4, "t", "end", fmt.Sprintf("1e%.0f", k))
	}
	for v := first; v <= last+1e-9; v += .02 {
		c.text(x(v), bottom+20, "t", "middle", fmt.Sprintf("%.2f", v))
	}
	for _, curve := range []struct {
		class, area, name string
		of                func(Row) Rate
	}{
		{"i", "ia", "FMR", func(row Row) Rate { return row.PersonFMR }},
		{"g", "ga", "FNMR", func(row Row) Rate { return row.PersonFNMR }},
	} {
		if curve.of(r.Rates[0]).Of == 0 {
			continue
		}
		var line, above, below []string
		for _, row := range r.Rates {
			rate, at := curve.of(row), x(fraction(row.Threshold))
			if rate.Hits > 0 {
				line = append(line, fmt.Sprintf("%.1f,%.1f", at, y(rate.Value())))
			}
			bottom, top := rate.Interval()
			above = append(above, fmt.Sprintf("%.1f,%.1f", at, y(top)))
			below = append([]string{fmt.Sprintf("%.1f,%.1f", at, y(bottom))}, below...)
		}
		c.put(`<polygon class="%s band" points="%s"/>`, curve.area, strings.Join(append(above, below...), " "))
		if len(line) > 0 {
			c.put(`<polyline class="%s" points="%s"/>`, curve.class, strings.Join(line, " "))
		}
	}
	c.line("axis", left, bottom, right, bottom)
	c.mark(x)
	for i, l := range []struct{ class, name string }{{"g", "FNMR"}, {"i", "FMR"}} {
		at := float64(left + 130*i)
		c.line(l.class, at, height-17, at+34, height-17)
		c.text(at+42, height-12, "t", "start", l.name)
	}
	return c.close()
}
