package semaphore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// arrival is a proof that comes at a time counted in units of work.
type arrival struct {
	at     int
	client string
	good   bool
	timed  bool // its latency is asked for
}

// proofSource makes the items of an arrival and verifies batches of them.
type proofSource struct {
	item   func(good bool, n int) statement
	verify func(f flight) batchWork
}

// realProofs are verified for real.
func realProofs(t *testing.T) proofSource {
	var good []statement
	ps := crowd(t, 4)
	bad, _ := spoil(t, ps[3], 0)
	ps[3] = bad
	for _, p := range ps {
		s, err := newStatement(p)
		if err != nil {
			t.Fatal(err)
		}
		good = append(good, s)
	}
	return proofSource{
		item: func(ok bool, n int) statement {
			if !ok {
				return good[3]
			}
			return good[n%3]
		},
		verify: func(f flight) batchWork { return verifier(t).settle(f.items(), random) },
	}
}

// knownProofs have verdicts known beforehand; finding them in a batch takes the
// same steps.
func knownProofs() proofSource {
	return proofSource{
		item: func(ok bool, _ int) statement {
			if ok {
				return statement{depth: knownGood}
			}
			return statement{depth: knownFalse}
		},
		verify: func(f flight) batchWork {
			s := search{checker: knownChecker{}, prices: plainBatch{}.prices()}
			s.settle(f.items())
			return s.work
		},
	}
}

// play runs arrivals in order through lanes with one worker, on a clock that
// counts the verifier's work: what it did, not how long this machine took. It
// gives the latencies asked for, by arrival.
func play(t *testing.T, l *lanes, arrivals []arrival, source proofSource) (latency []int, refused int) {
	t.Helper()
	number := make(map[*ticket]int)
	took := make([]int, len(arrivals))
	now := 0
	for i := 0; i < len(arrivals) || l.waiting() > 0; {
		if l.waiting() == 0 {
			now = max(now, arrivals[i].at)
		}
		for ; i < len(arrivals) && arrivals[i].at <= now; i++ {
			a := arrivals[i]
			one := new(ticket)
			one.item = &batchItem{statement: source.item(a.good, i), verdict: &one.verdict}
			if !l.put(a.client, one) {
				refused++
				continue
			}
			number[one] = i
		}
		if l.waiting() == 0 { // all refused
			continue
		}
		f := l.next()
		work := source.verify(f)
		l.settle(f, work)
		now += work.units(l.prices)
		for _, one := range f.tickets {
			a := arrivals[number[one]]
			if (one.verdict == nil) != a.good {
				t.Fatalf("client %s: %v", a.client, one.verdict)
			}
			took[number[one]] = now - a.at
		}
	}
	for i, a := range arrivals {
		if a.timed && took[i] > 0 {
			latency = append(latency, took[i])
		}
	}
	return latency, refused
}

func p99(latency []int) int {
	slices.Sort(latency)
	return latency[len(latency)*99/100]
}

// poisson gives n arrivals with a mean distance.
func poisson(r *rand.Rand, n int, distance float64, make func(i int) arrival) []arrival {
	out, at := []arrival(nil), 0.0
	for i := range n {
		at += r.ExpFloat64() * distance
		a := make(i)
		a.at = int(at)
		out = append(out, a)
	}
	return out
}

func merge(all ...[]arrival) []arrival {
	out := slices.Concat(all...)
	slices.SortStableFunc(out, func(a, b arrival) int { return a.at - b.at })
	return out
}

// fair is the setting of the fairness tests: ten honest clients who have been
// here before, at two thirds of what one worker can do without batches.
const (
	fairClients  = 10
	fairDistance = 150
)

func honest(n int) []arrival {
	return poisson(rand.New(rand.NewPCG(3, 14)), n, fairDistance, func(i int) arrival {
		return arrival{client: fmt.Sprint("good ", i%fairClients), good: true, timed: true}
	})
}

// attack is four proofs for each honest one.
func attack(n int, make func(i int) arrival) []arrival {
	return poisson(rand.New(rand.NewPCG(15, 92)), 4*n, fairDistance/4.0, make)
}

func fairLanes() *lanes {
	l := newLanes(plainBatch{}.prices(), 64, 256, 4096, 4096)
	for i := range fairClients {
		c := l.clients.get(fmt.Sprint("good ", i))
		for range owedAtFirst {
			l.judge(c, true)
		}
	}
	return l
}

// TestQueueFairness: four bad proofs come with each good one, more than could
// be verified at all, and the good clients' p99 stays below three times what it
// is without them.
func TestQueueFairness(t *testing.T) {
	const n = 5000
	check := func(name string, latency []int, alone int, refused int) {
		t.Helper()
		got := p99(latency)
		t.Logf("%s: p99 %d units, alone %d: %.2f times; %d refused unseen", name, got, alone, float64(got)/float64(alone), refused)
		if got > 3*alone {
			t.Errorf("%s: p99 is %d units, alone %d", name, got, alone)
		}
	}
	latency, _ := play(t, fairLanes(), honest(n), knownProofs())
	alone := p99(latency)
	for _, c := range []struct {
		name     string
		attacker func(i int) arrival
		from     int
	}{
		{"one client", func(int) arrival { return arrival{client: "bad"} }, 0},
		{"twenty clients", func(i int) arrival { return arrival{client: fmt.Sprint("bad ", i%20)} }, 0},
		{"a new client each time", func(i int) arrival { return arrival{client: fmt.Sprint("bad ", i)} }, 0},
		{"one client, known at first", func(i int) arrival { return arrival{client: "bad", good: i < owedAtFirst} }, 0},
		// Each spoils one batch at the beginning, and none later.
		{"twenty clients, known at first", func(i int) arrival {
			return arrival{client: fmt.Sprint("bad ", i%20), good: i/20 < owedAtFirst}
		}, n / 10},
	} {
		latency, refused := play(t, fairLanes(), merge(honest(n), attack(n, c.attacker)), knownProofs())
		if len(latency) != n {
			t.Errorf("%s: %d of %d good proofs had a verdict", c.name, len(latency), n)
		}
		check(c.name, latency[c.from:], alone, refused)
	}
}

// TestQueueFairnessOfRealProofs: the verifier does the same work as the test
// above supposes.
func TestQueueFairnessOfRealProofs(t *testing.T) {
	const n = 60
	arrivals := merge(honest(n), attack(n, func(i int) arrival { return arrival{client: fmt.Sprint("bad ", i%7)} }))
	supposed, _ := play(t, fairLanes(), arrivals, knownProofs())
	got, _ := play(t, fairLanes(), arrivals, realProofs(t))
	if !slices.Equal(got, supposed) || len(got) != n {
		t.Errorf("latencies %v, supposed %v", got, supposed)
	}
}

// TestLanesModel plays random steps: every ticket comes out once or is dropped,
// in order for each client, and in turns.
func TestLanesModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLanes(plainBatch{}.prices(), rapid.IntRange(1, 6).Draw(t, "batch"), 4, 9, 3)
		waiting := make(map[*ticket]bool)
		var flights []flight
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1, 2:
				key := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g"}).Draw(t, "client")
				one := &ticket{}
				if l.put(key, one) {
					waiting[one] = true
				}
			case 3:
				for one := range waiting {
					if !l.drop(one) || l.drop(one) {
						t.Fatal("a waiting ticket is dropped once")
					}
					delete(waiting, one)
					break
				}
			case 4:
				f := l.next()
				seen := make(map[*client]int)
				for _, one := range f.tickets {
					if !waiting[one] || l.drop(one) {
						t.Fatal("a ticket that did not wait")
					}
					delete(waiting, one)
					seen[one.client]++
					if l.of(one.client) != f.lane {
						t.Fatal("a client in the wrong lane")
					}
				}
				for c, n := range seen {
					for _, other := range f.lane.turn {
						if n > min(seen[other]+1, c.window()) && seen[other] < other.window() {
							t.Fatalf("client %s had %d turns, %s %d", c.key, n, other.key, seen[other])
						}
					}
				}
				if len(f.tickets) == 0 && len(waiting) > 0 {
					t.Fatal("nothing given, though something waits")
				}
				flights = append(flights, f)
			case 5:
				if len(flights) == 0 {
					continue
				}
				f := flights[0]
				flights = flights[1:]
				for _, one := range f.tickets {
					if rapid.IntRange(0, 2).Draw(t, "verdict") == 0 {
						one.verdict = ErrInvalidProof
					}
				}
				l.settle(f, batchWork{tries: 1, tried: len(f.tickets)})
			}
			if l.waiting() != len(waiting) || l.known.waiting > 9+8 {
				t.Fatalf("%d wait, want %d", l.waiting(), len(waiting))
			}
			for _, own := range []*lane{&l.known, &l.others} {
				n := 0
				for _, c := range own.turn {
					n += len(c.waiting)
					if len(c.waiting) == 0 || l.of(c) != own {
						t.Fatal("a client has a turn without cause")
					}
				}
				if n != own.waiting || own.limit < 1 || own.limit > l.maxBatch {
					t.Fatalf("%d wait, counted %d; limit %d", n, own.waiting, own.limit)
				}
			}
		}
	})
}

func TestClientStanding(t *testing.T) {
	b := newClientBook(4)
	known := b.get("known")
	for range owedAtFirst {
		if known.known() {
			t.Fatal("known too early")
		}
		known.judge(true)
	}
	b.move(known)
	for i := range 100 { // invented keys do not push it out
		b.get(fmt.Sprint(i))
	}
	if b.get("known") != known || !known.known() {
		t.Fatal("forgotten")
	}
	if n := len(b.others.present) + len(b.others.old); n > 8 {
		t.Errorf("%d clients remembered", n)
	}
	if c := b.get("99"); b.get("99") != c {
		t.Error("the last client is not remembered")
	}
	owed := 2 * owedAtFirst
	for range 12 {
		known.judge(false)
		if known.owed != owed {
			t.Errorf("owes %d, want %d", known.owed, owed)
		}
		for range owed {
			known.judge(true)
		}
		if !known.known() {
			t.Error("has paid and is not known")
		}
		owed = min(2*owed, maxPenalty)
	}
}
