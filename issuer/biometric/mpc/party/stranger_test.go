package party_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// Nobody but the issuer and the party before gets in, and only with the group file
// that the party has.
func TestStrangers(t *testing.T) {
	room := partytest.New(t, party.Face)
	for i := range 3 {
		room.Serve(t, i)
	}
	newFront(t, room).connect()
	address := room.Group.Parties[0].Address
	keyOf := func(i int) ed25519.PrivateKey {
		k, err := party.ReadKeys(room.Folder(i))
		if err != nil {
			t.Fatal(err)
		}
		return k.Link
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// who is let in may write, and is not hung up on before it has.
	letIn := func(key ed25519.PrivateKey, peer wire.Pin) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		tcp, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c, err := wire.Client(ctx, tcp, key, peer)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(500 * time.Millisecond))
		// A client of TLS 1.3 learns that it was refused when it reads.
		if _, err = c.Read(make([]byte, 1)); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			return nil
		}
		return err
	}
	mine := wire.PinOf(keyOf(0))
	for name, c := range map[string]struct {
		key  ed25519.PrivateKey
		peer wire.Pin
		in   bool
	}{
		"the issuer":                     {room.Front, mine, true},
		"the party before":               {keyOf(2), mine, true},
		"the party after":                {keyOf(1), mine, false},
		"the party itself":               {keyOf(0), mine, false},
		"a stranger":                     {stranger, mine, false},
		"the issuer, asking for party 1": {room.Front, wire.PinOf(keyOf(1)), false},
	} {
		if err := letIn(c.key, c.peer); (err == nil) != c.in {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another version of the protocol, and TLS of an earlier one.
	for name, config := range map[string]*tls.Config{
		"another protocol": {MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{"perhuman-mpc/99"}}, // #nosec G402 -- whoever it is
		"TLS 1.2":          {MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true},            // #nosec G402 -- refused
	} {
		if c, err := tls.Dial("tcp", address, config); err == nil {
			_ = c.Close()
			t.Errorf("%s: let in", name)
		}
	}
	if _, err := party.NewClient(room.Group, 0, stranger); !errors.Is(err, party.ErrGroup) {
		t.Errorf("a client with a key that is not the group's: %v", err)
	}
	// The issuer has a file in which another device is believed.
	other := &partytest.Room{Group: room.Group, Front: room.Front}
	other.Group.Roots = append([]string{"lab=" + room.Group.Roots[0][len("virtual="):]}, room.Group.Roots...)
	if _, err := other.Client(t, 0).Status(t.Context()); !errors.Is(err, party.ErrGroup) {
		t.Errorf("another group file: %v", err)
	}
	// Where party 1 should be is party 0.
	other = &partytest.Room{Group: room.Group, Front: room.Front}
	other.Group.Parties[1].Address = address
	if _, err := other.Client(t, 1).Status(t.Context()); !errors.Is(err, party.ErrUnavailable) {
		t.Errorf("party 0 in place of party 1: %v", err)
	}
}

func isTimeout(err error) bool {
	var late net.Error
	return errors.As(err, &late) && late.Timeout()
}

// An issuer that opens session after session, as it does while a party is down, is
// not kept out.
func TestManySessions(t *testing.T) {
	room, gates := partytest.Gated(t, party.Face, partytest.Issuer, nil)
	for i := range 3 {
		room.Serve(t, i)
	}
	f := newFront(t, room)
	for range 12 {
		f.connect()
	}
	// Nobody gets through to party 1: party 2 comes to party 0, which has given up.
	gates[1].Arm(0, nil)
	gates[1].Shut()
	for n := range byte(12) {
		id := [16]byte{1, n}
		if _, err := f.clients[0].Connect(t.Context(), id); !errors.Is(err, party.ErrUnavailable) {
			t.Errorf("with a party cut off: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, err := f.clients[2].Connect(ctx, id); err == nil {
			t.Error("a session of two")
		}
		cancel()
	}
	gates[1].Open()
	f.connect()
}
