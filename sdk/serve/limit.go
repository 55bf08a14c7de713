package serve

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
)

// Rate is a token bucket: so many a second on average, so many at once.
type Rate struct {
	PerSecond float64 // 0 = no bound
	Burst     int     // default one second's worth, at least 1
}

func (r Rate) burst() float64 {
	if r.Burst > 0 {
		return float64(r.Burst)
	}
	return math.Max(1, r.PerSecond)
}

// Bucket is a token bucket. It starts full. It is safe for concurrent use.
type Bucket struct {
	mu   sync.Mutex
	rate Rate
	have float64
	at   time.Time
}

// NewBucket makes a full one.
func NewBucket(r Rate, now time.Time) *Bucket { return &Bucket{rate: r, have: r.burst(), at: now} }

// Take takes n tokens, or none and gives the time after which it is worth
// asking again. What needs more than the bucket ever holds is let through when
// the bucket is full, and leaves a debt. A clock that steps back gives nothing.
func (b *Bucket) Take(now time.Time, n int) time.Duration {
	if b.rate.PerSecond <= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.have = math.Min(b.rate.burst(), b.have+d*b.rate.PerSecond)
	}
	b.at = now
	need := math.Min(float64(n), b.rate.burst())
	if b.have >= need {
		b.have -= float64(n)
		return 0
	}
	return time.Duration((need - b.have) / b.rate.PerSecond * float64(time.Second))
}

// bucketCount bounds the memory of Buckets for those whose number nobody
// bounds: networks.
const bucketCount = 1 << 14

// Buckets are token buckets in a table of fixed size, chosen by a keyed hash.
// Two that meet in one bucket share it: with a million networks at once limits
// get tighter, never looser, and memory stays as it is. They are safe for concurrent use.
type Buckets struct {
	rate Rate
	seed maphash.Seed
	mu   sync.Mutex
	row  []compact
}

type compact struct {
	have float32
	at   int64 // UnixNano
}

// NewBuckets makes full ones.
func NewBuckets(r Rate, now time.Time) *Buckets {
	b := &Buckets{rate: r, seed: maphash.MakeSeed()}
	if r.PerSecond > 0 {
		b.row = make([]compact, bucketCount)
		for i := range b.row {
			b.row[i] = compact{float32(r.burst()), now.UnixNano()}
		}
	}
	return b
}

// Take takes a token of who, or none and gives the time to wait.
func (b *Buckets) Take(now time.Time, who string) time.Duration {
	if b.row == nil {
		return 0
	}
	i := maphash.String(b.seed, who) % bucketCount
	b.mu.Lock()
	defer b.mu.Unlock()
	one := Bucket{rate: b.rate, have: float64(b.row[i].have), at: time.Unix(0, b.row[i].at)}
	wait := one.Take(now, 1)
	b.row[i] = compact{float32(one.have), one.at.UnixNano()}
	return wait
}

// Limited is the refusal of who comes too often: 429, and when to come again, a
// second at least.
func Limited(wait time.Duration) *api.Error {
	return &api.Error{Code: api.RateLimited, RetryAfter: max(wait, time.Second)}
}
