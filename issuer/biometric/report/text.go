package report

import (
	"bytes"
	"fmt"
	"io"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	b := new(bytes.Buffer)
	fmt.Fprintf(b, "%d captures of %d people, codes of %d columns; %d captures below the quality gate left out\n", r.Captures, r.People, r.Columns, r.Refused)
	fmt.Fprintf(b, "person rule: both eyes below the threshold, or one below %.3f\n\n", fraction(iris.T1))
	fmt.Fprintln(b, "distances               eyes    mean  deviation   least    most")
	for _, d := range []struct {
		name string
		Distances
	}{{"genuine", r.Genuine}, {"impostors", r.Impostors}, {"impostors, unrotated", r.Unrotated}} {
		fmt.Fprintf(b, "%-21s %7d  %.4f     %.4f  %.4f  %.4f\n", d.name, d.Count, d.Mean, d.Deviation, d.Least, d.Most)
	}
	fmt.Fprintf(b, "\ndegrees of freedom %.0f (Daugman's irises: 249), decidability %.1f\n\n", r.Freedom, r.Decidability)
	fmt.Fprintln(b, "           one eye                                           person rule")
	fmt.Fprintln(b, "threshold  FMR (95 % interval)      FNMR (95 % interval)     FMR (95 % interval)      FNMR (95 % interval)")
	for _, row := range r.Rates {
		if row.Threshold%100 != 0 && row.Threshold != iris.T {
			continue
		}
		mark := " "
		if row.Threshold == iris.T || row.Threshold == iris.T1 {
			mark = "*"
		}
		fmt.Fprintf(b, "%.3f%s     %-24s %-24s %-24s %s\n", fraction(row.Threshold), mark, text(row.EyeFMR), text(row.EyeFNMR), text(row.PersonFMR), text(row.PersonFNMR))
	}
	fmt.Fprintln(b, "* the issuer's own. Pairs that share a person are not independent: the intervals are too narrow.")
	if len(r.Nearest) > 0 {
		fmt.Fprintln(b, "\nnearest pairs of people")
	}
	for _, n := range r.Nearest {
		warn := ""
		if n.Distance < fraction(iris.T1) {
			warn = "  one person under two names?"
		}
		fmt.Fprintf(b, "%.4f  %q and %q%s\n", n.Distance, n.A, n.B, warn)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func fraction(t iris.Threshold) float64 { return float64(t) / 10000 }

func text(r Rate) string {
	if r.Of == 0 {
		return "no pairs"
	}
	low, high := r.Interval()
	return fmt.Sprintf("%s (%s..%s)", short("%.1e", r.Value()), short("%.0e", low), short("%.0e", high))
}

func short(format string, v float64) string {
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf(format, v)
}
