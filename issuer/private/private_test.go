package private_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/private"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/receipt"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// house is an issuer over three parties.
type house struct {
	*testkit.World
	t       testing.TB
	room    *partytest.Room
	root    ed25519.PrivateKey
	db      string
	parties [3]private.Party
	matcher *private.Matcher
	issuer  *issuer.Issuer
	store   *sqlite.Store

	operator string               // of the captures
	adjust   func(*issuer.Config) // before the issuer is opened
	timeout  time.Duration        // of a comparison; a minute
	logf     func(string, ...any) // of the matcher; the test's
}

// newHouse builds one; wrap, if not nil, stands between the issuer and a party.
func newHouse(t testing.TB, wrap func(i int, p private.Party) private.Party) *house {
	t.Helper()
	w := testkit.NewWorld(t, 9)
	_, root, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{World: w, t: t, db: filepath.Join(t.TempDir(), "issuer.db"), room: partytest.Through(t, party.Face, testkit.Name, root, nil)}
	h.room.Now = w.Clock.Now
	h.root = root
	h.policy()
	for i := range h.parties {
		h.room.Serve(t, i)
		h.parties[i] = h.room.Client(t, i)
		if wrap != nil {
			h.parties[i] = wrap(i, h.parties[i])
		}
	}
	h.open()
	t.Cleanup(func() {
		if h.store != nil {
			h.close()
		}
	})
	return h
}

func (h *house) open() {
	h.t.Helper()
	var err error
	if h.timeout == 0 {
		h.timeout = time.Minute
	}
	if h.logf == nil {
		h.logf = h.t.Logf
	}
	h.matcher, err = private.New(private.Config{Group: h.room.Group, Parties: h.parties, Rand: rand.Reader, Timeout: h.timeout, Logf: h.logf})
	if err != nil {
		h.t.Fatal(err)
	}
	if h.store, err = sqlite.Open(h.db); err != nil {
		h.t.Fatal(err)
	}
	cfg := h.Config(h.store, h.matcher)
	if h.adjust != nil {
		h.adjust(&cfg)
	}
	if h.issuer, err = issuer.New(h.t.Context(), cfg); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) close() {
	h.t.Helper()
	h.matcher.Close()
	if err := h.store.Close(); err != nil {
		h.t.Error(err)
	}
	h.store = nil
}

// request is p's for a new session, captured and split by the device.
func (h *house) request(p *testkit.Person) api.EnrolmentRequest {
	h.t.Helper()
	s, err := h.issuer.StartSession(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return h.answer(s, p)
}

func (h *house) answer(s api.Session, p *testkit.Person) api.EnrolmentRequest {
	h.t.Helper()
	raw, err := scope.DecodeToken(s.Nonce)
	if err != nil {
		h.t.Fatal(err)
	}
	req := h.Request(h.t, s, p)
	device, err := capture.NewVirtualDevice(rand.Reader, h.root, h.Clock.Now()) // each has a counter of its own
	if err != nil {
		h.t.Fatal(err)
	}
	var v face.Vector
	for i, b := range p.Face {
		v[i] = int8(b)
	}
	seals, err := h.room.Group.Seals()
	if err != nil {
		h.t.Fatal(err)
	}
	q := capture.CaptureRequest{
		Audience: testkit.Name, Nonce: [32]byte(raw), Now: h.Clock.Now(), Operator: h.operator, Seal: share.To(rand.Reader, seals[:]...),
		Quality: capture.Quality{Sharpness: 900}, IdentityCommitment: p.ID.Commitment(), ConsentHash: h.Consent,
	}
	if err := h.room.Group.Fill(rand.Reader, match.FromFace(v), &q); err != nil {
		h.t.Fatal(err)
	}
	b, err := device.Capture(q)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Envelope = base64.RawURLEncoding.EncodeToString(b)
	return req
}

func (h *house) enrol(p *testkit.Person) error {
	h.t.Helper()
	_, err := h.issuer.Enrol(h.t.Context(), h.request(p))
	return err
}

func wantCode(t testing.TB, err error, code api.Code) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// pending waits until no serial is pending at any party, and gives how many
// places are of members.
func (h *house) settled(members int) {
	h.t.Helper()
	h.matcher.Close()
	var digests [3]string
	for i := range h.parties {
		s, err := h.parties[i].Status(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		digests[i] = string(s.Digest)
		roll, err := h.parties[i].Roll(h.t.Context(), 0)
		if err != nil {
			h.t.Fatal(err)
		}
		n := 0
		for _, e := range roll {
			if e.State == mpc.Member {
				n++
			}
		}
		if s.Pending != 0 || n != members {
			h.t.Errorf("party %d: %d pending, %d members, want %d", i, s.Pending, n, members)
		}
	}
	if digests[0] != digests[1] || digests[1] != digests[2] {
		h.t.Error("the rolls differ")
	}
}

// People are enrolled, known again, found for a recovery and forgotten, across a
// restart of the issuer.
func TestLife(t *testing.T) {
	h := newHouse(t, nil)
	info := h.issuer.Info()
	if info.Matcher != "mpc-3" || len(info.MatcherKeys) != 3 {
		t.Errorf("metadata: %s %v", info.Matcher, info.MatcherKeys)
	}
	people := []*testkit.Person{testkit.NewPerson(1), testkit.NewPerson(2), testkit.NewPerson(3)}
	for _, p := range people {
		if err := h.enrol(p); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, h.enrol(people[1].Again(77)), api.AlreadyEnrolled)
	h.settled(3)

	// The request once more is answered from the record, and compares nobody.
	req := h.request(testkit.NewPerson(4))
	for n := range 2 {
		r, err := h.issuer.Enrol(t.Context(), req)
		if err != nil || r.Repeated != (n == 1) {
			t.Fatalf("attempt %d: %+v %v", n, r, err)
		}
	}
	h.settled(4)
	if _, err := h.issuer.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.close()
	h.open()
	wantCode(t, h.enrol(people[0].Again(78)), api.AlreadyEnrolled)

	// A recovery finds whose it is, and refuses who is nobody.
	if r, _, err := h.issuer.Recover(t.Context(), h.recovery(people[2].Again(79))); err != nil || r.Status != api.RecoveryAnnounced {
		t.Errorf("recovery: %+v %v", r, err)
	}
	_, _, err := h.issuer.Recover(t.Context(), h.recovery(testkit.NewPerson(50)))
	wantCode(t, err, api.NotEnrolled)

	// A deletion: after its delay all three overwrite their shares and sign.
	d, _, err := h.issuer.Delete(t.Context(), testkit.Deletion(t, h.issuer, people[1].ID))
	if err != nil || d.Status != api.DeletionRemoved {
		t.Fatalf("%+v %v", d, err)
	}
	wantCode(t, h.enrol(people[1].Again(80)), api.CooldownActive)
	h.Clock.Move(time.Unix(int64(d.ReentryAt)+1, 0).Sub(h.Clock.Now())) // #nosec G115 -- a time
	if err := h.issuer.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, err = h.issuer.DeletionStatus(t.Context(), d.ID); err != nil || d.Tombstone == "" {
		t.Fatalf("%+v %v", d, err)
	}
	signed, err := scope.DecodeToken(d.Tombstone)
	if err != nil {
		t.Fatal(err)
	}
	word, err := receipt.Parse(signed)
	if err != nil || len(word.Parties) != 3 {
		t.Fatalf("tombstone: %+v %v", word, err)
	}
	for i, b := range word.Parties {
		if r, err := party.CheckReceipt(b, h.room.Group); err != nil || r.Party != i || r.Place != 1 {
			t.Errorf("receipt of party %d: %+v %v", i, r, err)
		}
	}
	if err := h.enrol(people[1].Again(81)); err != nil {
		t.Errorf("after the delay: %v", err)
	}
	h.settled(4)
}

// recovery is p's request to be recovered under a new secret.
func (h *house) recovery(p *testkit.Person) api.RecoveryRequest {
	h.t.Helper()
	s, err := h.issuer.StartSession(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	req := api.RecoveryRequest(h.answer(s, p))
	raw, err := scope.DecodeToken(s.Nonce)
	if err != nil {
		h.t.Fatal(err)
	}
	sig, err := p.ID.Sign(scope.RekeyMessage([32]byte(raw), s.Issuer, p.ID.Commitment())).MarshalBinary()
	if err != nil {
		h.t.Fatal(err)
	}
	req.Signature = base64.RawURLEncoding.EncodeToString(sig)
	return req
}

// Two captures of one person at once: exactly one passes, whoever comes first.
func TestT12OnePersonTwice(t *testing.T) {
	h := newHouse(t, nil)
	for round := range uint64(3) {
		var errs [4]error
		var reqs [4]api.EnrolmentRequest
		for i := range reqs {
			reqs[i] = h.request(testkit.NewPerson(round + 10).Again(1000*round + uint64(i)))
		}
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { _, errs[i] = h.issuer.Enrol(t.Context(), reqs[i]) })
		}
		all.Wait()
		in := 0
		for _, err := range errs {
			if err == nil {
				in++
				continue
			}
			wantCode(t, err, api.AlreadyEnrolled)
		}
		if in != 1 {
			t.Errorf("%d of them are in: %v", in, errs)
		}
	}
	h.settled(3)
}

// A crowd that comes at once is compared together, and all of it is in.
func TestCrowd(t *testing.T) {
	h := newHouse(t, nil)
	const n = 20
	var reqs [n]api.EnrolmentRequest
	for i := range reqs {
		reqs[i] = h.request(testkit.NewPerson(uint64(100 + i)))
	}
	var all sync.WaitGroup
	for i := range reqs {
		all.Go(func() {
			if _, err := h.issuer.Enrol(t.Context(), reqs[i]); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
	h.settled(n)
}

var errCut = errors.New("cut by the test")

// faulty is a party whose n-th call fails, before it arrives or after it was done.
type faulty struct {
	private.Party
	mu    *sync.Mutex
	left  *int
	after bool
}

func (f faulty) now() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	*f.left--
	return *f.left == 0
}

func (f faulty) around(do func() error) error {
	cut := f.now()
	if cut && !f.after {
		return errCut
	}
	if err := do(); err != nil || !cut {
		return err
	}
	return errCut
}

func (f faulty) Connect(ctx context.Context, id [16]byte) (n uint64, err error) {
	err = f.around(func() error { n, err = f.Party.Connect(ctx, id); return err })
	return n, err
}

func (f faulty) Begin(ctx context.Context, s mpc.Serial, place int, e []byte) error {
	return f.around(func() error { return f.Party.Begin(ctx, s, place, e) })
}

func (f faulty) Check(ctx context.Context, n uint64, s ...mpc.Serial) (b []bool, err error) {
	err = f.around(func() error { b, err = f.Party.Check(ctx, n, s...); return err })
	return b, err
}

func (f faulty) Match(ctx context.Context, n uint64, s ...mpc.Serial) (b []bool, err error) {
	err = f.around(func() error { b, err = f.Party.Match(ctx, n, s...); return err })
	return b, err
}

func (f faulty) Commit(ctx context.Context, s mpc.Serial) error {
	return f.around(func() error { return f.Party.Commit(ctx, s) })
}

func (f faulty) Free(ctx context.Context, s mpc.Serial) (b []byte, err error) {
	err = f.around(func() error { b, err = f.Party.Free(ctx, s); return err })
	return b, err
}

// Every message to one party is lost once, on the way there or on the way back:
// whoever was told that they are in is in, at all three and on record; whoever was
// not can try again; and nobody is in twice.
func TestLostMessages(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after=%t", after), func(t *testing.T) {
			var mu sync.Mutex
			left := 0
			h := newHouse(t, func(i int, p private.Party) private.Party {
				if i != 1 {
					return p
				}
				return faulty{Party: p, mu: &mu, left: &left, after: after}
			})
			members, fired := 0, 0
			for n := 1; n <= 9; n++ {
				mu.Lock()
				left = n
				mu.Unlock()
				p := testkit.NewPerson(uint64(200 + n))
				err := h.enrol(p)
				known := h.enrol(p.Again(uint64(5000 + n))) // while what was lost may lie in between
				mu.Lock()
				if left <= 0 {
					fired++
				}
				left = 0
				mu.Unlock()
				switch {
				case err == nil:
					members++
					wantCode(t, h.enrol(p.Again(uint64(6000+n))), api.AlreadyEnrolled)
				case known == nil:
					members++
				default:
					wantCode(t, err, api.MatcherUnavailable)
					if err := h.enrol(p.Again(uint64(7000 + n))); err != nil {
						t.Fatalf("message %d: not even later: %v", n, err)
					}
					members++
				}
			}
			if fired < 6 {
				t.Errorf("%d faults fired", fired)
			}
			if err := h.enrol(testkit.NewPerson(300)); err != nil { // settles what was left
				t.Fatal(err)
			}
			h.settled(members + 1)
		})
	}
}

// A party that is away: enrolment is unavailable, set and log go on, and when it
// is back everything is as before.
func TestPartyAway(t *testing.T) {
	h := newHouse(t, nil)
	if err := h.enrol(testkit.NewPerson(1)); err != nil {
		t.Fatal(err)
	}
	h.matcher.Close()
	h.room.Running(2).Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	req := h.request(testkit.NewPerson(2))
	_, err := h.issuer.Enrol(ctx, req)
	wantCode(t, err, api.MatcherUnavailable)
	if _, err := h.issuer.Anchor(t.Context()); err != nil {
		t.Error(err)
	}
	h.room.Serve(t, 2)
	if err := h.enrol(testkit.NewPerson(2)); err != nil {
		t.Fatal(err)
	}
	wantCode(t, h.enrol(testkit.NewPerson(1).Again(9)), api.AlreadyEnrolled)
	h.settled(2)
}
