package issuer

import (
	"context"
	"errors"
	"sync"

	"github.com/perhuman/perhuman/sdk/api"
)

// claims is what this process knows of devices and operators before a comparison:
// whoever learns whether a person is known has asked an oracle, so a capture is
// compared only if its device's counter rises and it has used up one of each of
// its Rates, for good. An intake that fails, or whose caller goes away, gives
// nothing back.
//
// The Store hands rates out some at a time (RateUse), mostly in the transactions
// that record intakes, so that counting first costs no commit of its own.
type claims struct {
	mu       sync.Mutex
	left     map[rateOf]inHand
	counters map[string]uint64 // of devices, as the store has them
}

type rateOf struct {
	who string
	per uint64
}

type inHand struct {
	start uint64 // of the period
	n     int
}

// maxClaims bounds each map. What is forgotten is asked of the Store again.
const maxClaims = 1 << 14

func newClaims() claims {
	return claims{left: map[rateOf]inHand{}, counters: map[string]uint64{}}
}

func bounded[K comparable, V any](m map[K]V) {
	for k := range m {
		if len(m) < maxClaims {
			return
		}
		delete(m, k)
	}
}

// take uses one of each up, or none: then short are those of which none is in
// hand, with what to ask the Store for. The caller holds mu.
func (c *claims) take(uses []RateUse, received uint64) (short []RateUse, err error) {
	for _, u := range uses {
		h := c.left[rateOf{u.Who, u.Per}]
		switch {
		case h.start > u.Start: // a clock that runs backwards
			return nil, u.Limited(received)
		case h.start < u.Start || h.n == 0:
			u.Want = 1 + u.ahead()
			short = append(short, u)
		}
	}
	if len(short) > 0 {
		return short, nil
	}
	for _, u := range uses {
		h := c.left[rateOf{u.Who, u.Per}]
		c.left[rateOf{u.Who, u.Per}] = inHand{h.start, h.n - 1}
	}
	return nil, nil
}

// put adds what the Store handed out. The caller holds mu.
func (c *claims) put(uses []RateUse, granted []int) {
	for n, u := range uses[:min(len(uses), len(granted))] {
		key := rateOf{u.Who, u.Per}
		h := c.left[key]
		if h.start > u.Start {
			continue
		}
		if h.start < u.Start {
			h = inHand{start: u.Start}
		}
		h.n += granted[n]
		bounded(c.left)
		c.left[key] = h
	}
}

// claim uses up what an intake counts for, before its capture is compared.
func (i *Issuer) claim(ctx context.Context, in Intake) error {
	if err := i.rises(ctx, in); err != nil {
		return err
	}
	c := &i.claims
	c.mu.Lock()
	short, err := c.take(in.Rates, in.Received)
	c.mu.Unlock()
	if err != nil || len(short) == 0 {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return err
	}
	c.mu.Lock() // also while the Store counts: what it hands out is taken here first
	defer c.mu.Unlock()
	if short, err = c.take(in.Rates, in.Received); err != nil || len(short) == 0 {
		return err
	}
	granted, err := i.cfg.Store.Reserve(ctx, in.Received, short)
	if err != nil {
		return i.failed(ctx, err, false)
	}
	c.put(short, granted)
	if short, err = c.take(in.Rates, in.Received); err == nil && len(short) > 0 {
		err = short[0].Limited(in.Received)
	}
	return err
}

// rises refuses a capture whose counter is not above the newest that was decided.
// The Store looks again when it records the intake.
func (i *Issuer) rises(ctx context.Context, in Intake) error {
	c := &i.claims
	c.mu.Lock()
	newest, known := c.counters[in.Device]
	c.mu.Unlock()
	if !known {
		d, err := i.cfg.Store.Device(ctx, in.Device)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return coded(err)
		}
		newest = d.Counter
		i.counted(in.Device, newest)
	}
	if in.Counter > newest {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.ready(ctx); err != nil {
		return err
	}
	// A process that another one has followed refuses nobody for good.
	if _, err := i.cfg.Store.Reserve(ctx, in.Received, nil); err != nil {
		return i.failed(ctx, err, false)
	}
	return &api.Error{Code: api.CaptureReplayed}
}

// counted remembers the counter of a device.
func (i *Issuer) counted(device string, counter uint64) {
	c := &i.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	bounded(c.counters)
	c.counters[device] = max(counter, c.counters[device])
}

// refill is what an intake that is being recorded is to bring in of its rates:
// enough that the next ones need not ask. It asks for each rate once in a batch.
func (i *Issuer) refill(batch []Intake) {
	c := &i.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := map[rateOf]bool{}
	for n := range batch {
		var want []RateUse
		for _, u := range batch[n].Rates {
			key := rateOf{u.Who, u.Per}
			h := c.left[key]
			if asked[key] || h.start != u.Start || h.n > u.ahead()/2 {
				continue
			}
			if u.Want = u.ahead() - h.n; u.Want > 0 {
				asked[key] = true
				want = append(want, u)
			}
		}
		batch[n].Rates = want
	}
}

// recorded takes note of what the Store did with an intake.
func (i *Issuer) recorded(in Intake, r IntakeResult) {
	if r.Repeated || r.Enrolment.State == "" {
		return
	}
	i.counted(in.Device, in.Counter)
	i.claims.mu.Lock()
	defer i.claims.mu.Unlock()
	i.claims.put(in.Rates, r.Granted)
}
