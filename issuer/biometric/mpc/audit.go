package mpc

import (
	"fmt"
	"sync"
)

// Audit is what a sequencer knows of planted people: people who do not exist,
// whose templates it has, enrolled like everybody else. From time to time it
// makes a capture of a planted person pending, which must be known, or of one who
// is not enrolled, which must not, and compares it in one batch with those of
// people. To a party a planted person's shares are noise like all others, and its
// query is one like all others: what a party computes does not tell it that it is
// audited. What a device signed may.
//
// A party that computes wrong, by a fault of its memory, a file that was changed,
// or intent, gives wrong answers here as elsewhere: wrong shares of anybody make
// half of all numbers with that person matches, so strangers are known. It is no
// proof against a party that cheats rarely.
//
// The zero value is ready for use. It is safe for concurrent use.
type Audit struct {
	mu     sync.Mutex
	expect map[Serial]bool
	passed int
}

// Expect says what the answer to a serial must be.
func (a *Audit) Expect(s Serial, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.expect == nil {
		a.expect = map[Serial]bool{}
	}
	a.expect[s] = known
}

// Judge looks at the answers of a batch: people's are let pass, planted ones are
// compared and forgotten. An error is ErrAudit: then no answer of this batch, nor
// of any later one, may be used, and Stop is called at all three parties.
func (a *Audit) Judge(serials []Serial, known []bool) error {
	if len(serials) != len(known) {
		return fmt.Errorf("%w: %d answers to %d serials", ErrAudit, len(known), len(serials))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, s := range serials {
		want, planted := a.expect[s]
		if !planted {
			continue
		}
		delete(a.expect, s)
		if want != known[i] {
			return fmt.Errorf("%w: planted %x: known is %t", ErrAudit, s, known[i])
		}
		a.passed++
	}
	return nil
}

// Passed gives the number of planted queries with the right answer.
func (a *Audit) Passed() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.passed
}

// Stop makes the party refuse everything from now on, with the reason: after an
// audit that failed, until somebody has looked and starts it again.
func (p *Party) Stop(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed == nil {
		p.closed = reason
	}
	if p.session != nil {
		_ = p.session.Close()
	}
}
