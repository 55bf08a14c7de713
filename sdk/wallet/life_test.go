package wallet_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// The log tells a wallet what happens to its membership, each entry once, and
// nothing of other people's.
func TestEvents(t *testing.T) {
	w := newWorld(t, 300)
	out := w.wallet(nil)
	ctx := context.Background()
	if _, err := out.Events(ctx, 0); wallet.CodeOf(err) != wallet.NotSynced {
		t.Fatalf("before the log was read: %v", err)
	}
	sync := func() {
		t.Helper()
		if _, err := out.Sync(ctx); err != nil {
			t.Fatal(err)
		}
	}
	sync()
	first, err := out.Events(ctx, 0)
	if err != nil || len(first.List) != 1 || first.List[0].Op != setlog.OpEnrol || first.List[0].Record != 300 || first.From != 0 || first.Next != 301 {
		t.Fatalf("%+v, %v", first, err)
	}
	w.set.Reads()
	if again, err := out.Events(ctx, first.Next); err != nil || len(again.List) != 0 || len(w.set.Reads()) != 0 {
		t.Errorf("nothing is new, and something was read: %+v, %v", again, err)
	}
	// Somebody else's announcement and this person's, then the end of the leaf.
	is := w.set.Issuer()
	other := is.Group.Member(7)
	w.set.Announce(w.now, 7)
	w.set.Announce(w.now, 300)
	w.set.Anchor(w.now.Add(time.Second), nil, 300)
	w.now = w.now.Add(2 * time.Second)
	sync()
	more, err := out.Events(ctx, first.Next)
	if err != nil || len(more.List) != 2 || more.Next != 304 {
		t.Fatalf("%+v, %v", more, err)
	}
	if a := more.List[0]; a.Op != setlog.OpRekeyAnnounced || a.Record != 302 || a.LeafIndex != 300 {
		t.Errorf("%+v", a)
	}
	if more.List[1].Op != setlog.OpRemove {
		t.Errorf("%+v", more.List[1])
	}
	out.Watch(other)
	sync()
	if theirs, err := out.Events(ctx, first.Next); err != nil || len(theirs.List) != 1 || theirs.List[0].Record != 301 {
		t.Errorf("%+v, %v", theirs, err)
	}
	w.set.Bend = func(_ string, b []byte) []byte {
		b[len(b)-1] ^= 1
		return b
	}
	if _, err := out.Events(ctx, 0); wallet.CodeOf(err) != wallet.RootUnproven {
		t.Errorf("an entry that the log does not hold: %v", err)
	}
	w.set.Bend, w.set.Fail = nil, func(string) error { return errors.New("unplugged") }
	if _, err := out.Events(ctx, 0); wallet.CodeOf(err) != wallet.SourceUnavailable {
		t.Errorf("no connection: %v", err)
	}
}

// What is signed for one purpose is worth nothing for another.
func TestPurposes(t *testing.T) {
	key := []byte("thirty-two bytes of a test's key")
	id := semaphore.IdentityFromKey(key)
	c := id.Commitment()
	nonce := [32]byte{1}
	const issuer = "issuer.example/people"
	messages := map[wallet.Purpose]semaphore.Element{
		wallet.ToEnrol: scope.EnrolMessage(nonce, issuer, c), wallet.ToRecover: scope.RekeyMessage(nonce, issuer, c), wallet.ToLeave: scope.DeleteMessage(nonce, issuer, c),
	}
	check := func(p wallet.Possession, m semaphore.Element) bool {
		sig, err := semaphore.ParseSignature(p.Signature)
		return err == nil && p.PublicKey.Verify(m, sig) == nil
	}
	for purpose := range messages {
		p, err := purpose.Possess(id, key, issuer, nonce)
		if err != nil {
			t.Fatal(err)
		}
		for other, m := range messages {
			if check(p, m) != (other == purpose) {
				t.Errorf("signed to %s, taken for %s", purpose, other)
			}
		}
		if (p.Salt == [32]byte{}) != (purpose == wallet.ToLeave) {
			t.Errorf("%s: salt %x", purpose, p.Salt)
		}
	}
	v, err := wallet.Veto(id, issuer, 9)
	if err != nil || !check(v, scope.VetoMessage(9, issuer, c)) || check(v, scope.VetoMessage(8, issuer, c)) {
		t.Errorf("veto: %v", err)
	}
	if _, err := wallet.Purpose("vote").Possess(id, key, issuer, nonce); wallet.CodeOf(err) != wallet.RequestInvalid {
		t.Error(err)
	}
	if _, err := wallet.Veto(id, "not a name", 9); wallet.CodeOf(err) != wallet.RequestInvalid {
		t.Error(err)
	}
}
