package capture_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	mrand "math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
)

const issuerName = "issuer.example/people"

var now = time.Unix(1_790_000_000, 0)

func seeded(b byte) *mrand.ChaCha8 { return mrand.NewChaCha8([32]byte{b}) }

func edKey(b byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32)) }

func p256Key(t testing.TB, b byte) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// plainSeal stands where share.To stands in production: the envelope does not
// look inside a sealed share, and a fixed one keeps the golden vectors fixed.
func plainSeal(_ string, _ [32]byte, _ string, party, eye uint8, _ [32]byte, payload []byte) ([]byte, [32]byte, error) {
	return append([]byte{party, eye}, payload...), sha256.Sum256(payload), nil
}

func irisRequest() capture.CaptureRequest {
	return capture.CaptureRequest{
		Audience: issuerName, Nonce: [32]byte{1}, Now: now, Operator: "op-7", Region: "DE-BE",
		Modality: capture.Iris, Template: capture.Template{Algorithm: capture.AlgIris200, Version: 1},
		Payloads: [][][]byte{{[]byte("left"), []byte("right")}}, Seal: plainSeal,
		Quality:            capture.Quality{MaskLeft: 9000, MaskRight: 9100, Sharpness: 800, Occlusion: 100, Gaze: 50},
		IdentityCommitment: [32]byte{2}, ConsentHash: [32]byte{3},
	}
}

func expected() capture.Expected {
	return capture.Expected{Nonce: [32]byte{1}, IdentityCommitment: [32]byte{2}, Consents: [][32]byte{{4}, {3}}, Now: now.Add(5 * time.Second)}
}

func virtualRoot() capture.Root {
	return capture.VirtualRoot(edKey(1).Public().(ed25519.PublicKey))
}

func virtualDevice(t testing.TB) *capture.VirtualDevice {
	t.Helper()
	d, err := capture.NewVirtualDevice(seeded(1), edKey(1), now)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestVirtualDevice(t *testing.T) {
	d := virtualDevice(t)
	raw, err := d.Capture(irisRequest())
	if err != nil {
		t.Fatal(err)
	}
	e, err := capture.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := capture.Virtual(issuerName, virtualRoot()).Verify(e, expected()); err != nil {
		t.Fatal(err)
	}
	back, err := e.MarshalBinary()
	if err != nil || !bytes.Equal(back, raw) {
		t.Fatalf("not canonical: %v", err)
	}
	body, err := e.Body()
	if err != nil || e.BodyHash() != sha256.Sum256(body) {
		t.Fatalf("body hash: %v", err)
	}
	if e.DeviceID != d.ID() || e.Counter != 1 || string(e.Shares[0][1].Sealed) != "\x00\x01right" {
		t.Fatalf("fields: %+v", e)
	}
	// An issuer with the production policy does not know the virtual root, and
	// would refuse the device even if it did: no PAD.
	if err := capture.Production(issuerName, 1).Verify(e, expected()); !errors.Is(err, capture.ErrUntrusted) {
		t.Fatalf("production without the root: %v", err)
	}
	if err := capture.Production(issuerName, 1, virtualRoot()).Verify(e, expected()); !errors.Is(err, capture.ErrUntrusted) {
		t.Fatalf("production with the root: %v", err)
	}
	if err := new(capture.Policy).Verify(e, expected()); !errors.Is(err, capture.ErrUntrusted) {
		t.Fatalf("zero policy: %v", err)
	}
}

func sealedBefore() [][]capture.Share {
	return [][]capture.Share{{{Commitment: [32]byte{4}, Sealed: []byte("left")}, {Commitment: [32]byte{5}, Sealed: []byte("right")}}}
}

// Shares that somebody else sealed stand in the envelope as they came, under the
// device's signature.
func TestVirtualDeviceSignsWhatIsSealed(t *testing.T) {
	d, q := virtualDevice(t), irisRequest()
	q.Sealed, q.Seal, q.Payloads = sealedBefore(), nil, nil
	raw, err := d.Capture(q)
	if err != nil {
		t.Fatal(err)
	}
	e, err := capture.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := capture.Virtual(issuerName, virtualRoot()).Verify(e, expected()); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(e.Shares, sealedBefore()) {
		t.Fatalf("shares %v", e.Shares)
	}
	for name, change := range map[string]func(*capture.Share){
		"sealed":     func(s *capture.Share) { s.Sealed = []byte("Right") },
		"commitment": func(s *capture.Share) { s.Commitment[0]++ },
	} {
		e.Shares = sealedBefore()
		change(&e.Shares[0][1])
		if err := capture.Virtual(issuerName, virtualRoot()).Verify(e, expected()); !errors.Is(err, capture.ErrUntrusted) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestVirtualDeviceConcurrent(t *testing.T) {
	d := virtualDevice(t)
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				raw, err := d.Capture(irisRequest())
				if err != nil {
					t.Error(err)
					return
				}
				e, err := capture.Parse(raw)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[e.Counter] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 80 || !seen[1] || !seen[80] {
		t.Fatalf("%d counters", len(seen))
	}
}

func TestVirtualDeviceRefusesNonsense(t *testing.T) {
	d := virtualDevice(t)
	for name, change := range map[string]func(*capture.CaptureRequest){
		"no seal":        func(q *capture.CaptureRequest) { q.Seal = nil },
		"no time":        func(q *capture.CaptureRequest) { q.Now = time.Time{} },
		"no audience":    func(q *capture.CaptureRequest) { q.Audience = "" },
		"space":          func(q *capture.CaptureRequest) { q.Audience = "a b" },
		"modality":       func(q *capture.CaptureRequest) { q.Modality = "gait" },
		"one eye":        func(q *capture.CaptureRequest) { q.Payloads = [][][]byte{{[]byte("left")}} },
		"no payload":     func(q *capture.CaptureRequest) { q.Payloads = nil },
		"four parties":   func(q *capture.CaptureRequest) { p := q.Payloads[0]; q.Payloads = [][][]byte{p, p, p, p} },
		"quality":        func(q *capture.CaptureRequest) { q.Quality.Gaze = 1001 },
		"too long share": func(q *capture.CaptureRequest) { q.Payloads[0][0] = make([]byte, 73<<10) },
		"both kinds":     func(q *capture.CaptureRequest) { q.Sealed = sealedBefore() },
		"payloads too":   func(q *capture.CaptureRequest) { q.Sealed, q.Seal = sealedBefore(), nil },
		"sealed, one eye": func(q *capture.CaptureRequest) {
			q.Sealed, q.Seal, q.Payloads = [][]capture.Share{sealedBefore()[0][:1]}, nil, nil
		},
		"sealed, nobody": func(q *capture.CaptureRequest) { q.Sealed, q.Seal, q.Payloads = [][]capture.Share{}, nil, nil },
	} {
		q := irisRequest()
		change(&q)
		if _, err := d.Capture(q); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := capture.NewVirtualDevice(bytes.NewReader(nil), edKey(1), now); err == nil {
		t.Error("a device without randomness")
	}
	if _, err := capture.NewVirtualDevice(seeded(1), nil, now); err == nil {
		t.Error("a device without a root")
	}
}

func TestConsentHash(t *testing.T) {
	a, err := capture.ConsentHash("en", "We keep ...")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := capture.ConsentHash("de", "We keep ...")
	c, _ := capture.ConsentHash("en", "We keep ... ")
	if a == b || a == c {
		t.Fatal("language or text does not count")
	}
	for _, bad := range [][2]string{{"", "x"}, {"en", ""}, {"en", "\xff"}, {"e n", "x"}, {"en", string(make([]byte, capture.MaxConsent+1))}} {
		if _, err := capture.ConsentHash(bad[0], bad[1]); !errors.Is(err, capture.ErrMalformed) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}
