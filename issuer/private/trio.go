package private

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
)

// Party is one of the three; *party.Client is one.
type Party interface {
	Status(ctx context.Context) (party.Status, error)
	Connect(ctx context.Context, session [16]byte) (first uint64, err error)
	Begin(ctx context.Context, s mpc.Serial, place int, envelope []byte) error
	Void(ctx context.Context, s mpc.Serial, capture mpc.Capture, place int) error
	Check(ctx context.Context, number uint64, serials ...mpc.Serial) (valid []bool, err error)
	Match(ctx context.Context, number uint64, serials ...mpc.Serial) (known []bool, err error)
	Find(ctx context.Context, number uint64, s mpc.Serial) (place int, known bool, err error)
	Commit(ctx context.Context, s mpc.Serial) error
	Free(ctx context.Context, s mpc.Serial) (receipt []byte, err error)
	Roll(ctx context.Context, from int) ([]party.Entry, error)

	Refresh(ctx context.Context, number uint64) (mpc.Epoch, error)
	Switch(ctx context.Context, to mpc.Epoch) error
	Settle(ctx context.Context, in mpc.Epoch) error
	Drop(ctx context.Context, in mpc.Epoch) error
	Back(ctx context.Context, from mpc.Epoch) error
}

// Refusals of this package.
var (
	// ErrDiverged: the parties gave different answers, or one has lost people. No
	// answer is given; an operator has to look.
	ErrDiverged = errors.New("private: the parties do not agree")
	// ErrInputs: shares that are of no template, or of one that is too poor.
	ErrInputs = errors.New("private: shares that are of no usable template")
	// ErrUnavailable: a party is away, or the gallery is not complete.
	ErrUnavailable = errors.New("private: matcher unavailable")
)

// batch is how many people are compared at once at most.
const batch = 64

// fate is what becomes of a serial that is pending at the parties.
type fate int

const (
	free   fate = iota // nobody wants it
	commit             // its person is on record
	leave              // not decided yet
)

// trio is the sequencer: it gives the three parties the same calls in the same
// order. One caller at a time has it.
type trio struct {
	parties [3]Party
	rand    io.Reader
	timeout time.Duration
	// fates tells what becomes of pending serials; ErrUnavailable if it cannot
	// tell yet. The roll is what all three have.
	fates func(roll []party.Entry) (map[mpc.Serial]fate, error)
	// decided gives, once, who was put on record since and whom nobody wants.
	decided func() (keep, free []mpc.Serial)
	beside  func(func()) // runs something in a goroutine of its own
	logf    func(string, ...any)

	turn chan struct{} // holds one token: whose turn it is

	// Whose turn it is.
	synced    bool
	connected bool
	number    uint64
	roll      []party.Entry // what all three have, when synced
	epoch     mpc.Epoch     // in which all three are, when synced

	audit *auditor // nil: there are no audits
	// open says of planted serials whether their fate is open.
	open func(planted []*ask, open bool)

	mu    sync.Mutex
	queue []*ask
	halt  error  // after an audit that failed
	seen  uint64 // epoch
}

// ask is one person who wants to be compared.
type ask struct {
	serial   mpc.Serial
	capture  mpc.Capture
	envelope []byte
	known    bool
	err      error
	done     chan struct{}
	left     bool // the caller is gone
}

func (t *trio) take(ctx context.Context) error {
	select {
	case <-t.turn:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

func (t *trio) give() { t.turn <- struct{}{} }

// enrol makes a person pending and tells whether it is known. Who comes while
// another comparison runs is compared together with the others who wait.
func (t *trio) enrol(ctx context.Context, a *ask) (known bool, err error) {
	a.done = make(chan struct{})
	t.mu.Lock()
	t.queue = append(t.queue, a)
	t.mu.Unlock()
	for {
		select {
		case <-a.done:
			return a.known, a.err
		case <-ctx.Done():
			t.mu.Lock()
			a.left = true
			t.mu.Unlock()
			return false, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
		case <-t.turn:
			t.beside(func() { // whoever came first may leave like the others
				defer t.give()
				t.next()
			})
		}
	}
}

// next compares those who wait, at most 64. It has a time of its own: nobody's
// leaving ends a comparison that others wait for.
func (t *trio) next() {
	t.mu.Lock()
	var all []*ask
	room := batch
	if t.audit != nil {
		room -= auditRoom
	}
	for len(t.queue) > 0 && len(all) < room {
		if a := t.queue[0]; !a.left {
			all = append(all, a)
		}
		t.queue = t.queue[1:]
	}
	t.mu.Unlock()
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.timeout)
	defer cancel()
	_ = t.audited(ctx, all) // everybody has it too
	for _, a := range all {
		t.mu.Lock()
		left := a.left
		t.mu.Unlock()
		if left {
			t.synced = false // nobody will free it: the next sync does
		}
		close(a.done)
	}
}

// three calls all parties at once and gives their errors.
func (t *trio) three(do func(i int, p Party) error) (errs [3]error) {
	var group sync.WaitGroup
	for i, p := range t.parties {
		group.Go(func() { errs[i] = do(i, p) })
	}
	group.Wait()
	return errs
}

// together is three for calls that wait for one another: one that fails ends the
// other two.
func (t *trio) together(ctx context.Context, do func(ctx context.Context, i int, p Party) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, p := range t.parties {
		group.Go(func() error { return do(ctx, i, p) })
	}
	return group.Wait()
}

// ready brings the parties together and connects them.
func (t *trio) ready(ctx context.Context) error {
	if !t.synced {
		if err := t.sync(ctx); err != nil {
			return err
		}
	}
	if t.connected {
		return nil
	}
	var id [16]byte
	if _, err := io.ReadFull(t.rand, id[:]); err != nil {
		return fmt.Errorf("private: randomness: %w", err)
	}
	var firsts [3]uint64
	err := t.together(ctx, func(ctx context.Context, i int, p Party) (err error) {
		firsts[i], err = p.Connect(ctx, id)
		return err
	})
	if err != nil {
		t.synced = t.synced && !errors.Is(err, mpc.ErrEpoch)
		return unavailable(err)
	}
	if firsts[0] != firsts[1] || firsts[1] != firsts[2] {
		return fmt.Errorf("%w: first numbers %v", ErrDiverged, firsts)
	}
	t.number, t.connected = max(t.number, firsts[0]), true
	return nil
}

// step is one computation of the three. One that fails is tried again in a new
// session, once; every try has its own number.
func (t *trio) step(ctx context.Context, do func(ctx context.Context, number uint64, i int, p Party) error) error {
	var err error
	for range 2 {
		if err = t.ready(ctx); err != nil {
			return err
		}
		number := t.number
		t.number++
		err = t.together(ctx, func(ctx context.Context, i int, p Party) error { return do(ctx, number, i, p) })
		if err == nil {
			return nil
		}
		t.connected = false
		t.synced = t.synced && !errors.Is(err, mpc.ErrEpoch)
		if ctx.Err() != nil || errors.Is(err, mpc.ErrAudit) {
			break
		}
	}
	return unavailable(err)
}

func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrDiverged) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// bits is a step whose answers must be the same at all three.
func (t *trio) bits(ctx context.Context, serials []mpc.Serial, do func(ctx context.Context, p Party, number uint64, serials ...mpc.Serial) ([]bool, error)) ([]bool, error) {
	var got [3][]bool
	err := t.step(ctx, func(ctx context.Context, number uint64, i int, p Party) (err error) {
		got[i], err = do(ctx, p, number, serials...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for q := range serials {
		if got[0][q] != got[1][q] || got[1][q] != got[2][q] {
			return nil, fmt.Errorf("%w: %v", ErrDiverged, got)
		}
	}
	return got[0], nil
}

// compare decides everybody in all, whose err or known it sets.
func (t *trio) compare(ctx context.Context, all []*ask) {
	fail := func(list []*ask, err error) {
		for _, a := range list {
			a.err = err
		}
		t.synced = false // whatever is pending is freed before the next
	}
	if err := t.ready(ctx); err != nil {
		fail(all, err)
		return
	}
	t.settleAll(ctx)
	var begun []*ask
	var serials []mpc.Serial
	for _, a := range all {
		if a.err = t.begin(ctx, a); a.err == nil {
			begun, serials = append(begun, a), append(serials, a.serial)
		}
	}
	if len(begun) == 0 {
		return
	}
	valid, err := t.bits(ctx, serials, func(ctx context.Context, p Party, n uint64, s ...mpc.Serial) ([]bool, error) {
		return p.Check(ctx, n, s...)
	})
	if err != nil {
		fail(begun, err)
		return
	}
	var usable []*ask
	serials = serials[:0]
	for q, a := range begun {
		if valid[q] {
			usable, serials = append(usable, a), append(serials, a.serial)
			continue
		}
		a.err = ErrInputs
		if _, err := t.end(ctx, a.serial); err != nil {
			t.logf("private: a capture that failed its checks could not be freed yet: %v", err)
		}
	}
	if len(usable) == 0 {
		return
	}
	known, err := t.bits(ctx, serials, func(ctx context.Context, p Party, n uint64, s ...mpc.Serial) ([]bool, error) {
		return p.Match(ctx, n, s...)
	})
	if err != nil {
		fail(usable, err)
		return
	}
	for q, a := range usable {
		a.known = known[q]
	}
}

// begin makes one person pending at all three. If one of them did not come along
// the rolls are brought together before anything else.
func (t *trio) begin(ctx context.Context, a *ask) error {
	if err := t.ready(ctx); err != nil {
		return err
	}
	place := len(t.roll)
	errs := t.three(func(_ int, p Party) error { return p.Begin(ctx, a.serial, place, a.envelope) })
	refused := 0
	for _, err := range errs {
		if errors.Is(err, party.ErrCapture) {
			refused++
		}
	}
	err := errors.Join(errs[:]...)
	switch {
	case err == nil:
		t.roll = append(t.roll, party.Entry{Serial: a.serial, Capture: a.capture, State: mpc.Pending})
		return nil
	case refused == len(errs):
		return err // none has it
	}
	t.synced = false
	if refused > 0 {
		return err // one could not read what the device sealed to it
	}
	return unavailable(err)
}

// end frees a serial at all three and gives their receipts.
func (t *trio) end(ctx context.Context, s mpc.Serial) ([][]byte, error) {
	receipts := make([][]byte, 3)
	errs := t.three(func(i int, p Party) (err error) {
		receipts[i], err = p.Free(ctx, s)
		return err
	})
	if err := errors.Join(errs[:]...); err != nil {
		t.synced = false
		return nil, unavailable(err)
	}
	t.settled(s, mpc.Gone)
	return receipts, nil
}

// keep commits a serial at all three.
func (t *trio) keep(ctx context.Context, s mpc.Serial) error {
	errs := t.three(func(_ int, p Party) error { return p.Commit(ctx, s) })
	if err := errors.Join(errs[:]...); err != nil {
		t.synced = false
		return unavailable(err)
	}
	t.settled(s, mpc.Member)
	return nil
}

func (t *trio) settled(s mpc.Serial, state mpc.State) {
	for i := len(t.roll) - 1; i >= 0; i-- {
		if t.roll[i].Serial == s {
			t.roll[i].State = state
			return
		}
	}
}

// settleAll tells the parties what was decided since, and whether it could. What
// fails is left to the next sync.
func (t *trio) settleAll(ctx context.Context) bool {
	if !t.synced {
		if err := t.sync(ctx); err != nil {
			t.logf("private: %v", err)
			return false
		}
	}
	keep, free := t.decided()
	for _, s := range keep {
		if err := t.keep(ctx, s); err != nil {
			t.logf("private: %v", err)
			return false
		}
	}
	for _, s := range free {
		if !t.has(s) {
			continue // never came to be pending
		}
		if _, err := t.end(ctx, s); err != nil {
			t.logf("private: %v", err)
			return false
		}
	}
	return true
}

func (t *trio) has(s mpc.Serial) bool {
	for i := len(t.roll) - 1; i >= 0; i-- {
		if t.roll[i].Serial == s {
			return t.roll[i].State != mpc.Gone
		}
	}
	return false
}

// find tells at which place a pending person is known.
func (t *trio) find(ctx context.Context, s mpc.Serial) (of mpc.Serial, known bool, err error) {
	var places [3]int
	var hits [3]bool
	err = t.step(ctx, func(ctx context.Context, number uint64, i int, p Party) (err error) {
		places[i], hits[i], err = p.Find(ctx, number, s)
		return err
	})
	if err != nil {
		return of, false, err
	}
	if places[0] != places[1] || places[1] != places[2] || hits[0] != hits[1] || hits[1] != hits[2] || hits[0] && (places[0] < 0 || places[0] >= len(t.roll)) {
		return of, false, fmt.Errorf("%w: places %v %v", ErrDiverged, places, hits)
	}
	if !hits[0] {
		return of, false, nil
	}
	return t.roll[places[0]].Serial, true, nil
}
