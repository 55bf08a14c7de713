package setlog_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
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

// FuzzT21WitnessSigner: a secret key that is read signs under the verifier key
// that comes with it, and a refusal does not repeat the secret.
func FuzzT21WitnessSigner(f *testing.F) {
	signer, _, err := setlog.GenerateWitnessKey(setlogtest.Seed("w"), "witness.example")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{signer, signer + "=", signer[:len(signer)-1], "PRIVATE+KEY+++"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, vkey, err := setlog.ParseWitnessKey(s, func() time.Time { return time.Unix(t0, 0) })
		if err != nil {
			if len(s) > 60 && strings.Contains(err.Error(), s[len(s)-20:]) {
				t.Fatal("the secret is in the error")
			}
			return
		}
		signed, err := note.Sign(&note.Note{Text: "text\n"}, got)
		if err != nil {
			t.Fatal(err)
		}
		policy, err := setlog.NewWitnesses(1, []string{vkey})
		if err != nil || policy.Check(signed) != nil {
			t.Fatal("signs under another key")
		}
	})
}
