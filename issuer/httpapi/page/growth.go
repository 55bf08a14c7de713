package page

import (
	"context"
	"sync"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	chunk = 4096    // entries read at a time
	burst = 1 << 16 // entries counted for one page; the rest is counted for the next
)

// Day is what one day of the log holds.
type Day struct {
	Day                              uint32 // since 1970
	Enrolled, Removed, Rekeyed, Left int    // Left: leaves emptied by re-keys
	Policies                         int
	Live                             uint64 // at its end
}

// growth counts the log's entries by day, each once. It holds a row for a day
// with entries, so its memory is bounded by the issuer's age.
type growth struct {
	mu   sync.Mutex
	next int64
	days []Day
}

// upTo counts on towards the log's size, and gives what is counted by then.
func (g *growth) upTo(ctx context.Context, i *issuer.Issuer, size int64) (days []Day, counted int64, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for stop := min(size, g.next+burst); g.next < stop; {
		to := min(g.next+chunk, stop)
		raw, err := i.Entries(ctx, g.next, to)
		if err != nil {
			return nil, 0, err
		}
		for _, b := range raw {
			e, err := setlog.ParseEntry(b)
			if err != nil {
				return nil, 0, err
			}
			g.count(e)
		}
		g.next = to
	}
	return append([]Day(nil), g.days...), g.next, nil
}

func (g *growth) count(e setlog.Entry) {
	if n := len(g.days); n == 0 || g.days[n-1].Day != e.Day {
		g.days = append(g.days, Day{Day: e.Day})
	}
	d := &g.days[len(g.days)-1]
	d.Live = e.Live
	switch e.Op {
	case setlog.OpEnrol:
		d.Enrolled++
	case setlog.OpRemove:
		d.Removed++
	case setlog.OpRekeyIn:
		d.Rekeyed++
	case setlog.OpRekeyOut:
		d.Left++
	case setlog.OpPolicy:
		d.Policies++
	}
}

// span is a stretch of days in a chart.
type span struct {
	First, Last             time.Time
	Enrolled, Removed, Live int
}

// maxSpans bounds a chart's steps: more would be thinner than a line.
const maxSpans = 90

// spans fills the days without entries and gathers days into at most maxSpans
// stretches of equal length, up to today.
func spans(days []Day, today uint32) []span {
	if len(days) == 0 {
		return nil
	}
	first, last := days[0].Day, max(today, days[len(days)-1].Day)
	width := (last - first + maxSpans) / maxSpans // ceil of (last-first+1)/maxSpans
	var out []span
	live, at := 0, 0
	for from := first; from <= last; from += width {
		s := span{First: date(from), Last: date(min(from+width-1, last)), Live: live}
		for ; at < len(days) && days[at].Day < from+width; at++ {
			s.Enrolled += days[at].Enrolled
			s.Removed += days[at].Removed
			s.Live = int(days[at].Live) // #nosec G115 -- a count of people
		}
		live = s.Live
		out = append(out, s)
	}
	return out
}

// leadIn is how many days a young list's chart shows at least.
const leadIn = 7

// lead puts empty days before the first of a list that is younger than a week:
// else its growth would be a flat line.
func lead(s []span) []span {
	if len(s) == 0 {
		return nil
	}
	out := make([]span, 0, max(leadIn, len(s)))
	for n := leadIn - len(s); n > 0; n-- {
		day := s[0].First.AddDate(0, 0, -n)
		out = append(out, span{First: day, Last: day})
	}
	return append(out, s...)
}

func date(day uint32) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }
