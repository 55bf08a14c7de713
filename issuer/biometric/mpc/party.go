package mpc

import (
	"context"
	"fmt"
	"sync"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
)

// Party is one party's session, roll and shares together. One sequencer calls
// the same methods with the same arguments, in the same order, at all three; a
// step is done when all three have answered. The shares are kept in memory: who
// runs a party keeps them on the disk before Begin, and adds them again, in the
// order of the roll, at the start.
type Party struct {
	session *Session
	roll    *Roll
	people  *dot.People
	rule    dot.Rule
	adder   Adder

	mu      sync.Mutex
	checked map[Serial]bool // of those that are pending
}

// NewParty puts a party together. people holds the shares of all places of the
// roll.
func NewParty(s *Session, roll *Roll, people *dot.People, rule dot.Rule, adder Adder) (*Party, error) {
	if people.Len() != roll.Len() {
		return nil, fmt.Errorf("%w: shares of %d people for %d places", ErrShape, people.Len(), roll.Len())
	}
	if people.Left.Party() != s.party || adder > Ripple {
		return nil, ErrConfig
	}
	if err := rule.Check(people.Left.Shape().Columns); err != nil {
		return nil, fmt.Errorf("mpc: %w", err)
	}
	return &Party{session: s, roll: roll, people: people, rule: rule, adder: adder, checked: map[Serial]bool{}}, nil
}

// Begin makes a person pending: from here on everybody who comes later is
// compared with it. A retry of one that is there changes nothing.
func (p *Party) Begin(s Serial, c Capture, person dot.Person) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	shape, party := p.people.Left.Shape(), p.people.Left.Party()
	for _, eye := range []dot.Share{person.Left, person.Right} {
		if eye.Shape() != shape || eye.Party() != party {
			return fmt.Errorf("%w: a person of another shape or party", ErrShape)
		}
	}
	place, err := p.roll.Begin(s, c)
	if err != nil || place < p.people.Len() {
		return err
	}
	_, err = p.people.Append(person)
	return err
}

// Check runs the input checks for pending serials, up to 64 at once. Match
// refuses a serial that has not passed them in this process.
func (p *Party) Check(ctx context.Context, number uint64, serials ...Serial) (valid []bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _, digest, err := p.roll.against(serials)
	if err != nil {
		return nil, err
	}
	var people []dot.Person
	for _, s := range serials {
		people = append(people, p.people.Person(p.roll.place(s)))
	}
	if valid, err = p.session.CheckInputs(ctx, number, digest, people); err != nil {
		return nil, err
	}
	for i, s := range serials {
		if valid[i] {
			p.checked[s] = true
		}
	}
	return valid, nil
}

// Match tells for each pending serial whether it is a person already known: a
// member, or one pending at a lower place. A sequencer checks the inputs
// of every pending serial soon and frees what fails: until then others are
// compared with it.
func (p *Party) Match(ctx context.Context, number uint64, serials ...Serial) (known []bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	places, against, digest, err := p.roll.against(serials)
	if err != nil {
		return nil, err
	}
	queries := make([]*dot.PersonQuery, 0, len(serials))
	defer func() {
		for _, q := range queries {
			q.Wipe()
		}
	}()
	for _, s := range serials {
		if !p.checked[s] {
			return nil, fmt.Errorf("%w: %x has not passed the input checks", ErrSerial, s)
		}
		q, err := dot.NewPersonQuery(p.people.Person(p.roll.place(s)), p.rule.Rows)
		if err != nil {
			return nil, fmt.Errorf("mpc: %w", err)
		}
		queries = append(queries, q)
	}
	return p.session.Match(ctx, number, Job{
		Plan: planOf(p.rule, p.people.Left.Shape(), digest), Queries: len(serials), People: places, Against: against, Adder: p.adder,
		Forms: func(first, last int, out []dot.Forms) error {
			return p.people.Forms(p.rule, queries, first, last, out)
		},
	})
}

// Commit makes a pending serial a member.
func (p *Party) Commit(s Serial) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.roll.Commit(s); err != nil {
		return err
	}
	delete(p.checked, s)
	return nil
}

// Free ends a serial and overwrites its shares: an abort of a pending one, or
// the removal of a member.
func (p *Party) Free(s Serial) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.roll.Free(s); err != nil {
		return err
	}
	delete(p.checked, s)
	person := p.people.Person(p.roll.place(s))
	person.Left.Wipe()
	person.Right.Wipe()
	return nil
}
