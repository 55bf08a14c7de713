// Package testkit is what the tests of the issuer's rooms share: a virtual
// capture device, people with secrets and faces, and an issuer to enrol with.
// Nothing in it replaces a part of the issuer: stores, matcher, captures and
// keys are the real ones.
package testkit

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	mrand "math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/plain"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Name is the issuer of every test.
const Name = "issuer.test/people"

// Clock is a clock that tests move.
type Clock struct{ ms atomic.Int64 }

// NewClock starts in the year 2025.
func NewClock() *Clock {
	c := &Clock{}
	c.ms.Store(1_760_000_000_000)
	return c
}

// Now is for issuer.Config.
func (c *Clock) Now() time.Time { return time.UnixMilli(c.ms.Load()) }

// Move moves the clock.
func (c *Clock) Move(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// World holds the keys around one issuer.
type World struct {
	Signer, VKey string
	Operator     *share.PrivateKey
	Device       *capture.VirtualDevice
	Policy       *capture.Policy
	Consent      [32]byte
	Clock        *Clock
	root         ed25519.PrivateKey
}

// NewWorld makes a world whose keys follow from seed, so that two processes can
// share it; captures still use fresh randomness.
func NewWorld(t testing.TB, seed byte) *World {
	t.Helper()
	return NewNamedWorld(t, seed, Name)
}

// NewNamedWorld is NewWorld for an issuer of another name.
func NewNamedWorld(t testing.TB, seed byte, name string) *World {
	t.Helper()
	r := mrand.NewChaCha8([32]byte{seed})
	w := &World{Clock: NewClock()}
	var err error
	if w.Signer, w.VKey, err = setlog.GenerateKey(r, name); err != nil {
		t.Fatal(err)
	}
	if w.Operator, err = share.GenerateKey(r); err != nil {
		t.Fatal(err)
	}
	rootSeed := make([]byte, ed25519.SeedSize)
	_, _ = r.Read(rootSeed)
	w.root = ed25519.NewKeyFromSeed(rootSeed)
	w.Policy = capture.Virtual(name, capture.VirtualRoot(w.root.Public().(ed25519.PublicKey)))
	if w.Consent, err = capture.ConsentHash("en", "We keep a template."); err != nil {
		t.Fatal(err)
	}
	w.Device = w.NewDevice(t)
	return w
}

// NewDevice makes another virtual device under the same root.
func (w *World) NewDevice(t testing.TB) *capture.VirtualDevice {
	t.Helper()
	d, err := capture.NewVirtualDevice(rand.Reader, w.root, w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Person is somebody with a secret and a face.
type Person struct {
	ID   *semaphore.Identity
	Face []byte // 128 int8 values
}

// NewPerson makes person n of a crowd whose faces are far apart.
func NewPerson(n uint64) *Person {
	r := mrand.New(mrand.NewPCG(n, 7)) // #nosec G404 -- repeatable chance for tests
	face := make([]byte, 128)
	for i := range face {
		face[i] = byte(int8(r.NormFloat64() * 23))
	}
	return &Person{ID: WithSecret(n), Face: face}
}

// WithSecret gives identity n.
func WithSecret(n uint64) *semaphore.Identity {
	var key [32]byte
	r := mrand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), 1})
	_, _ = r.Read(key[:])
	return semaphore.IdentityFromKey(key[:])
}

// Again is the same person with another secret, the face seen a little
// differently.
func (p *Person) Again(secret uint64) *Person {
	r := mrand.New(mrand.NewPCG(secret, 9)) // #nosec G404 -- repeatable chance for tests
	face := make([]byte, len(p.Face))
	for i, v := range p.Face {
		face[i] = byte(int8(v) + int8(r.IntN(3)-1))
	}
	return &Person{ID: WithSecret(secret), Face: face}
}

// Envelope captures p for a session by device d.
func (w *World) Envelope(t testing.TB, d *capture.VirtualDevice, nonce [32]byte, p *Person) []byte {
	t.Helper()
	b, err := d.Capture(capture.CaptureRequest{
		Audience: Name, Nonce: nonce, Now: w.Clock.Now(), Modality: capture.Face,
		Template: capture.Template{Algorithm: capture.AlgFace128, Version: 1},
		Payloads: [][][]byte{{p.Face}}, Seal: share.To(rand.Reader, w.Operator.Public()),
		Quality:            capture.Quality{Sharpness: 900},
		IdentityCommitment: p.ID.Commitment(), ConsentHash: w.Consent,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Request is what the person's wallet and the device answer to a session.
func (w *World) Request(t testing.TB, s api.Session, p *Person) api.EnrolmentRequest {
	t.Helper()
	return w.RequestBy(t, w.Device, s, p)
}

// RequestBy is Request with another device.
func (w *World) RequestBy(t testing.TB, d *capture.VirtualDevice, s api.Session, p *Person) api.EnrolmentRequest {
	t.Helper()
	raw, err := scope.DecodeToken(s.Nonce)
	if err != nil {
		t.Fatal(err)
	}
	nonce := [32]byte(raw)
	pub := p.ID.PublicKey()
	sig, err := p.ID.Sign(scope.EnrolMessage(nonce, s.Issuer, p.ID.Commitment())).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	salt, err := scope.Salt(p.ID.Key(), nonce)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return api.EnrolmentRequest{
		Session: s.Nonce, Envelope: b64(w.Envelope(t, d, nonce, p)),
		PublicKey: [2]string{pub.X.String(), pub.Y.String()}, Signature: b64(sig), Salt: b64(salt[:]),
	}
}

// Start begins a session and makes the person's request for it.
func (w *World) Start(t testing.TB, i *issuer.Issuer, p *Person) api.EnrolmentRequest {
	t.Helper()
	s, err := i.StartSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w.Request(t, s, p)
}

// Matcher makes the plain matcher over the operator's key.
func (w *World) Matcher() issuer.Matcher { return plain.New(w.Operator) }

// Config is an issuer's configuration over a store.
func (w *World) Config(store issuer.Store, m issuer.Matcher) issuer.Config {
	return issuer.Config{
		Name: Name, Signer: w.Signer, Store: store, Matcher: m, Capture: w.Policy,
		Operator: w.Operator.Text(), Consents: [][32]byte{{7}, w.Consent}, Anchor: time.Second,
		Now: w.Clock.Now, Rand: rand.Reader,
	}
}
