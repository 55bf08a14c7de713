package page

import (
	"fmt"
	"math"
	"strings"
)

// The charts are drawn in a box of 1000 x 100 that the page stretches; words
// and numbers stand beside it in HTML, so that they keep their size.
const boxWidth, boxHeight = 1000.0, 100.0

// chart is one drawing and its scale.
type chart struct {
	Area, Line string // paths of the people in the set
	Added      string // path of the bars of people who came
	Removed    string // and of those who were removed
	Top, Half  int    // of the scale of people
	Most       int    // of the scale of the bars
	From, To   string
	Mid        string // empty if there is no day between
}

// draw makes the charts of some stretches.
func draw(s []span) chart {
	if len(s) == 0 {
		return chart{}
	}
	var c chart
	most := 0
	for _, x := range s {
		c.Top = max(c.Top, x.Live)
		most = max(most, x.Enrolled, x.Removed)
	}
	c.Top, c.Most = round(c.Top), round(most)
	c.Half = c.Top / 2
	c.From, c.To = s[0].First.Format(shortDate), s[len(s)-1].Last.Format(shortDate)
	if len(s) > 4 {
		c.Mid = s[len(s)/2].First.Format(shortDate)
	}
	step := boxWidth / float64(len(s))
	var line, added, removed strings.Builder
	for n, x := range s {
		left, right := step*float64(n), step*float64(n+1)
		y := boxHeight * (1 - float64(x.Live)/float64(c.Top))
		if n == 0 {
			fmt.Fprintf(&line, "M%.2f %.2f", left, y)
		} else {
			fmt.Fprintf(&line, "V%.2f", y)
		}
		fmt.Fprintf(&line, "H%.2f", right)
		// A bar and a gap; came to the left, went to the right.
		gap := step * .12
		half := (step - 2*gap) / 2
		bar(&added, left+gap, half, float64(x.Enrolled)/float64(c.Most))
		bar(&removed, left+gap+half, half, float64(x.Removed)/float64(c.Most))
	}
	c.Line = line.String()
	c.Area = fmt.Sprintf("%sV%.0fH0Z", c.Line, boxHeight)
	c.Added, c.Removed = added.String(), removed.String()
	return c
}

func bar(b *strings.Builder, x, width, part float64) {
	if part <= 0 {
		return
	}
	h := max(boxHeight*part, 1.5) // one person among thousands is seen too
	fmt.Fprintf(b, "M%.2f %.2fh%.2fV%.0fh-%.2fZ", x, boxHeight-h, width, boxHeight, width)
}

// round gives the next of 2, 4, 10, 20, 40, 100 ... that is not smaller: an even
// number that people read at a glance.
func round(n int) int {
	unit := 1
	for {
		for _, m := range []int{2, 4, 10} {
			if n <= m*unit {
				return m * unit
			}
		}
		if unit > math.MaxInt/100 {
			return n
		}
		unit *= 10
	}
}
