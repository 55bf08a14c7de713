package capture_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
)

// Whoever holds a virtual root can write any quality and any presentation attack
// detection into an envelope. A live issuer refuses the class itself, even where
// its operator has pinned the root by mistake.
func TestLiveIssuerRefusesVirtualDevices(t *testing.T) {
	root, device := edKey(1), edKey(9)
	c := newChain(t, edKey(1), edKey(2), device)
	pub, err := capture.PublicKeyOf(device)
	if err != nil {
		t.Fatal(err)
	}
	forge := func(class string) *capture.Envelope {
		cert := capture.Certificate{
			Role: capture.Device, Subject: pub, Name: "orb-1", Class: class, Firmware: sorted([32]byte{8}),
			NotBefore: uint64(now.Unix()) - 100, NotAfter: uint64(now.Unix()) + 100,
		}
		if err := cert.Sign(root); err != nil {
			t.Fatal(err)
		}
		c.env.Chain = []capture.Certificate{cert}
		c.sign(t)
		e := c.env
		return &e
	}
	pinned := capture.VirtualRoot(root.Public().(ed25519.PublicKey))
	live := capture.Production(issuerName, 3, pinned)
	if err := live.Verify(forge(capture.ClassVirtual), expected()); !errors.Is(err, capture.ErrUntrusted) || !strings.Contains(err.Error(), "virtual device") {
		t.Errorf("virtual class, all gates passed: %v", err)
	}
	// Another class under the same key is not what was pinned.
	if err := live.Verify(forge("orb"), expected()); !errors.Is(err, capture.ErrUntrusted) {
		t.Errorf("another class: %v", err)
	}
	// The class is all that is in the way.
	live.Virtual = true
	if err := live.Verify(forge(capture.ClassVirtual), expected()); err != nil {
		t.Errorf("the control: %v", err)
	}
}
