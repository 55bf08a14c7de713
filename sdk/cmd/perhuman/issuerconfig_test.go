package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
)

// A text for each language, in whatever order and whatever its path looks like.
func TestConsents(t *testing.T) {
	dir := t.TempDir()
	plain, odd := write(t, dir, "consent.txt", []byte("We keep it.")), write(t, dir, "a=b.txt", []byte("We keep it too."))
	hash := func(language, text string) [32]byte {
		h, err := capture.ConsentHash(language, text)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, c := range []struct {
		flags []string
		want  [][32]byte
	}{
		{[]string{plain}, [][32]byte{hash("en", "We keep it.")}},
		{[]string{odd}, [][32]byte{hash("en", "We keep it too.")}},
		{[]string{"de-AT=" + odd, plain}, [][32]byte{hash("de-AT", "We keep it too."), hash("en", "We keep it.")}},
		{[]string{plain, "en=" + odd}, nil},
		{[]string{"de="}, nil},
		{[]string{"d e=" + plain}, nil},
		{[]string{filepath.Join(dir, "none")}, nil},
	} {
		got, err := (&issuerFlags{consents: c.flags}).consentHashes()
		if (err != nil) != (c.want == nil) || !slices.Equal(got, c.want) {
			t.Errorf("%v: %x %v", c.flags, got, err)
		}
	}
}
