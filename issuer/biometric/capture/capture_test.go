package capture_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"math/big"
	mrand "math/rand/v2"
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
	return capture.Expected{Nonce: [32]byte{1}, IdentityCommitment: [32]byte{2}, ConsentHash: [32]byte{3}, Now: now.Add(5 * time.Second)}
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
		"too long share": func(q *capture.CaptureRequest) { q.Payloads[0][0] = make([]byte, 49<<10) },
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

// chain is a production-like chain: root -> authority -> device.
type chain struct {
	root, authority, device crypto.Signer
	env                     capture.Envelope
}

func sorted(hashes ...[32]byte) [][32]byte { return hashes }

func newChain(t testing.TB, root, authority, device crypto.Signer) *chain {
	t.Helper()
	pub := func(s crypto.Signer) capture.PublicKey {
		k, err := capture.PublicKeyOf(s)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	c := &chain{root: root, authority: authority, device: device}
	a := capture.Certificate{
		Role: capture.Authority, Subject: pub(authority), Name: "maker", Class: "orb",
		NotBefore: uint64(now.Unix()) - 1000, NotAfter: uint64(now.Unix()) + 1000,
	}
	d := capture.Certificate{
		Role: capture.Device, Subject: pub(device), Name: "orb-1", Class: "orb",
		Firmware:  sorted([32]byte{7}, [32]byte{8}),
		NotBefore: uint64(now.Unix()) - 100, NotAfter: uint64(now.Unix()) + 100,
	}
	if err := errors.Join(a.Sign(root), d.Sign(authority)); err != nil {
		t.Fatal(err)
	}
	c.env = capture.Envelope{
		Audience: issuerName, Nonce: [32]byte{1}, CapturedAt: uint64(now.Unix()), DeviceID: "orb-1", Counter: 42,
		Chain: []capture.Certificate{d, a}, Firmware: [32]byte{8}, Attestation: []byte{0xff}, Operator: "op-7", Region: "DE-BE",
		Modality: capture.Iris, Template: capture.Template{Algorithm: capture.AlgIris200, Version: 1},
		Quality:            capture.Quality{MaskLeft: 9000, MaskRight: 9100, Sharpness: 800, Occlusion: 100, Gaze: 50},
		PAD:                capture.PAD{Algorithm: "nir-depth", Level: 2, Pass: true},
		IdentityCommitment: [32]byte{2}, ConsentHash: [32]byte{3}, Expires: uint64(now.Unix()) + 600,
	}
	for p := range 3 {
		row := make([]capture.Share, 2)
		for eye := range row {
			row[eye] = capture.Share{Commitment: [32]byte{byte(p), byte(eye)}, Sealed: []byte{1, byte(p), byte(eye)}}
		}
		c.env.Shares = append(c.env.Shares, row)
	}
	c.sign(t)
	return c
}

func (c *chain) sign(t testing.TB) {
	t.Helper()
	if err := c.env.Sign(c.device); err != nil {
		t.Fatal(err)
	}
}

func (c *chain) policy(t testing.TB) *capture.Policy {
	k, err := capture.PublicKeyOf(c.root)
	if err != nil {
		t.Fatal(err)
	}
	return capture.Production(issuerName, 3, capture.Root{Key: k, Class: "orb"})
}

func TestChainOfBothAlgorithms(t *testing.T) {
	ed := func(b byte) crypto.Signer { return edKey(b) }
	p := func(b byte) crypto.Signer { return p256Key(t, b) }
	for name, c := range map[string]*chain{
		"ed25519": newChain(t, ed(1), ed(2), ed(3)),
		"p256":    newChain(t, p(1), p(2), p(3)),
		"mixed":   newChain(t, ed(1), p(2), p(3)),
	} {
		raw, err := c.env.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		e, err := capture.Parse(raw)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := c.policy(t).Verify(e, expected()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The other s of a P-256 signature verifies in most libraries; here it must not.
func TestP256SignatureIsUnique(t *testing.T) {
	c := newChain(t, edKey(1), edKey(2), p256Key(t, 3))
	n := elliptic.P256().Params().N
	s := new(big.Int).SetBytes(c.env.Signature[32:])
	new(big.Int).Sub(n, s).FillBytes(c.env.Signature[32:])
	if err := c.policy(t).Verify(&c.env, expected()); !errors.Is(err, capture.ErrUntrusted) {
		t.Fatalf("high s: %v", err)
	}
}

// Every demand of the policy, one change each, refused with its own error.
func TestPolicyRefuses(t *testing.T) {
	stranger := edKey(99)
	type testCase struct {
		name   string
		want   error
		env    func(t *testing.T, c *chain) // then signed again by the device
		after  func(c *chain)               // after signing
		policy func(p *capture.Policy)
		expect func(x *capture.Expected)
	}
	recert := func(change func(*capture.Certificate), link int, by func(*chain) crypto.Signer) func(*testing.T, *chain) {
		return func(t *testing.T, c *chain) {
			change(&c.env.Chain[link])
			if err := c.env.Chain[link].Sign(by(c)); err != nil {
				t.Fatal(err)
			}
		}
	}
	byAuthority := func(c *chain) crypto.Signer { return c.authority }
	byRoot := func(c *chain) crypto.Signer { return c.root }
	cases := []testCase{
		{name: "root not pinned", want: capture.ErrUntrusted, policy: func(p *capture.Policy) { p.Roots = nil }},
		{name: "root pinned for another class", want: capture.ErrUntrusted, policy: func(p *capture.Policy) { p.Roots[0].Class = "phone" }},
		{name: "authority missing", want: capture.ErrUntrusted, env: func(_ *testing.T, c *chain) { c.env.Chain = c.env.Chain[:1] }},
		{name: "device certified by a stranger", want: capture.ErrUntrusted, env: recert(func(*capture.Certificate) {}, 0, func(*chain) crypto.Signer { return stranger })},
		{name: "authority certified by a stranger", want: capture.ErrUntrusted, env: recert(func(*capture.Certificate) {}, 1, func(*chain) crypto.Signer { return stranger })},
		{name: "a device as authority", want: capture.ErrUntrusted, env: recert(func(x *capture.Certificate) {
			x.Role, x.Firmware = capture.Device, sorted([32]byte{8})
		}, 1, byRoot)},
		{name: "an authority as device", want: capture.ErrUntrusted, env: recert(func(x *capture.Certificate) { x.Role = capture.Authority }, 0, byAuthority)},
		{name: "class changes on the way", want: capture.ErrUntrusted, env: recert(func(x *capture.Certificate) { x.Class = "phone" }, 0, byAuthority)},
		{name: "another device's name", want: capture.ErrUntrusted, env: func(_ *testing.T, c *chain) { c.env.DeviceID = "orb-2" }},
		{name: "firmware not certified", want: capture.ErrUntrusted, env: func(_ *testing.T, c *chain) { c.env.Firmware = [32]byte{9} }},
		{name: "authority limits firmware", want: capture.ErrUntrusted, env: recert(func(x *capture.Certificate) { x.Firmware = sorted([32]byte{7}) }, 1, byRoot)},
		{name: "firmware not allowed here", want: capture.ErrUntrusted, policy: func(p *capture.Policy) { p.Firmware = map[[32]byte]bool{{7}: true} }},
		{name: "device certificate over", want: capture.ErrUntrusted, expect: func(x *capture.Expected) { x.Now = now.Add(101 * time.Second) }},
		{name: "device certificate not yet", want: capture.ErrUntrusted, env: func(_ *testing.T, c *chain) { c.env.CapturedAt = uint64(now.Unix()) - 101 }},
		{name: "certificate altered", want: capture.ErrUntrusted, after: func(c *chain) { c.env.Chain[1].NotAfter++ }},
		{name: "body altered", want: capture.ErrUntrusted, after: func(c *chain) { c.env.Quality.MaskLeft++ }},
		{name: "share altered", want: capture.ErrUntrusted, after: func(c *chain) { c.env.Shares[2][1].Sealed[0] ^= 1 }},
		{name: "signature altered", want: capture.ErrUntrusted, after: func(c *chain) { c.env.Signature[63] ^= 1 }},
		{name: "device revoked", want: capture.ErrRevoked, policy: func(p *capture.Policy) { p.RevokedDevices = map[string]bool{"orb-1": true} }},
		{name: "authority revoked", want: capture.ErrRevoked, policy: func(p *capture.Policy) {
			k, _ := capture.PublicKeyOf(edKey(2))
			p.RevokedKeys = map[capture.KeyID]bool{k.ID(): true}
		}},
		{name: "root revoked", want: capture.ErrRevoked, policy: func(p *capture.Policy) {
			p.RevokedKeys = map[capture.KeyID]bool{p.Roots[0].Key.ID(): true}
		}},
		{name: "another issuer", want: capture.ErrUntrusted, policy: func(p *capture.Policy) { p.Audience = "other.example" }},
		{name: "another identity", want: capture.ErrUntrusted, expect: func(x *capture.Expected) { x.IdentityCommitment[31] ^= 1 }},
		{name: "another consent text", want: capture.ErrUntrusted, expect: func(x *capture.Expected) { x.ConsentHash[31] ^= 1 }},
		{name: "no consent", want: capture.ErrUntrusted, env: func(_ *testing.T, c *chain) { c.env.ConsentHash = [32]byte{} },
			expect: func(x *capture.Expected) { x.ConsentHash = [32]byte{} }},
		{name: "one party too few", want: capture.ErrUntrusted, env: func(_ *testing.T, c *chain) { c.env.Shares = c.env.Shares[:2] }},
		{name: "another session's nonce", want: capture.ErrReplayed, expect: func(x *capture.Expected) { x.Nonce[0] ^= 1 }},
		{name: "from the future", want: capture.ErrReplayed, env: func(_ *testing.T, c *chain) { c.env.CapturedAt += 36 }},
		{name: "too old", want: capture.ErrReplayed, policy: func(p *capture.Policy) { p.MaxAge = 4 * time.Second }},
		{name: "expired", want: capture.ErrReplayed, env: func(_ *testing.T, c *chain) { c.env.Expires = uint64(now.Unix()) + 4 }},
		{name: "lives too long", want: capture.ErrReplayed, env: func(_ *testing.T, c *chain) { c.env.Expires++ }},
		{name: "clock before 1970", want: capture.ErrUntrusted, expect: func(x *capture.Expected) { x.Now = time.Unix(-1, 0) }},
		{name: "modality not accepted", want: capture.ErrUntrusted, policy: func(p *capture.Policy) { delete(p.Accept, capture.Iris) }},
		{name: "template not accepted", want: capture.ErrUntrusted, env: func(_ *testing.T, c *chain) { c.env.Template.Version = 2 }},
		{name: "pad failed", want: capture.ErrUntrusted, env: func(_ *testing.T, c *chain) { c.env.PAD.Pass = false }},
		{name: "pad level", want: capture.ErrUntrusted, env: func(_ *testing.T, c *chain) { c.env.PAD.Level = 0 }},
		{name: "left mask", want: capture.ErrQuality, env: func(_ *testing.T, c *chain) { c.env.Quality.MaskLeft = 8199 }},
		{name: "right mask", want: capture.ErrQuality, env: func(_ *testing.T, c *chain) { c.env.Quality.MaskRight = 0 }},
		{name: "blurred", want: capture.ErrQuality, env: func(_ *testing.T, c *chain) { c.env.Quality.Sharpness = 299 }},
		{name: "occluded", want: capture.ErrQuality, env: func(_ *testing.T, c *chain) { c.env.Quality.Occlusion = 401 }},
		{name: "gaze", want: capture.ErrQuality, env: func(_ *testing.T, c *chain) { c.env.Quality.Gaze = 251 }},
		{name: "not an envelope", want: capture.ErrMalformed, after: func(c *chain) { c.env.Shares = nil }},
		{name: "mask at the gate", env: func(_ *testing.T, c *chain) { c.env.Quality.MaskLeft = 8200 }},
		{name: "skew allowed", env: func(_ *testing.T, c *chain) { c.env.CapturedAt += 35 }},
		{name: "unchanged"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := newChain(t, edKey(1), edKey(2), edKey(3))
			if tc.env != nil {
				tc.env(t, c)
				c.sign(t)
			}
			if tc.after != nil {
				tc.after(c)
			}
			p, x := c.policy(t), expected()
			if tc.policy != nil {
				tc.policy(p)
			}
			if tc.expect != nil {
				tc.expect(&x)
			}
			if err := p.Verify(&c.env, x); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestSignRefusesAnotherKey(t *testing.T) {
	c := newChain(t, edKey(1), edKey(2), edKey(3))
	if err := c.env.Sign(edKey(4)); err == nil {
		t.Fatal("signed with a key that is not the device's")
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
