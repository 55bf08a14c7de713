package scope_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore/scope"
)

func FuzzParsePolicy(f *testing.F) {
	for _, s := range []string{"once", "returning", "5/day", "3/1h0m0s", "snapshot:17:once", "snapshot:1:2/day", "0/day", "05/day", "1/1ns", "snapshot:0:once", "snapshot:1:snapshot:2:once", "-1/day", "1/-1h", "per_epoch"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := scope.ParseKind(s); err == nil && k.String() != s {
			t.Fatalf("kind %q reads as %s", s, k)
		}
		p, err := scope.ParsePolicy(s)
		if err != nil {
			if p != (scope.Policy{}) {
				t.Fatal("error and a policy")
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("%q gives a policy that is refused: %v", s, err)
		}
		// Durations have several spellings; what is written reads as the same.
		if again, err := scope.ParsePolicy(p.String()); err != nil || again != p {
			t.Fatalf("%q writes as %q, which reads as %v (%v)", s, p, again, err)
		}
	})
}

func FuzzDecodeToken(f *testing.F) {
	for _, b := range []string{"", "a", "ab", "abc", "\xff\xfe\xfd\xfc"} {
		f.Add(scope.EncodeToken([]byte(b)))
	}
	for _, s := range []string{"YQ==", "YR", "+/", "YQ\n", " YQ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := scope.DecodeToken(s)
		if err != nil {
			if b != nil {
				t.Fatal("error and bytes")
			}
			return
		}
		if again := scope.EncodeToken(b); again != s {
			t.Fatalf("%q writes as %q", s, again)
		}
	})
}

func FuzzOpenChallenge(f *testing.F) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	c, err := scope.NewChallenge(bytes.NewReader(make([]byte, 32)), scope.ChallengeParams{RP: "forum.example", Action: "post", Now: time.Unix(9, 0)})
	if err != nil {
		f.Fatal(err)
	}
	good := c.Sign(key)
	f.Add(good)
	f.Add(c.Sign(ed25519.NewKeyFromSeed([]byte("another key, which nobody knows."))))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := scope.OpenChallenge(b, []ed25519.PublicKey{key.Public().(ed25519.PublicKey)})
		own, ownErr := scope.OpenOwnChallenge(b, []ed25519.PrivateKey{key})
		if own != c || (ownErr == nil) != (err == nil) {
			t.Fatalf("verified: %v; signed again: %v", err, ownErr)
		}
		if err != nil {
			if c != (scope.Challenge{}) {
				t.Fatal("error and a challenge")
			}
			return
		}
		if again := c.Sign(key); !bytes.Equal(again, b) {
			t.Fatalf("%x writes as %x", b, again)
		}
	})
}
