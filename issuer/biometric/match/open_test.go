package match_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	mrand "math/rand/v2"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

func operatorKey(t testing.TB) *share.PrivateKey {
	t.Helper()
	key, err := share.GenerateKey(mrand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// From a device to the matcher: fill, seal, sign, parse, verify, open.
func TestOpenEnvelope(t *testing.T) {
	key, now := operatorKey(t), time.Unix(1_790_000_000, 0)
	root := ed25519.NewKeyFromSeed(make([]byte, 32))
	device, err := capture.NewVirtualDevice(rand.Reader, root, now)
	if err != nil {
		t.Fatal(err)
	}
	policy := capture.Virtual("issuer.example/people", capture.VirtualRoot(root.Public().(ed25519.PublicKey)))
	crowd := synth.New(38)
	envelope := func(tmpl match.Template, change func(*capture.CaptureRequest)) *capture.Envelope {
		q := capture.CaptureRequest{
			Audience: "issuer.example/people", Nonce: [32]byte{1}, Now: now, Seal: share.To(rand.Reader, key.Public()),
			Quality:            capture.Quality{Sharpness: 900, Occlusion: 100},
			IdentityCommitment: [32]byte{2}, ConsentHash: [32]byte{3},
		}
		if err := tmpl.Fill(&q); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&q)
		}
		raw, err := device.Capture(q)
		if err != nil {
			t.Fatal(err)
		}
		e, err := capture.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := policy.Verify(e, capture.Expected{Nonce: q.Nonce, IdentityCommitment: q.IdentityCommitment, Consents: [][32]byte{q.ConsentHash}, Now: now}); err != nil {
			t.Fatal(err)
		}
		return e
	}
	m := match.New()
	for i, tmpl := range []match.Template{irisOf(crowd, 1, 0), faceOf(crowd, 1, 0)} {
		e := envelope(tmpl, nil)
		got, err := match.Open(key, e)
		if err != nil || got.Modality() != tmpl.Modality() || got.Algorithm() != e.Template {
			t.Fatal(err)
		}
		if err := m.Add(serial(i), got); err != nil {
			t.Fatal(err)
		}
		mustMatch(t, m, tmpl, serial(i))
		// The issuer cannot move the template to another leaf, eye or device.
		for name, change := range map[string]func(e *capture.Envelope){
			"another leaf":   func(e *capture.Envelope) { e.IdentityCommitment[0] ^= 1 },
			"another nonce":  func(e *capture.Envelope) { e.Nonce[0] ^= 1 },
			"another device": func(e *capture.Envelope) { e.DeviceID += "0" },
			"two parties":    func(e *capture.Envelope) { e.Shares = append(e.Shares, e.Shares[0]) },
			"no parties":     func(e *capture.Envelope) { e.Shares = nil },
			"other algorithm": func(e *capture.Envelope) {
				e.Template.Version++
			},
		} {
			bad := *e
			change(&bad)
			if _, err := match.Open(key, &bad); err == nil {
				t.Errorf("%s: opens", name)
			}
		}
		if tmpl.Modality() == capture.Iris {
			bad := *e
			bad.Shares = [][]capture.Share{{e.Shares[0][1], e.Shares[0][0]}}
			if _, err := match.Open(key, &bad); !errors.Is(err, share.ErrOpen) {
				t.Errorf("eyes swapped: %v", err)
			}
		}
	}
	// A device that lies about what it sealed.
	zero, err := iris.FromFlat(200, make([]byte, 1600), make([]byte, 1600))
	if err != nil {
		t.Fatal(err)
	}
	lie := func(q *capture.CaptureRequest) { q.Quality.MaskLeft, q.Quality.MaskRight = 12800, 12800 }
	if _, err := match.Open(key, envelope(match.FromIris(iris.Pair{Left: zero, Right: zero}), lie)); !errors.Is(err, match.ErrQuality) {
		t.Errorf("zero masks under good numbers: %v", err)
	}
	wrong := func(q *capture.CaptureRequest) {
		vector := faceOf(crowd, 1, 0)
		parts, _ := vector.Parts()
		q.Payloads = [][][]byte{{parts[0], parts[0]}}
	}
	if _, err := match.Open(key, envelope(irisOf(crowd, 1, 0), wrong)); !errors.Is(err, match.ErrFormat) {
		t.Errorf("faces for eyes: %v", err)
	}
	other, err := share.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := match.Open(other, envelope(irisOf(crowd, 1, 0), nil)); !errors.Is(err, share.ErrOpen) {
		t.Errorf("another operator: %v", err)
	}
}
