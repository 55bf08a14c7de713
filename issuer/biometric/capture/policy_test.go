package capture_test

import (
	"crypto"
	"crypto/elliptic"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
)

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

// A memory that is full begins anew, and keeps nothing that was refused.
func TestKnown(t *testing.T) {
	known := capture.NewKnown(2)
	for n := range byte(5) {
		c := newChain(t, edKey(1), edKey(2), edKey(10+n))
		p := c.policy(t)
		p.Known = known
		for range 2 {
			if err := p.Verify(&c.env, expected()); err != nil {
				t.Fatal(err)
			}
		}
		c.env.Chain[0].Signature[5] ^= 1
		for range 2 {
			if err := p.Verify(&c.env, expected()); !errors.Is(err, capture.ErrUntrusted) {
				t.Fatal(err)
			}
		}
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
		{name: "another consent text", want: capture.ErrUntrusted, expect: func(x *capture.Expected) { x.Consents = [][32]byte{{3, 31: 1}, {4}} }},
		{name: "no consent", want: capture.ErrUntrusted, env: func(_ *testing.T, c *chain) { c.env.ConsentHash = [32]byte{} },
			expect: func(x *capture.Expected) { x.Consents = nil }},
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
			// The same where the honest chain is known already.
			p.Known = capture.NewKnown(8)
			honest, trusting := newChain(t, edKey(1), edKey(2), edKey(3)), *c.policy(t)
			trusting.Known = p.Known
			for range 2 {
				if err := trusting.Verify(&honest.env, expected()); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Verify(&c.env, x); !errors.Is(err, tc.want) {
				t.Fatalf("with known certificates: got %v, want %v", err, tc.want)
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
