package main

import (
	"os"
	"testing"
)

// The pictures are what this program draws.
func TestPicture(t *testing.T) {
	for name, want := range map[string]string{"private-matcher.svg": chart(false), "private-matcher-narrow.svg": chart(true)} {
		got, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is stale: the package comment says how to draw it", name)
		}
	}
}
