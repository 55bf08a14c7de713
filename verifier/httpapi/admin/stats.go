package admin

import (
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
)

// Stats counts decisions over time, in memory: the last hour by the minute, the
// last day by the quarter of an hour, the last week by three hours. Memory is
// bounded by the number of codes and apps.
type Stats struct {
	now func() time.Time

	mu    sync.Mutex
	rings [len(ranges)]ring
	apps  map[string]*tally // since the start
}

// ranges are the stretches that a chart can show.
var ranges = [...]struct {
	name    string
	step    int64 // seconds
	buckets int
}{
	{"hour", 60, 60},
	{"day", 900, 96},
	{"week", 10800, 56},
}

type ring struct {
	buckets []bucket
}

type bucket struct {
	index  int64 // of the step since 1970 that this stands for
	codes  map[api.Code]uint64
	queue  int // the most that waited
	queued bool
}

type tally struct {
	Accepted uint64 `json:"accepted"`
	Refused  uint64 `json:"refused"`
	Failed   uint64 `json:"failed"`
	Last     int64  `json:"last,omitempty"`
}

// kindOf sorts codes into what people were told: yes, no, or not now.
func kindOf(code api.Code) string {
	switch info := code.Info(); {
	case code == api.OK:
		return "accepted"
	case info.Status >= 500 || code == api.RateLimited:
		return "failed"
	}
	return "refused"
}

// maxTallies bounds the apps that are counted one by one; the registry has
// fewer, and an app that was removed leaves its row until then.
const maxTallies = 4096

// NewStats makes Stats with a clock.
func NewStats(now func() time.Time) *Stats {
	s := &Stats{now: now, apps: map[string]*tally{}}
	for i, r := range ranges {
		s.rings[i].buckets = make([]bucket, r.buckets)
	}
	return s
}

// Decided counts one decision for an app, "" if it is nobody's. It fits
// httpapi.Options.Decided.
func (s *Stats) Decided(app string, code api.Code) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rings {
		b := s.at(i, now)
		if b.codes == nil {
			b.codes = map[api.Code]uint64{}
		}
		b.codes[code]++
	}
	if app == "" {
		return
	}
	t, ok := s.apps[app]
	if !ok {
		if len(s.apps) >= maxTallies {
			return
		}
		t = &tally{}
		s.apps[app] = t
	}
	t.Last = now.Unix()
	switch kindOf(code) {
	case "accepted":
		t.Accepted++
	case "refused":
		t.Refused++
	default:
		t.Failed++
	}
}

// Sample notes how many proofs wait now.
func (s *Stats) Sample(waiting int) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rings {
		b := s.at(i, now)
		b.queue, b.queued = max(b.queue, waiting), true
	}
}

// at gives the bucket of now; the caller holds mu.
func (s *Stats) at(i int, now time.Time) *bucket {
	index := now.Unix() / ranges[i].step
	b := &s.rings[i].buckets[int(index%int64(ranges[i].buckets))]
	if b.index != index {
		*b = bucket{index: index}
	}
	return b
}

// Series is a stretch of time in steps, oldest first.
type Series struct {
	Range    string                `json:"range"`
	Start    int64                 `json:"start"` // of the first step, seconds since 1970
	Step     int64                 `json:"step"`  // seconds
	Accepted []uint64              `json:"accepted"`
	Refused  []uint64              `json:"refused"`
	Failed   []uint64              `json:"failed"`
	Queue    []int                 `json:"queue"` // the most that waited; -1 where nobody looked
	Codes    map[api.Code][]uint64 `json:"codes"`
	Totals   map[api.Code]uint64   `json:"totals"`
}

// Series gives one of the ranges: hour, day, week.
func (s *Stats) Series(name string) (Series, bool) {
	for i, r := range ranges {
		if r.name == name {
			return s.series(i), true
		}
	}
	return Series{}, false
}

func (s *Stats) series(i int) Series {
	r := ranges[i]
	last := s.now().Unix() / r.step
	first := last - int64(r.buckets) + 1
	out := Series{
		Range: r.name, Start: first * r.step, Step: r.step, Accepted: make([]uint64, r.buckets), Refused: make([]uint64, r.buckets),
		Failed: make([]uint64, r.buckets), Queue: make([]int, r.buckets), Codes: map[api.Code][]uint64{}, Totals: map[api.Code]uint64{},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range r.buckets {
		out.Queue[n] = -1
		b := s.rings[i].buckets[int((first+int64(n))%int64(r.buckets))]
		if b.index != first+int64(n) {
			continue
		}
		if b.queued {
			out.Queue[n] = b.queue
		}
		for code, count := range b.codes {
			if out.Codes[code] == nil {
				out.Codes[code] = make([]uint64, r.buckets)
			}
			out.Codes[code][n] += count
			out.Totals[code] += count
			switch kindOf(code) {
			case "accepted":
				out.Accepted[n] += count
			case "refused":
				out.Refused[n] += count
			default:
				out.Failed[n] += count
			}
		}
	}
	return out
}

// tallyOf gives an app's counts since the start.
func (s *Stats) tallyOf(app string) tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.apps[app]; ok {
		return *t
	}
	return tally{}
}
