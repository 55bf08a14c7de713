package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

// What a wallet has seen of an issuer's log is found under the issuer's next
// key too; another issuer's is not.
func TestWalletStateOfNextKey(t *testing.T) {
	w := &purse{dir: t.TempDir()}
	is := setlogtest.New(t, "issuer.example")
	is.Anchor(1_790_000_000, []string{"a"})
	f, err := setlog.NewFollower(setlog.FollowerConfig{VKey: is.VKey})
	if err == nil {
		err = f.Update(is.Head(1_790_000_001), time.Unix(1_790_000_001, 0), is.Fetch)
	}
	if err != nil {
		t.Fatal(err)
	}
	state := append([]byte("perhuman/wallet/1 -\n"), f.State()...)
	if err := os.WriteFile(w.statePath(is.VKey), state, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.statePath(is.VKey)+".123.tmp", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	own := is.VKey
	is.Rotate("next key")
	for vkey, want := range map[string][]byte{own: state, is.VKey: state, setlogtest.New(t, "other.example").VKey: nil} {
		if got, err := w.state(vkey); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %q, %v", vkey, got, err)
		}
	}
}
