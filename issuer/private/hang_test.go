package private_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/private"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/receipt"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// stuck is a party that, while it is shut, does not answer, whatever its caller
// thinks of that; or only until its caller gives up.
type stuck struct {
	private.Party
	*door
}

type door struct {
	mu      sync.Mutex
	gate    chan struct{} // nil: open
	patient bool          // it ends with its caller's context
	begun   int
	waiting chan struct{} // one for each call that is stuck
}

func (d *door) shut(patient bool) (open func()) {
	gate := make(chan struct{})
	d.mu.Lock()
	d.gate, d.patient = gate, patient
	d.mu.Unlock()
	return func() {
		d.mu.Lock()
		d.gate = nil
		d.mu.Unlock()
		close(gate)
	}
}

func (d *door) pass(ctx context.Context) error {
	d.mu.Lock()
	gate, patient := d.gate, d.patient
	d.mu.Unlock()
	if gate == nil {
		return nil
	}
	select {
	case d.waiting <- struct{}{}:
	default:
	}
	if !patient {
		<-gate
		return errCut
	}
	select {
	case <-gate:
	case <-ctx.Done():
	}
	return errCut
}

func (s stuck) Status(ctx context.Context) (party.Status, error) {
	if err := s.pass(ctx); err != nil {
		return party.Status{}, err
	}
	return s.Party.Status(ctx)
}

func (s stuck) Begin(ctx context.Context, serial mpc.Serial, place int, e []byte) error {
	s.mu.Lock()
	s.begun++
	s.mu.Unlock()
	if err := s.pass(ctx); err != nil {
		return err
	}
	return s.Party.Begin(ctx, serial, place, e)
}

func (s stuck) Find(ctx context.Context, n uint64, serial mpc.Serial) (int, bool, error) {
	if err := s.pass(ctx); err != nil {
		return 0, false, err
	}
	return s.Party.Find(ctx, n, serial)
}

func (s stuck) Free(ctx context.Context, serial mpc.Serial) ([]byte, error) {
	if err := s.pass(ctx); err != nil {
		return nil, err
	}
	return s.Party.Free(ctx, serial)
}

func newDoor() (*door, func(int, private.Party) private.Party) {
	d := &door{waiting: make(chan struct{}, 1)}
	return d, func(i int, p private.Party) private.Party {
		if i != 2 {
			return p
		}
		return stuck{p, d}
	}
}

func within(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("after a minute:", what)
	}
}

// leaving deletes p, and moves the clock to where its shares are to go.
func (h *house) leaving(p *testkit.Person) string {
	h.t.Helper()
	d, _, err := h.issuer.Delete(h.t.Context(), testkit.Deletion(h.t, h.issuer, p.ID))
	if err != nil {
		h.t.Fatal(err)
	}
	h.Clock.Move(time.Unix(int64(d.ReentryAt)+1, 0).Sub(h.Clock.Now())) // #nosec G115 -- a time
	return d.ID
}

// gone tells whether a deletion is said to be done, which it is only with the
// receipts of all three.
func (h *house) gone(id string) bool {
	h.t.Helper()
	d, err := h.issuer.DeletionStatus(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	if d.Status != api.DeletionDestroyed {
		if d.Status != api.DeletionRemoved || d.Tombstone != "" {
			h.t.Errorf("%+v", d)
		}
		return false
	}
	signed, err := scope.DecodeToken(d.Tombstone)
	if err != nil {
		h.t.Fatal(err)
	}
	word, err := receipt.Parse(signed)
	if err != nil || len(word.Parties) != 3 {
		h.t.Fatalf("tombstone: %+v %v", word, err)
	}
	for i, b := range word.Parties {
		if r, err := party.CheckReceipt(b, h.room.Group); err != nil || r.Party != i {
			h.t.Errorf("receipt of party %d: %+v %v", i, r, err)
		}
	}
	return true
}

// A party does not answer, neither to a deletion nor to a recovery nor to an
// enrolment: everything else of the issuer goes on, nothing is said to be done,
// and when the party is back all of it is.
func TestPartyHangs(t *testing.T) {
	d, wrap := newDoor()
	h := newHouse(t, wrap)
	alice, bob, carol := testkit.NewPerson(1), testkit.NewPerson(2), testkit.NewPerson(3)
	for _, p := range []*testkit.Person{alice, bob, carol} {
		if err := h.enrol(p); err != nil {
			t.Fatal(err)
		}
	}
	h.settled(3)
	if _, err := h.issuer.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := h.leaving(alice)
	enrolment, recovery := h.request(testkit.NewPerson(4)), h.recovery(bob.Again(70))
	carolsWish := testkit.Deletion(t, h.issuer, carol.ID)

	open := d.shut(false)
	shut := true
	defer func() {
		if shut {
			open()
		}
	}()
	var released, recovered, enrolled error
	var stuckOnes sync.WaitGroup
	stuckOnes.Go(func() { released = h.issuer.Release(t.Context()) })
	within(t, "nobody asks the party", d.waiting)
	stuckOnes.Go(func() { _, _, recovered = h.issuer.Recover(t.Context(), recovery) })
	stuckOnes.Go(func() { _, enrolled = h.issuer.Enrol(t.Context(), enrolment) })

	others := make(chan struct{})
	go func() {
		defer close(others)
		_, err := h.issuer.Head()
		for name, err := range map[string]error{
			"head":     err,
			"session":  func() error { _, err := h.issuer.StartSession(t.Context()); return err }(),
			"log tile": func() error { _, err := h.issuer.Checkpoint(); return err }(),
			"removal":  h.issuer.Removal(t.Context(), 1_000, false),
			"deletion": func() error { _, _, err := h.issuer.Delete(t.Context(), carolsWish); return err }(),
			"anchor":   func() error { _, err := h.issuer.Anchor(t.Context()); return err }(),
		} {
			if err != nil && !(name == "removal" && api.CodeOf(err) == api.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if h.gone(id) {
			t.Error("a deletion is said to be done while a party has the shares")
		}
	}()
	within(t, "other calls wait for the party", others)
	shut = false
	open()
	over := make(chan struct{})
	go func() { stuckOnes.Wait(); close(over) }()
	within(t, "calls do not end", over)
	if released == nil {
		t.Error("a release is over that a party did not do")
	}
	for _, err := range []error{recovered, enrolled} { // depending on who came first
		if err != nil && api.CodeOf(err) != api.MatcherUnavailable {
			t.Error(err)
		}
	}
	if err := h.issuer.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !h.gone(id) {
		t.Error("the deletion is not over")
	}
	if r, _, err := h.issuer.Recover(t.Context(), h.recovery(bob.Again(71))); err != nil && api.CodeOf(err) != api.RecoveryPending {
		t.Errorf("recovery: %+v %v", r, err)
	}
	if err := h.enrol(alice.Again(72)); err != nil {
		t.Errorf("after the delay: %v", err)
	}
}

// A party that answers nothing while the other two destroy shares: the deletion is
// not done, nobody is enrolled in between as if it were, and it is done by whatever
// comes next: the same call, somebody's enrolment, or either in a new process.
func TestHalfDestroyed(t *testing.T) {
	for name, c := range map[string]struct {
		restart bool
		next    func(h *house) error
	}{
		"again":                            {false, func(h *house) error { return h.issuer.Release(h.t.Context()) }},
		"again after a restart":            {true, func(h *house) error { return h.issuer.Release(h.t.Context()) }},
		"an enrolment":                     {false, func(h *house) error { return h.enrol(testkit.NewPerson(8)) }},
		"an enrolment after a restart":     {true, func(h *house) error { return h.enrol(testkit.NewPerson(8)) }},
		"the same person":                  {false, func(h *house) error { return h.enrol(testkit.NewPerson(1).Again(33)) }},
		"the same person, after a restart": {true, func(h *house) error { return h.enrol(testkit.NewPerson(1).Again(33)) }},
	} {
		t.Run(name, func(t *testing.T) {
			d, wrap := newDoor()
			h := newHouse(t, wrap)
			for n := range uint64(2) {
				if err := h.enrol(testkit.NewPerson(n + 1)); err != nil {
					t.Fatal(err)
				}
			}
			h.settled(2)
			if _, err := h.issuer.Anchor(t.Context()); err != nil {
				t.Fatal(err)
			}
			id := h.leaving(testkit.NewPerson(1))
			open := d.shut(true)
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-d.waiting; cancel() }()
			wantCode(t, h.issuer.Release(ctx), api.MatcherUnavailable)
			if h.gone(id) {
				t.Error("a deletion is said to be done that a party did not do")
			}
			open()
			if c.restart {
				h.close()
				h.open()
			}
			if err := c.next(h); err != nil {
				t.Fatal(err)
			}
			if !h.gone(id) {
				t.Error("the deletion is not over")
			}
			wantCode(t, h.enrol(testkit.NewPerson(2).Again(34)), api.AlreadyEnrolled)
		})
	}
}

// Captures over the rate reach no party; one whose caller gave up, or whose
// comparison failed, has used up its place.
func TestRateBeforeParties(t *testing.T) {
	d, wrap := newDoor()
	h := newHouse(t, wrap)
	h.operator = "anna"
	h.adjust = func(c *issuer.Config) { c.OperatorRate = issuer.Rate{N: 4, Per: 24 * time.Hour} }
	h.close()
	h.open()
	p := testkit.NewPerson(1)
	if err := h.enrol(p); err != nil {
		t.Fatal(err)
	}
	wantCode(t, h.enrol(p.Again(5)), api.AlreadyEnrolled)
	h.matcher.Close()

	open := d.shut(true)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-d.waiting; cancel() }()
	if _, err := h.issuer.Enrol(ctx, h.request(testkit.NewPerson(2))); err == nil {
		t.Error("its caller was gone")
	}
	open()
	if _, _, err := h.issuer.Recover(t.Context(), h.recovery(testkit.NewPerson(3))); err == nil {
		t.Error("a stranger is recovered")
	}
	d.mu.Lock()
	begun := d.begun
	d.mu.Unlock()
	wantCode(t, h.enrol(testkit.NewPerson(4)), api.RateLimited)
	_, _, err := h.issuer.Recover(t.Context(), h.recovery(p.Again(6)))
	wantCode(t, err, api.RateLimited)
	h.close()
	h.open()
	wantCode(t, h.enrol(testkit.NewPerson(4)), api.RateLimited)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begun != begun || begun > 4 {
		t.Errorf("%d captures reached a party, then %d, at a rate of 4", begun, d.begun)
	}
}

// Whose a capture is that is known because of somebody who is just being enrolled:
// that is known once they are, or else it is nobody's.
func TestLocateWaits(t *testing.T) {
	crowd := synth.New(5)
	room := partytest.New(t, party.Face)
	c := private.Config{Group: room.Group, Rand: rand.Reader, Timeout: time.Minute, Logf: t.Logf}
	for i := range c.Parties {
		room.Serve(t, i)
		c.Parties[i] = room.Client(t, i)
	}
	m, err := private.New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.Opened()
	n := byte(0)
	prepare := func(person uint64) issuer.Probe {
		t.Helper()
		n++
		e, err := capture.Parse(room.Envelope(t, [32]byte{n}, match.FromFace(crowd.Person(person).SampleFace(uint64(n)))))
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Prepare(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for person, in := range []bool{false, true} {
		first, second := prepare(uint64(person)), prepare(uint64(person))
		if hit, err := m.Match(second); err != nil || !hit {
			t.Fatal(hit, err)
		}
		if _, _, err := m.Find(second); !errors.Is(err, private.ErrUnavailable) {
			t.Errorf("before anybody was asked: %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.Locate(gone, second); !errors.Is(err, private.ErrUnavailable) {
			t.Errorf("its caller was gone: %v", err)
		}
		var located error
		done := make(chan struct{})
		go func() { located = m.Locate(t.Context(), second); close(done) }()
		serial := issuer.Serial{n}
		if in {
			if err := m.Add(serial, first); err != nil {
				t.Fatal(err)
			}
			m.Settled([]issuer.Serial{serial})
		} else {
			first.Wipe()
		}
		within(t, "Locate waits", done)
		got, hit, err := m.Find(second)
		if located != nil || err != nil || hit != in || in && got != serial {
			t.Errorf("in %t: %x %t, %v, %v", in, got, hit, located, err)
		}
		second.Wipe()
	}
}
