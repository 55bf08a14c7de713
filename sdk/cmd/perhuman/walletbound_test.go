package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/semaphore/scope"
)

// What is bound is said in words, and a name cannot rewrite the line it is in.
func TestBoundTo(t *testing.T) {
	const site = "https://forum.example"
	vote, err := scope.Vote{RP: "forum.example", Poll: "square", Choice: "library"}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	grant, err := scope.Grant{RP: "forum.example", Agent: [32]byte{1}, Name: "scribe\u202egnp", Can: []string{"post"}, Budget: 3, Expires: 1_800_000_000, Revocation: scope.Digest{2}}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind    string
		content []byte
		want    []string
	}{
		{scope.KindVote, vote, []string{`"library"`, `"square"`}},
		{scope.KindGrant, grant, []string{`"scribe\u202egnp"`, `"post", 3 times`, "2027-01-15 08:00 UTC", "AQAAAAAAAAAAAAAA"}},
		{scope.KindRaw, []byte("{}"), []string{"2 bytes (raw)"}},
		{scope.KindRaw, make([]byte, 5000), []string{"5000 bytes (raw)"}},
	} {
		got, err := boundTo(site, c.kind, c.content)
		if err != nil {
			t.Fatalf("%s: %v", c.kind, err)
		}
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q lacks %q", c.kind, got, w)
			}
		}
	}
	if _, err := boundTo("https://other.example", scope.KindVote, vote); !errors.Is(err, errClaim) {
		t.Errorf("a vote for another site: %v", err)
	}
	if _, err := boundTo(site, scope.KindGrant, grant[:len(grant)-1]); !errors.Is(err, errClaim) {
		t.Errorf("half a grant: %v", err)
	}
}
