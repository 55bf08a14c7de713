package setlog_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

func FuzzT21Record(f *testing.F) {
	for name, b := range vectors(f) {
		if name != "entry" && !strings.HasPrefix(name, "entry/") {
			continue
		}
		if e, err := setlog.ParseEntry(b); err == nil {
			f.Add(e.Record())
		}
	}
	f.Add([]byte("perhuman/entry/1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := setlog.ParseRecord(b)
		if err != nil {
			if e != (setlog.Entry{}) {
				t.Fatal("failed parse gives an entry")
			}
			return
		}
		same(t, b, e.Record(), nil)
	})
}

// FuzzT21WitnessKeys: a witness's key has one spelling, so that one key is not
// two witnesses.
func FuzzT21WitnessKeys(f *testing.F) {
	public := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	cosigner, err := setlog.CosignerVKey("witness.example", public)
	if err != nil {
		f.Fatal(err)
	}
	plain, err := note.NewEd25519VerifierKey("witness.example", public)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{cosigner, plain, cosigner + "=", "w+1+", "++"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if w, err := setlog.NewWitnesses(1, []string{s}); (w == nil) == (err == nil) {
			t.Fatal("a value and an error, or neither")
		} else if err != nil {
			return
		}
		if _, err := setlog.NewWitnesses(1, []string{s, s}); err == nil {
			t.Fatal("listed twice")
		}
		name, _, _ := strings.Cut(s, "+")
		again, err := setlog.CosignerVKey(name, public)
		if err == nil && s != again && len(s) == len(again) && s[len(name)+10:] == again[len(name)+10:] {
			t.Fatalf("%q is another spelling of %q", s, again)
		}
	})
}
