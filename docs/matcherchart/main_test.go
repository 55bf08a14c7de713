package main

import (
	"os"
	"testing"
)

// The picture is what this program draws.
func TestPicture(t *testing.T) {
	got, err := os.ReadFile("../private-matcher.svg")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != chart() {
		t.Error("private-matcher.svg is stale: go run ./docs/matcherchart > docs/private-matcher.svg")
	}
}
