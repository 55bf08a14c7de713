package setup

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzParsePin(f *testing.F) {
	for _, s := range []string{strings.Repeat("0a", 32), strings.Repeat("ff", 64), strings.Repeat("0A", 32), "", "0a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePin(s)
		if err != nil {
			if p != (Pin{}) {
				t.Fatal("error and a pin")
			}
			return
		}
		if p.String() != strings.ToLower(s) {
			t.Fatalf("%q writes as %q", s, p)
		}
	})
}

func FuzzReadStart(f *testing.F) {
	c, err := NewCeremony(preimageR1CS(f), powers(f, grothPower))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.StartFile())
	f.Add(make([]byte, 34))
	f.Fuzz(func(t *testing.T, b []byte) {
		chain, err := ReadStart(b)
		if (chain == nil) == (err == nil) {
			t.Fatal("a value and an error, or neither")
		}
		if err == nil && !bytes.Equal(chain.StartFile(), b) {
			t.Fatal("the start is written as other bytes")
		}
	})
}
