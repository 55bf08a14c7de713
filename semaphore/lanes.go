package semaphore

import "slices"

// lanes decides what the Queue verifies next. It knows neither locks nor
// clocks: the Queue calls it under its lock, tests call it step by step.
//
// One bad proof makes a batch several times as expensive, so clients that have
// shown valid proofs (the known) are never put into one batch with others.
// Each of the two lanes takes a proof per client in turn, of one client not more
// than it has lately shown valid ones, and gives a batch at most as many as it
// lately got through without a bad one. Between the lanes, work is shared three
// to one while both wait.
type lanes struct {
	known, others lane
	clients       clientBook
	prices        prices
	maxBatch      int
	perClient     int // proofs of one client that may wait
	perLane       int // proofs of a lane that may wait
}

type lane struct {
	turn    []*client // with something waiting, in order
	waiting int
	limit   int // of the next batch
	share   int // of the work
	// spent is the work done, over share. A lane that had nothing to do is
	// moved up to the other one: there is no saving.
	spent float64
}

// ticket is a proof that waits for its verdict.
type ticket struct {
	item    *batchItem
	client  *client
	verdict error
	done    chan struct{} // closed when verdict is set
}

func newLanes(p prices, maxBatch, perClient, perLane, clients int) *lanes {
	return &lanes{
		known:     lane{limit: maxBatch, share: 3},
		others:    lane{limit: maxBatch, share: 1},
		clients:   newClientBook(clients),
		prices:    p,
		maxBatch:  maxBatch,
		perClient: perClient,
		perLane:   perLane,
	}
}

func (l *lanes) waiting() int { return l.known.waiting + l.others.waiting }

func (l *lanes) of(c *client) *lane {
	if c.known() {
		return &l.known
	}
	return &l.others
}

// put makes t wait in turn, or reports that there is no room.
func (l *lanes) put(key string, t *ticket) bool {
	c := l.clients.get(key)
	own := l.of(c)
	if len(c.waiting) >= l.perClient || own.waiting >= l.perLane {
		return false
	}
	t.client = c
	if own.waiting == 0 {
		other := &l.known
		if other == own {
			other = &l.others
		}
		own.spent = max(own.spent, other.spent)
	}
	if len(c.waiting) == 0 {
		own.turn = append(own.turn, c)
	}
	c.waiting = append(c.waiting, t)
	own.waiting++
	return true
}

// drop takes back a ticket that waits and reports whether it did.
func (l *lanes) drop(t *ticket) bool {
	for i, other := range t.client.waiting {
		if other == t {
			c := t.client
			c.waiting = append(c.waiting[:i:i], c.waiting[i+1:]...)
			own := l.of(c)
			own.waiting--
			if len(c.waiting) == 0 {
				own.leave(c)
			}
			return true
		}
	}
	return false
}

func (l *lane) leave(c *client) {
	for i, other := range l.turn {
		if other == c {
			l.turn = append(l.turn[:i:i], l.turn[i+1:]...)
			return
		}
	}
}

// flight is a batch on its way: all of one lane.
type flight struct {
	lane    *lane
	tickets []*ticket
	charged int // units, as if all were good
}

// items are the proofs of a batch, those of one client together, so that bad
// ones are found in few halves.
func (f flight) items() []*batchItem {
	out := make([]*batchItem, 0, len(f.tickets))
	order := make(map[*client]int)
	by := slices.Clone(f.tickets)
	for _, t := range by {
		if _, ok := order[t.client]; !ok {
			order[t.client] = len(order)
		}
	}
	slices.SortStableFunc(by, func(a, b *ticket) int { return order[a.client] - order[b.client] })
	for _, t := range by {
		out = append(out, t.item)
	}
	return out
}

// next gives the batch to verify now, none when nothing waits.
func (l *lanes) next() flight {
	own := &l.known
	if own.waiting == 0 || (l.others.waiting > 0 && l.others.spent < own.spent) {
		own = &l.others
	}
	f := flight{lane: own}
	taken := make(map[*client]int)
	var sated []*client // have their share of this batch
	for len(f.tickets) < own.limit && len(own.turn) > 0 {
		c := own.turn[0]
		own.turn = own.turn[1:]
		f.tickets = append(f.tickets, c.waiting[0])
		c.waiting = c.waiting[1:]
		own.waiting--
		taken[c]++
		switch {
		case len(c.waiting) == 0:
		case taken[c] < c.window():
			own.turn = append(own.turn, c)
		default:
			sated = append(sated, c)
		}
	}
	own.turn = append(own.turn, sated...)
	n := len(f.tickets)
	if n < batchMin {
		f.charged = alone(n).units(l.prices)
	} else {
		f.charged = together(n).units(l.prices)
	}
	own.spent += float64(f.charged) / float64(own.share)
	return f
}

// settle learns from the verdicts of a batch and what they took.
func (l *lanes) settle(f flight, work batchWork) {
	f.lane.spent += float64(work.units(l.prices)-f.charged) / float64(f.lane.share)
	bad := 0
	for _, t := range f.tickets {
		if t.verdict != nil {
			bad++
		}
		l.judge(t.client, t.verdict == nil)
	}
	// Multiply up, divide down: with nothing but bad proofs each is checked
	// alone, and a lane that is clean again is at full size after six batches.
	switch n := len(f.tickets); {
	case bad > 0:
		f.lane.limit = max(1, min(f.lane.limit, n)/2)
	case n >= f.lane.limit:
		f.lane.limit = min(2*f.lane.limit, l.maxBatch)
	}
}

// judge notes a verdict, after which a client may belong to the other lane.
func (l *lanes) judge(c *client, good bool) {
	before := l.of(c)
	c.judge(good)
	after := l.of(c)
	if after == before {
		return
	}
	l.clients.move(c)
	if len(c.waiting) > 0 {
		before.leave(c)
		before.waiting -= len(c.waiting)
		after.turn = append(after.turn, c)
		after.waiting += len(c.waiting)
	}
}
