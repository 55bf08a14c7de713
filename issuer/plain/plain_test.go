package plain_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/issuer/plain"
	"github.com/perhuman/perhuman/issuer/sqlite"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// eyes makes an enrolment request by irises.
func eyes(t testing.TB, w *testkit.World, i *issuer.Issuer, id *semaphore.Identity, pair iris.Pair) api.EnrolmentRequest {
	t.Helper()
	s, err := i.StartSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := scope.DecodeToken(s.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	req := w.Request(t, s, &testkit.Person{ID: id, Face: testkit.NewPerson(1).Face})
	q := capture.CaptureRequest{
		Audience: testkit.Name, Nonce: [32]byte(raw), Now: w.Clock.Now(), Seal: share.To(rand.Reader, w.Operator.Public()),
		Quality: capture.Quality{Sharpness: 900}, IdentityCommitment: id.Commitment(), ConsentHash: w.Consent,
	}
	if err := match.FromIris(pair).Fill(&q); err != nil {
		t.Fatal(err)
	}
	envelope, err := w.Device.Capture(q)
	if err != nil {
		t.Fatal(err)
	}
	req.Envelope = base64.RawURLEncoding.EncodeToString(envelope)
	return req
}

// A crowd by irises, in one transaction: strangers get in; the same people
// again, mirrored, with eyes swapped, with one eye changed, do not; and not
// after a restart, when the gallery comes out of the sealed templates.
func TestIrises(t *testing.T) {
	const crowd = 12
	w := testkit.NewWorld(t, 1)
	people := synth.New(1)
	path := filepath.Join(t.TempDir(), "issuer.db")
	start := func() (*issuer.Issuer, *sqlite.Store, *plain.Matcher) {
		store, err := sqlite.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		m := plain.New(w.Operator)
		i, err := issuer.New(t.Context(), w.Config(store, m))
		if err != nil {
			t.Fatal(err)
		}
		return i, store, m
	}
	i, store, m := start()
	var reqs []api.EnrolmentRequest
	for n := range uint64(crowd) {
		reqs = append(reqs, eyes(t, w, i, testkit.WithSecret(n), people.Person(n).Sample(0)))
	}
	results, err := i.EnrolMany(t.Context(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	for n, r := range results {
		if r.Err != nil {
			t.Errorf("person %d: %v", n, r.Err)
		}
	}
	secret := uint64(1000)
	known := func(name string, pair iris.Pair, want api.Code) {
		t.Helper()
		secret++
		_, err := i.Enrol(t.Context(), eyes(t, w, i, testkit.WithSecret(secret), pair))
		if err == nil && want != "" || err != nil && api.CodeOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	again := people.Person(3).Sample(1)
	other := people.Person(4).Sample(2)
	stranger := people.Person(500).Sample(0)
	for range 2 { // the second time after a restart
		if m.Len() != crowd {
			t.Errorf("%d people known", m.Len())
		}
		known("the same person", again, api.AlreadyEnrolled)
		known("in a mirror", again.Mirror(), api.AlreadyEnrolled)
		known("one eye changed", iris.Pair{Left: again.Left, Right: stranger.Right}, api.AlreadyEnrolled)
		known("eyes of two people", iris.Pair{Left: again.Left, Right: other.Right}, api.AlreadyEnrolled)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		i, store, m = start()
	}
	known("a stranger", people.Person(501).Sample(0), "")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// A template of the wrong kind, or sealed to somebody else, has a name.
func TestPrepareRefusals(t *testing.T) {
	w := testkit.NewWorld(t, 1)
	other, err := share.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		face []byte
		key  *share.PrivateKey
		want error
	}{
		"other key": {testkit.NewPerson(1).Face, other, issuer.ErrUnreadable},
		"short":     {make([]byte, 127), w.Operator, issuer.ErrUnreadable},
		"no face":   {make([]byte, 128), w.Operator, issuer.ErrQuality},
	} {
		env, err := capture.Parse(w.Envelope(t, w.Device, [32]byte{1}, &testkit.Person{ID: testkit.WithSecret(1), Face: c.face}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plain.New(c.key).Prepare(t.Context(), env); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := plain.New(w.Operator)
	if err := m.Restore(issuer.Serial{1}, capture.Iris, nil); err == nil {
		t.Error("restored nothing as an iris")
	}
}

// The demonstration's first start: 300 synthetic people by their irises.
func BenchmarkCrowd300(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := testkit.NewWorld(b, 1)
		store, err := sqlite.Open(filepath.Join(b.TempDir(), "issuer.db"))
		if err != nil {
			b.Fatal(err)
		}
		i, err := issuer.New(b.Context(), w.Config(store, plain.New(w.Operator)))
		if err != nil {
			b.Fatal(err)
		}
		people := synth.New(1)
		var reqs []api.EnrolmentRequest
		made := time.Now()
		for n := range uint64(300) {
			reqs = append(reqs, eyes(b, w, i, testkit.WithSecret(n), people.Person(n).Sample(0)))
		}
		b.ReportMetric(float64(time.Since(made).Milliseconds()), "ms-to-make")
		b.StartTimer()
		if _, err := i.EnrolMany(b.Context(), reqs); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = store.Close()
		b.StartTimer()
	}
}
