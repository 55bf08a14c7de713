package mpc

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
)

// Party is one party's roll, shares and session together, whatever it compares.
// One sequencer calls the same methods with the same arguments, in the same
// order, at all three parties; a step is done when all three have answered.
//
// The shares stay where the caller has them, such as a mapped file: who runs a
// party keeps them on the disk before Begin, gives them to Restore at the start,
// and overwrites them after Free. A party outlives its sessions: after an error a
// new one is made and given to Connect, and the same step is done again under the
// next number.
//
// It is safe for concurrent use. Begin and Commit go on while a comparison runs;
// Check, Match, Find, Free and Refresh wait for one another.
type Party struct {
	number   int
	modality Modality
	adder    Adder
	epoch    Epoch
	roll     *Roll

	busy   sync.Mutex // held while shares are computed with, changed or dropped
	change sync.Mutex // held while the roll changes or must not

	mu      sync.Mutex
	session *Session
	people  people
	checked map[Serial]bool // of those that are pending
	closed  error
}

// NewParty makes party number 0, 1 or 2 with the shares of one epoch (Refresh).
// Restore has to be called for every place of the roll.
func NewParty(number int, m Modality, roll *Roll, epoch Epoch, adder Adder) (*Party, error) {
	if number < 0 || number >= galois.Parties || m == nil || roll == nil || adder > Ripple {
		return nil, ErrConfig
	}
	people, err := m.people(number)
	if err != nil {
		return nil, fmt.Errorf("mpc: %w", err)
	}
	return &Party{number: number, modality: m, adder: adder, epoch: epoch, roll: roll, people: people, checked: map[Serial]bool{}}, nil
}

// Modality, Roll and Epoch give what NewParty was given.
func (p *Party) Modality() Modality { return p.modality }

// Roll: see Modality.
func (p *Party) Roll() *Roll { return p.roll }

// Epoch: see Modality.
func (p *Party) Epoch() Epoch { return p.epoch }

// Restore adds, at the start, the words of the next place of the roll, in its
// order: nil if the place is gone. The words are not copied, except for faces;
// they must stay as they are until the place is freed.
func (p *Party) Restore(words []uint16) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.people.len()
	_, state, known := p.roll.At(at)
	switch {
	case !known:
		return fmt.Errorf("%w: shares of place %d, which is not on the roll", ErrShape, at)
	case (state == Gone) != (words == nil):
		return fmt.Errorf("%w: place %d is in state %d and has %d words", ErrShape, at, state, len(words))
	}
	if err := p.people.place(words); err != nil {
		return fmt.Errorf("mpc: place %d: %w", at, err)
	}
	return nil
}

// Connect gives the party a session with the other two, in place of one it had,
// which is closed. The session must be that of this party.
func (p *Party) Connect(s *Session) error {
	if s == nil || s.party != p.number {
		return ErrConfig
	}
	p.mu.Lock()
	old := p.session
	p.session = s
	p.mu.Unlock()
	if old != nil {
		return old.Close()
	}
	return nil
}

// Disconnect closes the session, if there is one: whoever waits in it gets an
// error.
func (p *Party) Disconnect() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session == nil {
		return nil
	}
	return p.session.Close()
}

// ready gives the session, and the people as they are. busy is held.
func (p *Party) ready() (*Session, people, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed != nil:
		return nil, nil, p.closed
	case p.session == nil:
		return nil, nil, fmt.Errorf("%w: not connected", ErrBroken)
	}
	return p.session, p.people.snapshot(), nil
}

// Begin makes a person pending: from here on everybody who comes later is
// compared with it. The words are Modality.Parse's, or where they lie in a file;
// they are not copied, except for faces, and must stay as they are until the
// serial is freed. A retry of one that is there changes nothing.
func (p *Party) Begin(s Serial, c Capture, words []uint16) error {
	p.change.Lock()
	defer p.change.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return p.closed
	}
	if len(words) != p.modality.Words() {
		return fmt.Errorf("%w: %d words of a person, not %d", ErrShape, len(words), p.modality.Words())
	}
	if p.people.len() != p.roll.Len() {
		return fmt.Errorf("%w: shares of %d people for %d places", ErrShape, p.people.len(), p.roll.Len())
	}
	place, err := p.roll.Begin(s, c)
	if err != nil || place < p.people.len() {
		return err
	}
	return p.people.place(words)
}

// plan is what all three must have alike, but for what is in Job.
func (p *Party) plan(roll [32]byte) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "perhuman/mpc/plan/2 %q %d %x %x", p.modality.Name(), p.epoch.Number, p.epoch.Name, roll))
}

// Check runs the input checks for pending serials, up to 64 at once. Match
// refuses a serial that has not passed them in this process.
func (p *Party) Check(ctx context.Context, number uint64, serials ...Serial) (valid []bool, err error) {
	p.busy.Lock()
	defer p.busy.Unlock()
	session, people, err := p.ready()
	if err != nil {
		return nil, err
	}
	own, _, _, digest, err := p.roll.against(serials)
	if err != nil {
		return nil, err
	}
	for _, place := range own {
		if place >= people.len() {
			return nil, fmt.Errorf("%w: no shares of place %d", ErrShape, place)
		}
	}
	if valid, err = people.check(ctx, session, number, p.plan(digest), own); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range serials {
		if valid[i] {
			p.checked[s] = true
		}
	}
	return valid, nil
}

// Match tells for each pending serial, up to 64 at once, whether it is a person
// already known: a member, or one pending at a lower place. A sequencer checks
// the inputs of every pending serial soon and frees what fails: until then others
// are compared with it.
func (p *Party) Match(ctx context.Context, number uint64, serials ...Serial) (known []bool, err error) {
	err = p.compare(serials, func(s *Session, job Job) error {
		known, err = s.Match(ctx, number, job)
		return err
	})
	return known, err
}

// Find is Match for one serial that also gives the lowest place whose person it
// is. The three parties learn that place: it is for recoveries, and see
// Session.Find. Roll.At tells whose it is.
func (p *Party) Find(ctx context.Context, number uint64, serial Serial) (place int, known bool, err error) {
	err = p.compare([]Serial{serial}, func(s *Session, job Job) error {
		place, known, err = s.Find(ctx, number, job)
		return err
	})
	return place, known, err
}

func (p *Party) compare(serials []Serial, run func(*Session, Job) error) error {
	p.busy.Lock()
	defer p.busy.Unlock()
	session, people, err := p.ready()
	if err != nil {
		return err
	}
	own, places, against, digest, err := p.roll.against(serials)
	if err != nil {
		return err
	}
	p.mu.Lock()
	for i, s := range serials {
		switch {
		case !p.checked[s]:
			err = fmt.Errorf("%w: %x has not passed the input checks", ErrSerial, s)
		case own[i] >= people.len():
			err = fmt.Errorf("%w: no shares of place %d", ErrShape, own[i])
		}
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	job := Job{Plan: p.plan(digest), Queries: len(serials), People: places, Against: against, Adder: p.adder}
	wipe, err := people.compare(own, &job)
	if err != nil {
		return err
	}
	defer wipe()
	return run(session, job)
}

// Commit makes a pending serial a member. It may be called again.
func (p *Party) Commit(s Serial) error {
	p.change.Lock()
	defer p.change.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return p.closed
	}
	if err := p.roll.Commit(s); err != nil {
		return err
	}
	delete(p.checked, s)
	return nil
}

// Free ends a serial: an abort of a pending one, or the removal of a member. When
// it returns nobody is compared with it and its words are not looked at any more:
// the caller overwrites them. It waits for a comparison that runs, and may be
// called again.
func (p *Party) Free(s Serial) error {
	p.busy.Lock()
	defer p.busy.Unlock()
	p.change.Lock()
	defer p.change.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed != nil {
		return p.closed
	}
	if err := p.roll.Free(s); err != nil {
		return err
	}
	delete(p.checked, s)
	place, _, _ := p.roll.Lookup(s)
	p.people.drop(place)
	return nil
}
