package serve

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// One who floods is told when to come again and is let through then, to the
// token; another has all of theirs; the memory is fixed whoever comes.
func TestBuckets(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b := NewBuckets(Rate{PerSecond: 2, Burst: 5}, now)
	rnd := rand.New(rand.NewPCG(1, 2))
	let := 0
	for range 2000 { // 100 s in steps of 0 to 100 ms: 5 at once and 2 a second, whatever the steps
		if b.Take(now, "flood") == 0 {
			let++
		}
		now = now.Add(time.Duration(rnd.IntN(101)) * time.Millisecond)
	}
	passed := now.Sub(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)).Seconds()
	if most := 5 + 2*passed; float64(let) > most || float64(let) < most-3 {
		t.Errorf("%d of %.1f", let, most)
	}
	for range 5 {
		if wait := b.Take(now, "other"); wait != 0 {
			t.Errorf("another waits %v", wait)
		}
	}
	wait := b.Take(now, "other")
	if wait <= 0 || b.Take(now.Add(wait-time.Millisecond), "other") == 0 || b.Take(now.Add(wait), "other") != 0 {
		t.Errorf("not let through after %v", wait)
	}
	for i := range 3 * bucketCount {
		b.Take(now, strconv.Itoa(i))
	}
	if len(b.row) != bucketCount {
		t.Errorf("%d buckets", len(b.row))
	}
	none := NewBuckets(Rate{}, now)
	for range 1000 {
		if none.Take(now, "x") != 0 {
			t.Fatal("no bound bounds")
		}
	}
	if e := Limited(0); e.RetryAfter != time.Second {
		t.Errorf("come again after %v", e.RetryAfter)
	}
}
