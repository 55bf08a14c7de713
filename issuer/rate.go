package issuer

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate bounds how many intakes are decided in a period, whether the person was
// let in or was known: a device that shows known people again and again is
// searching, not enrolling. Periods begin at multiples of Per since 1970, so up
// to twice N can fall into one stretch of that length. The zero Rate is no bound.
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

// RateUse is one use of a Rate. The Store counts it in the transaction that
// records a decided intake, and refuses the intake before it is decided, with
// api.RateLimited, when N were counted in the period that began at Start. A
// counter outlives restarts; one whose period has passed counts for nothing.
type RateUse struct {
	Who   string // "device:" or "operator:" and its name
	Per   uint64 // seconds
	Start uint64 // unix seconds
	N     int
}

// uses gives what an intake at a moment counts for. An unattended capture has no
// operator.
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

// Wait is how long after an intake was received the next period begins.
func (u RateUse) Wait(received uint64) time.Duration {
	return time.Duration(u.Start+u.Per-received) * time.Second // #nosec G115 -- a period holds the intake
}
