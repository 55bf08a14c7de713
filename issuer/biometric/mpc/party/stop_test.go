package party_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// A party stops at once though the issuer has connections to it: one that was used
// and one that was not.
func TestStopsAtOnce(t *testing.T) {
	room := partytest.New(t, party.Face)
	p := room.Serve(t, 0)
	keys, err := party.ReadKeys(room.Folder(0))
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Dial("tcp", room.Group.Parties[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := wire.Client(t.Context(), tcp, room.Front, wire.PinOf(keys.Link))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := room.Client(t, 0).Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.Stop()
	// The server of net/http alone takes five seconds.
	if d := time.Since(began); d > 4*time.Second {
		t.Errorf("it took %v", d)
	} else {
		t.Logf("it took %v", d)
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := c.Read(make([]byte, 1)); err == nil || context.Cause(t.Context()) != nil {
		t.Errorf("the connection is not closed: %v", err)
	}
}
