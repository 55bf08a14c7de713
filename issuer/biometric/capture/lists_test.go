package capture_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
)

// What the lists say is demanded from the moment they are set; a list that
// cannot be read changes nothing.
func TestLists(t *testing.T) {
	c := newChain(t, edKey(1), edKey(2), edKey(3))
	p := c.policy(t)
	p.Lists = &capture.Lists{}
	verify := func() error { return p.Verify(&c.env, expected()) }
	set := func(revoked, firmware string) {
		t.Helper()
		var fw []byte
		if firmware != "" {
			fw = []byte(firmware)
		}
		if err := p.Lists.Set([]byte(revoked), fw); err != nil {
			t.Fatal(err)
		}
	}
	if err := verify(); err != nil {
		t.Error("no lists yet:", err)
	}
	set("# nobody\n\n", "")
	if err := verify(); err != nil {
		t.Error(err)
	}
	key := func(n int) string {
		id := c.env.Chain[n].Issuer.ID()
		return hex.EncodeToString(id[:])
	}
	for _, list := range []string{"device orb-1\n", "key " + key(0) + "\n", "device x\nkey " + key(1)} {
		set(list, "")
		if err := verify(); !errors.Is(err, capture.ErrRevoked) {
			t.Errorf("%q: %v", list, err)
		}
	}
	if revoked, firmware := p.Lists.Len(); revoked != 2 || firmware != -1 {
		t.Error(revoked, firmware)
	}
	good, other := hex.EncodeToString(c.env.Firmware[:]), hex.EncodeToString(make([]byte, 32))
	set("", good+"\n"+other)
	if err := verify(); err != nil {
		t.Error(err)
	}
	set("", other)
	if err := verify(); !errors.Is(err, capture.ErrUntrusted) {
		t.Error("firmware:", err)
	}
	set("", "# none at all\n")
	if err := verify(); !errors.Is(err, capture.ErrUntrusted) {
		t.Error("an empty list allows none:", err)
	}
	set("device orb-1", "")
	for _, bad := range []string{"orb-1", "device", "device ", "key 00", "key " + other + "0", "keys " + other} {
		if err := p.Lists.Set([]byte(bad), nil); !errors.Is(err, capture.ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := p.Lists.Set(nil, []byte("zz")); !errors.Is(err, capture.ErrMalformed) {
		t.Error(err)
	}
	if err := verify(); !errors.Is(err, capture.ErrRevoked) {
		t.Error("a bad list took a good one's place:", err)
	}
}
