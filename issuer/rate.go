package issuer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
)

// Rate bounds how many captures are compared in a period, whether the person was
// let in, was known, or nothing came of it: a device that shows known people
// again and again is searching, not enrolling. Periods begin at multiples of Per
// since 1970, so up to twice N can fall into one stretch of that length. The zero
// Rate is no bound.
type Rate struct {
	N   int
	Per time.Duration // whole seconds
}

func (r Rate) check(name string) error {
	if r == (Rate{}) || r.N > 0 && r.Per >= time.Second && r.Per%time.Second == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s is a number and whole seconds, or nothing", errConfig, name)
}

// MarshalText gives "100/1h0m0s", or nothing for no bound.
func (r Rate) MarshalText() ([]byte, error) {
	if r == (Rate{}) {
		return nil, nil
	}
	return []byte(strconv.Itoa(r.N) + "/" + r.Per.String()), nil
}

// UnmarshalText reads "100/1h": so many in a period.
func (r *Rate) UnmarshalText(text []byte) error {
	*r = Rate{}
	if len(text) == 0 {
		return nil
	}
	n, per, found := strings.Cut(string(text), "/")
	var got Rate
	var err error
	if got.N, err = strconv.Atoi(n); err == nil && found {
		got.Per, err = time.ParseDuration(per)
	}
	if err != nil || !found || got == (Rate{}) || got.check("a rate") != nil {
		return fmt.Errorf("%w: a rate is written 100/1h", errConfig)
	}
	*r = got
	return nil
}

// RateUse is a Rate in one period of one device or operator. The Store keeps how
// many of its N were handed out in the period that began last; who has one in
// hand may have one capture compared. So the count is on the disk before any
// comparison that it allows.
type RateUse struct {
	Who   string // "device:" or "operator:" and its name
	Per   uint64 // seconds
	Start uint64 // unix seconds
	N     int
	Want  int // how many to hand out
}

// Grant tells how many of Want there are, of a count that was n in the period
// that began at started (0, 0 if nothing is counted), and what the count is then.
// A clock that runs backwards finds a later period, and gets none.
func (u RateUse) Grant(started uint64, n int) (granted, count int) {
	switch {
	case started > u.Start:
		return 0, n
	case started < u.Start:
		n = 0
	}
	granted = max(0, min(u.Want, u.N-n))
	return granted, n + granted
}

// Limited refuses an intake received at a moment, for which none is left.
func (u RateUse) Limited(received uint64) *api.Error {
	wait := time.Duration(u.Start+u.Per-received) * time.Second // #nosec G115 -- a period holds the intake
	return &api.Error{Code: api.RateLimited, RetryAfter: wait}
}

// ahead is how many more than needed are handed out: an eighth, so that hardly
// any comparison waits for a commit of its own, and a crash loses no more.
func (u RateUse) ahead() int { return min(u.N/8, 32) }

// uses gives what a comparison at a moment counts for. An unattended capture has
// no operator.
func (c *Config) uses(device, operator string, now uint64) []RateUse {
	var out []RateUse
	add := func(who string, r Rate) {
		if r.N > 0 {
			per := uint64(r.Per / time.Second)
			out = append(out, RateUse{Who: who, Per: per, Start: now - now%per, N: r.N})
		}
	}
	add("device:"+device, c.DeviceRate)
	if operator != "" {
		add("operator:"+operator, c.OperatorRate)
	}
	return out
}
