package private

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/sdk/api"
)

// Config is what a Matcher is made of.
type Config struct {
	Group   party.Group
	Parties [3]Party  // in party order
	Rand    io.Reader // a cryptographic source
	// Timeout bounds one comparison, of up to 64 people with everybody.
	Timeout time.Duration
	// Auditing, if not nil, has the parties audited: before the first comparison,
	// and as often as Audit is called.
	Auditing *Auditing
	// Logf gets what an operator should see.
	Logf func(format string, args ...any)
}

// Matcher implements issuer.Matcher over three parties. Prepare does the work:
// it blocks while the parties compare. It is safe for concurrent use.
type Matcher struct {
	trio     *trio
	rand     io.Reader
	modality capture.Modality
	keys     []api.PartyKey

	mu       sync.Mutex
	complete bool // everybody of the gallery is in serials
	serials  map[issuer.Serial]mpc.Serial
	people   map[mpc.Serial]issuer.Serial
	live     map[mpc.Serial]bool // of probes in use, and of those added but not on record for sure: not decided
	ending   map[mpc.Serial]bool // the parties were told to destroy it, and have not all said that they did
	changed  chan struct{}       // closed when one of live is decided
	toFree   []mpc.Serial
	toKeep   []mpc.Serial
	tidying  bool
	work     sync.WaitGroup
}

var (
	_ issuer.Matcher   = (*Matcher)(nil)
	_ issuer.Locator   = (*Matcher)(nil)
	_ issuer.Destroyer = (*Matcher)(nil)
	_ issuer.Keyed     = (*Matcher)(nil)
	_ issuer.Settler   = (*Matcher)(nil)
	_ issuer.Stopper   = (*Matcher)(nil)
)

// New makes a matcher. It does not speak to the parties yet: the first Prepare
// does.
func New(c Config) (*Matcher, error) {
	seals, err := c.Group.Seals()
	if err != nil {
		return nil, err
	}
	if c.Rand == nil || c.Timeout <= 0 || c.Parties[0] == nil || c.Parties[1] == nil || c.Parties[2] == nil {
		return nil, errors.New("private: Parties, Rand and Timeout are needed")
	}
	if c.Logf == nil {
		c.Logf = func(string, ...any) {}
	}
	m := &Matcher{rand: c.Rand, modality: capture.Iris, live: map[mpc.Serial]bool{}, ending: map[mpc.Serial]bool{}, changed: make(chan struct{})}
	if c.Group.Compare == party.Face {
		m.modality = capture.Face
	}
	for i, k := range seals {
		m.keys = append(m.keys, api.PartyKey{Name: fmt.Sprintf("party %d", i), Key: k.String()})
	}
	m.trio = &trio{parties: c.Parties, rand: c.Rand, timeout: c.Timeout, logf: c.Logf, fates: m.fates, decided: m.decided, beside: m.work.Go, turn: make(chan struct{}, 1)}
	if m.trio.open = m.open; c.Auditing != nil {
		if m.trio.audit, err = newAuditor(*c.Auditing, c.Group, c.Rand); err != nil {
			return nil, err
		}
	}
	m.trio.give()
	m.Reset()
	return m, nil
}

// Name is what the metadata state.
func (m *Matcher) Name() string { return "mpc-3" }

// Note says what that means.
func (m *Matcher) Note() string {
	return "Templates are split on the capture device into three shares, one for each of three parties, and compared without being put together: no machine ever holds one. The parties are trusted to follow the protocol, and not to pool what they hold: any two of them together could read every template."
}

// Keys gives to what devices seal, in party order.
func (m *Matcher) Keys() []api.PartyKey { return append([]api.PartyKey(nil), m.keys...) }

// probe is one person who is pending at the parties.
type probe struct {
	of     *Matcher
	serial mpc.Serial
	known  bool

	located bool // whose it is: see Locate
	whose   issuer.Serial
}

// Keep gives what leads to the person's shares. It is sealed like a template.
func (p *probe) Keep() []byte { return append([]byte{1}, p.serial[:]...) }

// Wipe ends the use of a probe. Who was not added is freed; who was, and is not
// on record yet, stays pending until it is known whether it is.
func (p *probe) Wipe() {
	m := p.of
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, added := m.people[p.serial]; added || !m.live[p.serial] {
		return
	}
	m.unwanted(p.serial)
}

// unwanted frees a serial soon. The caller holds mu.
func (m *Matcher) unwanted(s mpc.Serial) {
	m.decide(s)
	m.toFree = append(m.toFree, s)
	m.tidySoon()
}

// decide takes a serial out of those whose fate is open. The caller holds mu.
func (m *Matcher) decide(s mpc.Serial) {
	delete(m.live, s)
	close(m.changed)
	m.changed = make(chan struct{})
}

// Prepare has the person compared with everybody.
func (m *Matcher) Prepare(ctx context.Context, e *capture.Envelope) (issuer.Probe, error) {
	if e.Modality != m.modality {
		return nil, fmt.Errorf("%w: the parties compare captures of another kind", issuer.ErrUnreadable)
	}
	raw, err := e.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", issuer.ErrUnreadable, err)
	}
	a := &ask{capture: e.Nonce, envelope: raw}
	if _, err := io.ReadFull(m.rand, a.serial[:]); err != nil {
		return nil, fmt.Errorf("private: randomness: %w", err)
	}
	m.mu.Lock()
	m.live[a.serial] = true
	m.mu.Unlock()
	known, err := m.trio.enrol(ctx, a)
	if err != nil {
		m.mu.Lock()
		m.unwanted(a.serial)
		m.mu.Unlock()
		switch {
		case errors.Is(err, ErrInputs):
			return nil, fmt.Errorf("%w: %w", issuer.ErrQuality, err)
		case errors.Is(err, party.ErrCapture):
			return nil, fmt.Errorf("%w: %w", issuer.ErrUnreadable, err)
		}
		return nil, err
	}
	return &probe{of: m, serial: a.serial, known: known}, nil
}

func (m *Matcher) own(p issuer.Probe) (*probe, error) {
	if own, ok := p.(*probe); ok && own.of == m {
		return own, nil
	}
	return nil, errors.New("private: probe of another matcher")
}

// Match gives the bit that Prepare got.
func (m *Matcher) Match(p issuer.Probe) (bool, error) {
	own, err := m.own(p)
	if err != nil {
		return false, err
	}
	return own.known, nil
}

// Locate finds out whose template the probe is, if it is known at all. It blocks
// while the parties look, who learn the place, and while it is of somebody whose
// own enrolment is not decided yet.
func (m *Matcher) Locate(ctx context.Context, p issuer.Probe) error {
	own, err := m.own(p)
	if err != nil || !own.known || own.located {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.trio.timeout)
	defer cancel()
	for {
		of, known, err := m.lookFor(ctx, own.serial)
		switch {
		case err != nil:
			return err
		case !known: // who was alike did not get in
			own.known = false
			return nil
		}
		m.mu.Lock()
		s, member := m.people[of]
		open, changed := m.live[of], m.changed
		m.mu.Unlock()
		switch {
		case member && !open:
			own.whose, own.located = s, true
			return nil
		case !open:
			return fmt.Errorf("%w: it is of somebody who is not on record here", ErrUnavailable)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: whose it is is not decided yet: %w", ErrUnavailable, context.Cause(ctx))
		}
	}
}

// lookFor asks the parties at whose place a pending serial is known.
func (m *Matcher) lookFor(ctx context.Context, s mpc.Serial) (of mpc.Serial, known bool, err error) {
	if err := m.trio.take(ctx); err != nil {
		return of, false, err
	}
	defer m.trio.give()
	if err := m.trio.stopped(); err != nil {
		return of, false, err
	}
	m.trio.settleAll(ctx) // nobody is found whom nobody wants
	return m.trio.find(ctx, s)
}

// Find tells whose template the probe is, as Locate learned.
func (m *Matcher) Find(p issuer.Probe) (issuer.Serial, bool, error) {
	own, err := m.own(p)
	switch {
	case err != nil || !own.known:
		return issuer.Serial{}, false, err
	case !own.located:
		return issuer.Serial{}, false, fmt.Errorf("%w: whose it is was not asked", ErrUnavailable)
	}
	return own.whose, true, nil
}

// Add makes the person known under a serial.
func (m *Matcher) Add(s issuer.Serial, p issuer.Probe) error {
	own, err := m.own(p)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.live[own.serial] || own.known {
		return errors.New("private: probe of nobody new")
	}
	return m.link(s, own.serial)
}

func (m *Matcher) link(s issuer.Serial, at mpc.Serial) error {
	if _, taken := m.serials[s]; taken {
		return fmt.Errorf("%w: serial is in use", issuer.ErrCorrupt)
	}
	if _, taken := m.people[at]; taken {
		return fmt.Errorf("%w: shares of two people", issuer.ErrCorrupt)
	}
	m.serials[s], m.people[at] = at, s
	return nil
}

// Settled has the parties commit those who are on record now.
func (m *Matcher) Settled(added []issuer.Serial) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range added {
		if at, ok := m.serials[s]; ok {
			m.decide(at)
			m.toKeep = append(m.toKeep, at)
		}
	}
	m.tidySoon()
}

// Opened says that everybody on record has been restored.
func (m *Matcher) Opened() {
	m.mu.Lock()
	m.complete = true
	m.mu.Unlock()
}

// Remove forgets a serial. The parties keep the shares of one that is on record
// until Destroy.
func (m *Matcher) Remove(s issuer.Serial) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.serials[s]; ok {
		delete(m.serials, s)
		delete(m.people, at)
		delete(m.ending, at)
	}
}

// Destroy has every party overwrite its shares, and gives their receipts
// (party.CheckReceipt). It blocks until all three have. If one could not be asked,
// the others may have done it: whatever brings the parties together next, this
// call once more or a comparison, has it done everywhere.
func (m *Matcher) Destroy(ctx context.Context, s issuer.Serial) ([][]byte, error) {
	m.mu.Lock()
	at, ok := m.serials[s]
	if ok {
		m.ending[at] = true
	}
	m.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("%w: no shares under this serial", issuer.ErrNotFound)
	}
	if err := m.trio.take(ctx); err != nil {
		return nil, err
	}
	defer m.trio.give()
	if err := m.trio.ready(ctx); err != nil {
		return nil, err
	}
	return m.trio.end(ctx, at)
}

// Restore links a serial to the shares that the parties hold.
func (m *Matcher) Restore(s issuer.Serial, modality capture.Modality, kept []byte) error {
	if modality != m.modality || len(kept) != 17 || kept[0] != 1 {
		return fmt.Errorf("%w: a stored template that is no reference to the parties; this issuer had another matcher", issuer.ErrUnreadable)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.link(s, mpc.Serial(kept[1:]))
}

// Reset forgets who is on record. Whoever is pending at the parties is settled
// when everybody is back.
func (m *Matcher) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.complete = false
	m.serials, m.people = map[issuer.Serial]mpc.Serial{}, map[mpc.Serial]issuer.Serial{}
	m.live, m.toKeep = map[mpc.Serial]bool{}, nil
	close(m.changed)
	m.changed = make(chan struct{})
}

// fates tells what becomes of pending serials, and whether the parties have
// everybody who is on record.
func (m *Matcher) fates(roll []party.Entry) (map[mpc.Serial]fate, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.complete {
		return nil, fmt.Errorf("%w: the gallery is not open", ErrUnavailable)
	}
	out := map[mpc.Serial]fate{}
	at := map[mpc.Serial]bool{}
	strangers := 0
	for _, e := range roll {
		at[e.Serial] = true
		_, onRecord := m.people[e.Serial]
		switch {
		case m.live[e.Serial]:
			out[e.Serial] = leave
		case m.ending[e.Serial]:
			out[e.Serial] = free // where one party has done it, all have to
		case onRecord:
			out[e.Serial] = commit
		case e.State == mpc.Member && !m.trio.planted(e.Serial):
			strangers++
		}
	}
	if strangers > 0 {
		// An older backup of this issuer? They are not freed: that cannot be undone.
		m.trio.logf("private: the parties know %d people who are not on record here", strangers)
	}
	lost := 0
	for s := range m.people {
		if !at[s] {
			lost++
		}
	}
	if lost > 0 {
		return nil, fmt.Errorf("%w: they have lost %d people who are on record", ErrDiverged, lost)
	}
	m.toFree, m.toKeep = nil, nil
	return out, nil
}

// tidySoon has the parties told of what was decided, beside the caller. The
// caller holds mu.
func (m *Matcher) tidySoon() {
	if m.tidying {
		return
	}
	m.tidying = true
	m.work.Go(func() {
		for m.tidy() {
		}
	})
}

// tidy tells whether it is to be called again.
func (m *Matcher) tidy() bool {
	ctx, cancel := context.WithTimeout(context.Background(), m.trio.timeout)
	defer cancel()
	told := false
	if err := m.trio.take(ctx); err == nil {
		told = m.trio.settleAll(ctx)
		m.trio.give()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// What is left is settled when the parties are brought together again.
	m.tidying = told && len(m.toFree)+len(m.toKeep) > 0
	return m.tidying
}

// Close waits until the parties have been told of what was decided, or cannot be.
func (m *Matcher) Close() { m.work.Wait() }

// decided gives what is to be told, once.
func (m *Matcher) decided() (keep, free []mpc.Serial) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keep, free = m.toKeep, m.toFree
	m.toKeep, m.toFree = nil, nil
	return keep, free
}
