package private

import (
	"math/rand/v2"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
)

// machine is a party as a refresh sees it: what package party does with files, on
// paper.
type machine struct {
	now         mpc.Epoch
	kept, older *mpc.Epoch
	running     *mpc.Epoch
}

func (p machine) status() (s party.Status) {
	s.Epoch, s.Name, s.Refreshing = p.now.Number, p.now.Name[:], p.running != nil
	if p.kept != nil {
		s.Kept = p.kept.Name[:]
	}
	if p.older != nil {
		s.Older = p.older.Name[:]
	}
	return s
}

// do does what a message asks for, and says whether it was accepted.
func (p *machine) do(s step, e mpc.Epoch) bool {
	switch s {
	case switchTo:
		if p.kept == nil || *p.kept != e {
			return p.kept == nil && p.now == e
		}
		old := p.now
		p.older, p.now, p.kept = &old, e, nil
	case settle:
		if p.now != e || p.kept != nil {
			return false
		}
		p.older = nil
	case drop:
		p.running = nil
		if p.older != nil || p.now != e {
			return false
		}
		p.kept = nil
	case goBack:
		if p.now != e {
			return true
		}
		if p.older == nil {
			return false
		}
		p.now, p.older = *p.older, nil
	}
	return true
}

// common says whether all three have the shares of one epoch.
func common(all [3]machine) bool {
	has := func(p machine, e mpc.Epoch) bool {
		return p.now == e || p.kept != nil && *p.kept == e || p.older != nil && *p.older == e
	}
	for _, e := range []*mpc.Epoch{&all[0].now, all[0].kept, all[0].older} {
		if e != nil && has(all[1], *e) && has(all[2], *e) {
			return true
		}
	}
	return false
}

// message is on its way to a party, from a sequencer that may be long gone.
type message struct {
	of    *sequencer // in one of its rounds
	to    int
	step  step
	epoch mpc.Epoch
}

// sequencer looks at the parties one after the other, decides, and sends.
type sequencer struct {
	seen    int
	status  [3]party.Status
	pending int // messages of the first walk that were not answered
	failed  bool
	then    []message
}

// about is the epoch that a step names.
func (p plan) about(s step) mpc.Epoch {
	if s == drop {
		return p.from
	}
	return p.to
}

// walk lets two sequencers, who do not know of one another, bring refreshes to
// their ends and begin new ones, while messages arrive in any order, late, twice or
// never, parties stop refreshes or get done with them; and says whether the three
// ever had no epoch in common, or do not come into one when it is quiet. A hasty
// one sends backs, or settles, before it may.
func walk(r *rand.Rand, hasty string) (lost, stuck bool) {
	var all [3]machine
	seqs := [2]*sequencer{{}, {}}
	var line []message
	names := byte(0)
	send := func(m message) { line = append(line, m) }
	decideAll := func(q *sequencer) {
		now, err := decide(q.status)
		if err != nil {
			return
		}
		for i, s := range now.steps {
			m := message{q, i, s, now.about(s)}
			switch {
			case s == stay:
			case s == goBack && hasty != "back":
				q.then = append(q.then, m)
			default:
				q.pending++
				send(m)
				if hasty == "settle" && s == switchTo {
					send(message{q, i, settle, now.to})
				}
			}
		}
	}
	for range 120 {
		switch r.IntN(8) {
		case 0: // the three begin to write, or one of them stops
			if r.IntN(2) == 0 {
				all[r.IntN(3)].running = nil
				break
			}
			if p := all[0]; decided(all) && p.running == nil {
				names++
				e := mpc.Epoch{Number: p.now.Number + 1, Name: [16]byte{names}}
				for i := range all {
					all[i].running = &e
				}
			}
		case 1, 2: // one has kept
			if p := &all[r.IntN(3)]; p.running != nil {
				p.kept, p.running = p.running, nil
			}
		case 3, 4, 5: // one sequencer looks at one more party
			who := r.IntN(2)
			// It is done, or gives up; what it sent is on its way.
			if q := seqs[who]; q.seen == 3 && (q.pending == 0 || r.IntN(15) == 0) {
				seqs[who] = &sequencer{}
			}
			q := seqs[who]
			if q.seen == 3 {
				break
			}
			q.status[q.seen] = all[q.seen].status()
			if q.seen++; q.seen == 3 {
				decideAll(q)
			}
		default: // something arrives
			if len(line) == 0 {
				break
			}
			n := r.IntN(len(line))
			m := line[n]
			line = append(line[:n], line[n+1:]...)
			chance := r.IntN(10)
			if chance == 0 { // lost: whoever sent it gives up in time
				break
			}
			ok := all[m.to].do(m.step, m.epoch)
			if chance == 1 { // and again, later
				send(message{&sequencer{}, m.to, m.step, m.epoch})
			}
			if chance == 2 { // the answer is lost
				break
			}
			m.of.failed = m.of.failed || !ok
			if m.of.pending--; m.of.pending == 0 && !m.of.failed {
				line = append(line, m.of.then...)
				m.of.then = nil
			}
		}
		if !common(all) {
			return true, false
		}
	}
	for range attempts {
		var q sequencer
		for i := range all {
			q.status[i] = all[i].status()
		}
		now, err := decide(q.status)
		if err != nil {
			return false, true
		}
		for _, back := range []bool{false, true} {
			for i, s := range now.steps {
				if (s == goBack) == back {
					all[i].do(s, now.about(s))
				}
			}
		}
	}
	return !common(all), !decided(all)
}

// decided says whether the three are settled in one epoch.
func decided(all [3]machine) bool {
	for _, p := range all {
		if p.now != all[0].now || p.kept != nil || p.older != nil || p.running != nil {
			return false
		}
	}
	return true
}

// Two sequencers, late and repeated messages, refreshes one after the other: the
// three always have an epoch in common, and come into it. A sequencer that has
// those who switched go back before the others have dropped loses everybody, and
// so does one that has them settle before all have switched.
func TestRefreshModel(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8)) // #nosec G404 -- repeatable chance for a test
	runs := 30_000
	if testing.Short() { // under the race detector
		runs = 2000
	}
	for range runs {
		if lost, stuck := walk(r, ""); lost || stuck {
			t.Fatalf("lost %t, stuck %t", lost, stuck)
		}
	}
	for _, hasty := range []string{"back", "settle"} {
		found, tried := 0, 0
		for ; found == 0 && tried < 100_000; tried++ {
			if lost, _ := walk(r, hasty); lost {
				found++
			}
		}
		if found == 0 {
			t.Errorf("a sequencer that is too hasty with %s is not found", hasty)
		}
		t.Logf("hasty with %s: everybody is lost in run %d", hasty, tried)
	}
}
