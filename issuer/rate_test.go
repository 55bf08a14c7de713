package issuer_test

import (
	"crypto/rand"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// attended is a request whose capture an operator attended.
func attended(t *testing.T, w *testkit.World, d *capture.VirtualDevice, i *issuer.Issuer, p *testkit.Person, operator string) api.EnrolmentRequest {
	t.Helper()
	req := w.Start(t, i, p)
	nonce, err := scope.DecodeToken(req.Session)
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Capture(capture.CaptureRequest{
		Audience: testkit.Name, Nonce: [32]byte(nonce), Now: w.Clock.Now(), Modality: capture.Face, Operator: operator,
		Template: capture.Template{Algorithm: capture.AlgFace128, Version: 1},
		Payloads: [][][]byte{{p.Face}}, Seal: share.To(rand.Reader, w.Operator.Public()), Quality: capture.Quality{Sharpness: 900},
		IdentityCommitment: p.ID.Commitment(), ConsentHash: w.Consent,
	})
	if err != nil {
		t.Fatal(err)
	}
	req.Envelope = b64(b)
	return req
}

// A device and an operator decide so many intakes in a period and no more; those
// of people who were known count, refusals of other kinds do not; a restart
// forgets nothing; and the refused request is good in the next period.
func TestRates(t *testing.T) {
	w := testkit.NewWorld(t, 1)
	path := filepath.Join(t.TempDir(), "issuer.db")
	limits := func(c *issuer.Config) {
		c.DeviceRate, c.OperatorRate = issuer.Rate{N: 3, Per: time.Minute}, issuer.Rate{N: 4, Per: 2 * time.Minute}
	}
	a, b := w.Device, w.NewDevice(t)
	person := uint64(0)
	enrol := func(i *issuer.Issuer, d *capture.VirtualDevice, operator string) error {
		t.Helper()
		person++
		_, err := i.Enrol(t.Context(), attended(t, w, d, i, testkit.NewPerson(person), operator))
		return err
	}
	limited := func(what string, err error, longest time.Duration) {
		t.Helper()
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.RateLimited || e.RetryAfter <= 0 || e.RetryAfter > longest {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.Clock.Move(time.Duration(240-w.Clock.Now().Unix()%240) * time.Second) // the begin of a period

	store := openStore(t, path)
	i := open(t, w, store, limits)
	for range 2 {
		if err := enrol(i, a, "anna"); err != nil {
			t.Fatal(err)
		}
	}
	bad := attended(t, w, a, i, testkit.NewPerson(77), "anna")
	bad.Salt = b64(make([]byte, 31))
	if _, err := i.Enrol(t.Context(), bad); code(err) != api.NotCanonical {
		t.Error(err)
	}
	if _, err := i.Enrol(t.Context(), attended(t, w, a, i, testkit.NewPerson(1).Again(500), "anna")); code(err) != api.AlreadyEnrolled {
		t.Error(err)
	}
	late := attended(t, w, a, i, testkit.NewPerson(78), "")
	_, err := i.Enrol(t.Context(), late)
	limited("the device's fourth", err, time.Minute)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	i = open(t, w, openStore(t, path), limits)
	limited("after a restart", enrol(i, a, "bert"), time.Minute)
	if err := enrol(i, b, "anna"); err != nil { // anna's fourth, and b's first
		t.Error(err)
	}
	limited("the operator's fifth", enrol(i, b, "anna"), 2*time.Minute)
	if err := enrol(i, b, ""); err != nil { // unattended: counts for no operator
		t.Error(err)
	}
	w.Clock.Move(time.Minute)
	if _, err := i.Enrol(t.Context(), late); err != nil {
		t.Error("the same request in the next period:", err)
	}
	limited("the operator's period is not over", enrol(i, a, "anna"), time.Minute)
	w.Clock.Move(-30 * time.Second)
	limited("a clock that runs backwards", enrol(i, a, "bert"), 90*time.Second)
	w.Clock.Move(90 * time.Second)
	if err := enrol(i, a, "anna"); err != nil {
		t.Error(err)
	}
	for _, r := range []issuer.Rate{{N: 1}, {Per: time.Second}, {N: -1, Per: time.Second}, {N: 1, Per: 1500 * time.Millisecond}} {
		cfg := w.Config(openStore(t, filepath.Join(t.TempDir(), "x.db")), w.Matcher())
		cfg.OperatorRate = r
		if _, err := issuer.New(t.Context(), cfg); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
}

// Rates are written as they are read, and in no other way.
func TestRateText(t *testing.T) {
	for text, want := range map[string]issuer.Rate{"": {}, "100/1h0m0s": {N: 100, Per: time.Hour}, "1/1s": {N: 1, Per: time.Second}} {
		var r issuer.Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r != want {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
		if b, err := r.MarshalText(); err != nil || string(b) != text {
			t.Errorf("%q: %q, %v", text, b, err)
		}
	}
	for _, text := range []string{"5", "5/", "/1h", "0/0s", "0/1h", "-1/1h", "5/1", "5/1500ms", "5/-1h", "x/1h", "5/1h/2"} {
		r := issuer.Rate{N: 7}
		if err := r.UnmarshalText([]byte(text)); err == nil || r != (issuer.Rate{}) {
			t.Errorf("%q: %+v", text, r)
		}
	}
}
