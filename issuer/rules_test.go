package issuer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

var b64 = base64.RawURLEncoding.EncodeToString

// Each way to be refused, by its name; none of them uses the session up or
// leaves anything behind, so the good request goes through at the end.
func TestRefusals(t *testing.T) {
	w, i := start(t)
	alice, bob := testkit.NewPerson(1), testkit.NewPerson(2)
	s, err := i.StartSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := scope.DecodeToken(s.Nonce)
	nonce := [32]byte(raw)
	other := testkit.NewWorld(t, 3)
	for name, c := range map[string]struct {
		change func(*api.EnrolmentRequest)
		want   api.Code
	}{
		"session of nobody":    {func(r *api.EnrolmentRequest) { r.Session = b64(make([]byte, 32)) }, api.SessionExpired},
		"session with padding": {func(r *api.EnrolmentRequest) { r.Session += "=" }, api.NotCanonical},
		"short salt":           {func(r *api.EnrolmentRequest) { r.Salt = b64(make([]byte, 31)) }, api.NotCanonical},
		"key with leading 0":   {func(r *api.EnrolmentRequest) { r.PublicKey[0] = "0" + r.PublicKey[0] }, api.NotCanonical},
		"key above the field": {func(r *api.EnrolmentRequest) {
			r.PublicKey[0] = "21888242871839275222246405745257275088548364400416034343698204186575808495617"
		}, api.NotCanonical},
		"key off the curve": {func(r *api.EnrolmentRequest) { r.PublicKey[0] = "5" }, api.CommitmentInvalid},
		"key zero":          {func(r *api.EnrolmentRequest) { r.PublicKey = [2]string{"0", "0"} }, api.CommitmentInvalid},
		"neutral point":     {func(r *api.EnrolmentRequest) { r.PublicKey = [2]string{"0", "1"} }, api.CommitmentInvalid},
		"point of order 2":  {func(r *api.EnrolmentRequest) { r.PublicKey = [2]string{"0", minusOne} }, api.CommitmentInvalid},
		"no secret": {func(r *api.EnrolmentRequest) {
			*r = w.Request(t, s, &testkit.Person{ID: semaphore.IdentityFromKey(nil), Face: alice.Face})
		}, api.CommitmentInvalid},
		"key of another":     {func(r *api.EnrolmentRequest) { r.PublicKey = w.Request(t, s, bob).PublicKey }, api.PossessionInvalid},
		"signature of zeros": {func(r *api.EnrolmentRequest) { r.Signature = b64(make([]byte, 64)) }, api.PossessionInvalid},
		"signature of another session": {func(r *api.EnrolmentRequest) {
			r.Signature = w.Start(t, i, alice).Signature
		}, api.PossessionInvalid},
		"capture of another session": {func(r *api.EnrolmentRequest) { r.Envelope = w.Start(t, i, alice).Envelope }, api.CaptureReplayed},
		"capture for another key":    {func(r *api.EnrolmentRequest) { r.Envelope = w.Request(t, s, bob).Envelope }, api.CaptureUntrusted},
		"capture by a stranger":      {func(r *api.EnrolmentRequest) { r.Envelope = b64(other.Envelope(t, other.Device, nonce, alice)) }, api.CaptureUntrusted},
		"capture to another operator": {func(r *api.EnrolmentRequest) {
			mixed := *w
			mixed.Operator = other.Operator
			r.Envelope = b64(mixed.Envelope(t, w.Device, nonce, alice))
		}, api.CaptureUntrusted},
		"capture without a face": {func(r *api.EnrolmentRequest) {
			r.Envelope = b64(w.Envelope(t, w.Device, nonce, &testkit.Person{ID: alice.ID, Face: make([]byte, 128)}))
		}, api.QualityTooLow},
		"consent to another text": {func(r *api.EnrolmentRequest) {
			mixed := *w
			mixed.Consent = [32]byte{1}
			r.Envelope = b64(mixed.Envelope(t, w.Device, nonce, alice))
		}, api.CaptureUntrusted},
		"capture cut short": {func(r *api.EnrolmentRequest) { r.Envelope = r.Envelope[:400] }, api.MalformedRequest},
		"capture changed": {func(r *api.EnrolmentRequest) {
			b, _ := scope.DecodeToken(r.Envelope)
			b[len(b)-1] ^= 1
			r.Envelope = b64(b)
		}, api.CaptureUntrusted},
	} {
		req := w.Request(t, s, alice)
		c.change(&req)
		if _, err := i.Enrol(t.Context(), req); code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := i.Enrol(t.Context(), w.Request(t, s, alice)); err != nil {
		t.Errorf("the good request: %v", err)
	}
}

const minusOne = "21888242871839275222246405745257275088548364400416034343698204186575808495616"

func TestSessionsEndAndWorkOnce(t *testing.T) {
	w, i := start(t)
	late := w.Start(t, i, testkit.NewPerson(1))
	w.Clock.Move(10*time.Minute + time.Second)
	if _, err := i.Enrol(t.Context(), late); code(err) != api.SessionExpired {
		t.Errorf("after ten minutes: %v", err)
	}
	s, err := i.StartSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	req := w.Request(t, s, testkit.NewPerson(2))
	if _, err := i.Enrol(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Enrol(t.Context(), w.Request(t, s, testkit.NewPerson(3))); code(err) != api.SessionUsed {
		t.Errorf("a second person in one session: %v", err)
	}
	w.Clock.Move(time.Hour)
	if r, err := i.Enrol(t.Context(), req); err != nil || !r.Repeated {
		t.Errorf("the first answer, an hour later: %+v, %v", r, err)
	}
}

// Somebody who begins sessions and never ends one is in nobody's way: a session
// from before the flood and one from after it both work.
func TestSessionFlood(t *testing.T) {
	w, i := start(t)
	before := w.Start(t, i, testkit.NewPerson(1))
	seen := map[string]bool{}
	for range 20_000 {
		s, err := i.StartSession(t.Context())
		if err != nil {
			t.Fatalf("session %d: %v", len(seen), err)
		}
		seen[s.Nonce] = true
	}
	if len(seen) != 20_000 {
		t.Errorf("%d different nonces", len(seen))
	}
	for n, req := range []api.EnrolmentRequest{before, w.Start(t, i, testkit.NewPerson(2))} {
		if _, err := i.Enrol(t.Context(), req); err != nil {
			t.Errorf("person %d: %v", n+1, err)
		}
	}
}

// A nonce that was not made here, or whose end was put off, opens nothing.
func TestForgedSessions(t *testing.T) {
	w, i := start(t)
	good := w.Start(t, i, testkit.NewPerson(1))
	raw, err := scope.DecodeToken(good.Session)
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		forged := append([]byte(nil), raw...)
		forged[n] ^= 1
		s := api.Session{Nonce: b64(forged), Issuer: i.Name()}
		if _, err := i.Enrol(t.Context(), w.Request(t, s, testkit.NewPerson(1))); code(err) != api.SessionExpired {
			t.Errorf("byte %d changed: %v", n, err)
		}
	}
	// The same operator secret under another name makes other sessions.
	other := testkit.NewNamedWorld(t, 1, "issuer.test/others")
	c := other.Config(openStore(t, filepath.Join(t.TempDir(), "issuer.db")), other.Matcher())
	c.Name = "issuer.test/others"
	j, err := issuer.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := j.StartSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Enrol(t.Context(), w.Request(t, api.Session{Nonce: s.Nonce, Issuer: i.Name()}, testkit.NewPerson(1))); code(err) != api.SessionExpired {
		t.Errorf("a session of another issuer: %v", err)
	}
}

// A refusal because the person is known is recorded, uses the session up, and
// counts against the device; counters of a device only rise.
func TestKnownPersonAndDevice(t *testing.T) {
	w := testkit.NewWorld(t, 1)
	store := openStore(t, filepath.Join(t.TempDir(), "issuer.db"))
	i := open(t, w, store)
	older := w.Start(t, i, testkit.NewPerson(7)) // its capture comes before the next ones
	if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(1))); err != nil {
		t.Fatal(err)
	}
	double := w.Start(t, i, testkit.NewPerson(1).Again(2))
	for range 2 {
		if _, err := i.Enrol(t.Context(), double); code(err) != api.AlreadyEnrolled {
			t.Errorf("%v", err)
		}
	}
	if _, err := i.Enrol(t.Context(), older); code(err) != api.CaptureReplayed {
		t.Errorf("a capture from before: %v", err)
	}
	d, err := store.Device(t.Context(), w.Device.ID())
	if err != nil || d.Admitted != 1 || d.Refused != 1 || d.Counter != 3 {
		t.Errorf("%+v, %v", d, err)
	}
}

// The answer to an unattended device does not tell that a person is enrolled.
func TestNeutralRefusal(t *testing.T) {
	w, i := start(t, func(c *issuer.Config) { c.Unattended = map[string]bool{capture.ClassVirtual: true} })
	if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(1))); err != nil {
		t.Fatal(err)
	}
	req := w.Start(t, i, testkit.NewPerson(1).Again(2))
	for range 2 {
		r, err := i.Enrol(t.Context(), req)
		if code(err) != api.NotAccepted || r.Enrolment.Code == api.AlreadyEnrolled {
			t.Errorf("%+v, %v", r, err)
		}
	}
	if !i.Info().Unattended {
		t.Error("the metadata do not say so")
	}
}

// T12: of many concurrent intakes of one person under many secrets, and of one
// secret with many faces, exactly one passes each time.
func TestT12Races(t *testing.T) {
	const rounds, racers = 6, 8
	w, i := start(t)
	for round := range uint64(rounds) {
		for _, kind := range []string{"one person", "one commitment"} {
			base := testkit.NewPerson(1000*round + uint64(len(kind)))
			reqs := make([]api.EnrolmentRequest, racers)
			for n := range reqs {
				p := base.Again(10_000 + 100*round + uint64(n))
				if kind == "one commitment" {
					p = &testkit.Person{ID: base.ID, Face: testkit.NewPerson(50_000 + 100*round + uint64(n)).Face}
				}
				// A device each, so that no counter stands in the way.
				s, err := i.StartSession(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				reqs[n] = w.RequestBy(t, w.NewDevice(t), s, p)
			}
			codes := race(t, i, reqs)
			want := map[string]api.Code{"one person": api.AlreadyEnrolled, "one commitment": api.CommitmentExists}[kind]
			if codes[""] != 1 || codes[want] != racers-1 {
				t.Errorf("%s, round %d: %v", kind, round, codes)
			}
		}
	}
	if done, err := i.Anchor(t.Context()); err != nil || done.Changes != 2*rounds {
		t.Errorf("%+v, %v", done, err)
	}
}

// T12: and of many copies of one request, all get one receipt.
func TestT12OneRequest(t *testing.T) {
	w, i := start(t)
	for n := range uint64(20) {
		oneRequest(t, w, i, testkit.NewPerson(1+n))
	}
}

func oneRequest(t *testing.T, w *testkit.World, i *issuer.Issuer, p *testkit.Person) {
	t.Helper()
	req := w.Start(t, i, p)
	var mu sync.Mutex
	receipts := map[string]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := i.Enrol(t.Context(), req)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			receipts[r.Enrolment.Receipt]++
		})
	}
	wg.Wait()
	if len(receipts) != 1 {
		t.Errorf("%d different receipts", len(receipts))
	}
}

func race(t *testing.T, i *issuer.Issuer, reqs []api.EnrolmentRequest) map[api.Code]int {
	t.Helper()
	var mu sync.Mutex
	codes := map[api.Code]int{}
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for _, req := range reqs {
		wg.Go(func() {
			<-begin
			_, err := i.Enrol(t.Context(), req)
			mu.Lock()
			defer mu.Unlock()
			codes[code(err)]++
		})
	}
	close(begin)
	wg.Wait()
	return codes
}

// T12's broken control: deciding before the transaction instead of inside it
// lets several racers in, so the race above is real.
func TestT12BrokenControl(t *testing.T) {
	w := testkit.NewWorld(t, 1)
	m := w.Matcher()
	const racers = 8
	var decided, done sync.WaitGroup
	var in atomic.Int64
	decided.Add(racers)
	for n := range uint64(racers) {
		env, err := capture.Parse(w.Envelope(t, w.Device, [32]byte{byte(n)}, testkit.NewPerson(1).Again(n)))
		if err != nil {
			t.Fatal(err)
		}
		probe, err := m.Prepare(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		done.Go(func() {
			known, err := m.Match(probe) // outside of any transaction
			decided.Done()
			decided.Wait()
			if err == nil && !known {
				in.Add(1)
			}
		})
	}
	done.Wait()
	if in.Load() < 2 {
		t.Errorf("the control let %d in; it should let in several", in.Load())
	}
}

// A population goes in by one transaction and one anchor, through the same
// checks.
func TestEnrolMany(t *testing.T) {
	w, i := start(t)
	const crowd = 60
	var reqs []api.EnrolmentRequest
	for n := range uint64(crowd) {
		reqs = append(reqs, w.Start(t, i, testkit.NewPerson(n+1)))
	}
	reqs = append(reqs, w.Start(t, i, testkit.NewPerson(5).Again(900))) // somebody of the same batch again
	bad := w.Start(t, i, testkit.NewPerson(901))
	bad.Signature = reqs[0].Signature
	reqs = append(reqs, bad)
	results, err := i.EnrolMany(t.Context(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	for n, r := range results {
		want := api.Code("")
		switch n {
		case crowd:
			want = api.AlreadyEnrolled
		case crowd + 1:
			want = api.PossessionInvalid
		}
		if code(r.Err) != want {
			t.Errorf("%d: %v", n, r.Err)
		}
	}
	if h := head(t, w, i); h.Seq != 2 || h.Live != crowd || h.LogSize() != crowd+1 {
		t.Errorf("%+v", h)
	}
	again, err := i.EnrolMany(t.Context(), reqs[:3])
	if err != nil || !again[0].Repeated || again[2].Enrolment.Receipt != results[2].Enrolment.Receipt {
		t.Errorf("%+v, %v", again, err)
	}
}

// The receipt opens with the wallet's salt and the capture's body, and with
// nothing else.
func TestReceipts(t *testing.T) {
	w, i := start(t)
	alice := testkit.NewPerson(1)
	req := w.Start(t, i, alice)
	res, err := i.Enrol(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	signed, _ := scope.DecodeToken(res.Enrolment.Receipt)
	v, _ := setlog.ParseVKey(w.VKey)
	r, err := issuer.VerifyReceipt(signed, v)
	if err != nil || r.Commitment != alice.ID.Commitment() || r.Issuer != testkit.Name || r.Received != uint64(w.Clock.Now().Unix()) || b64(r.Session[:]) != req.Session {
		t.Fatalf("%+v, %v", r, err)
	}
	if unchecked, err := issuer.ParseReceipt(signed); err != nil || unchecked != r {
		t.Errorf("%+v, %v", unchecked, err)
	}
	raw, _ := scope.DecodeToken(req.Envelope)
	env, err := capture.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := env.Body()
	salt, err := scope.Salt(alice.ID.Key(), r.Session)
	if err != nil {
		t.Fatal(err)
	}
	if err := issuer.OpenReceipt(r, salt, body); err != nil {
		t.Error(err)
	}
	wrong := salt
	wrong[0] ^= 1
	if err := issuer.OpenReceipt(r, wrong, body); !errors.Is(err, issuer.ErrOpening) {
		t.Errorf("wrong salt: %v", err)
	}
	body[len(body)-1] ^= 1
	if err := issuer.OpenReceipt(r, salt, body); !errors.Is(err, issuer.ErrOpening) {
		t.Errorf("wrong body: %v", err)
	}
	if err := issuer.OpenReceipt(issuer.Receipt{Biometric: r.Biometric, BodyHash: sha256.Sum256(nil)}, salt, nil); !errors.Is(err, issuer.ErrOpening) {
		t.Errorf("another body hash: %v", err)
	}
	for n := range signed {
		changed := append([]byte{}, signed...)
		changed[n] ^= 1
		if _, err := issuer.VerifyReceipt(changed, v); !errors.Is(err, issuer.ErrReceipt) {
			t.Fatalf("byte %d changed: %v", n, err)
		}
	}
	stranger, _ := setlog.ParseVKey(testkit.NewWorld(t, 9).VKey)
	if _, err := issuer.VerifyReceipt(signed, stranger); !errors.Is(err, issuer.ErrReceipt) {
		t.Errorf("another issuer's key: %v", err)
	}
}

// What lies at rest opens under the operator's key only, and the database holds
// no template and no salt in the clear.
func TestAtRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	w := testkit.NewWorld(t, 1)
	store := openStore(t, path)
	i := open(t, w, store)
	alice := testkit.NewPerson(1)
	req := w.Start(t, i, alice)
	if _, err := i.Enrol(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	salt, _ := scope.DecodeToken(req.Salt)
	envelope, _ := scope.DecodeToken(req.Envelope)
	hunt := func() {
		t.Helper()
		for name, secret := range map[string][]byte{
			"template": alice.Face[:24], "salt": salt[:17], "identity key": alice.ID.Key()[:17],
			"envelope body": envelope[len(envelope)/2 : len(envelope)/2+24],
			"operator key":  w.Operator.Text()[30:50], "signer key": []byte(w.Signer[len(w.Signer)-30:]),
		} {
			grep(t, filepath.Dir(path), name, secret)
		}
	}
	hunt() // in the WAL
	if _, err := i.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	hunt()
}

func TestConfigurations(t *testing.T) {
	w := testkit.NewWorld(t, 1)
	store := openStore(t, filepath.Join(t.TempDir(), "unused.db"))
	for name, change := range map[string]func(*issuer.Config){
		"no store":        func(c *issuer.Config) { c.Store = nil },
		"no clock":        func(c *issuer.Config) { c.Now = nil },
		"short operator":  func(c *issuer.Config) { c.Operator = make([]byte, 31) },
		"long session":    func(c *issuer.Config) { c.SessionTTL = 11 * time.Minute },
		"short window":    func(c *issuer.Config) { c.Anchor, c.Window = time.Hour, time.Minute },
		"other name":      func(c *issuer.Config) { c.Name = "issuer.test/x" },
		"no key":          func(c *issuer.Config) { c.Signer = "" },
		"depth":           func(c *issuer.Config) { c.Depth = 33 },
		"policy audience": func(c *issuer.Config) { c.Capture = &capture.Policy{Audience: "other"} },
	} {
		cfg := w.Config(store, w.Matcher())
		change(&cfg)
		if _, err := issuer.New(t.Context(), cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
