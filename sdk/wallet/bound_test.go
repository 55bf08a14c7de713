package wallet_test

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// What a person is shown is what is bound: other bytes, another site's, and
// bytes that lie about their kind are refused.
func TestReadBound(t *testing.T) {
	const origin, rp = "https://agora.example", "agora.example"
	nfc := norm.NFC.IsNormalString
	vote, err := scope.Vote{RP: rp, Poll: "poll-2", Choice: "sundays"}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := scope.Vote{RP: "other.example", Poll: "poll-2", Choice: "sundays"}.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	g := scope.Grant{RP: rp, Agent: [32]byte{1}, Name: "My \u202e helper", Can: []string{"comment", "vote"}, Budget: 3, Expires: 1_800_000_000, Revocation: scope.Digest{2}}
	grant, err := g.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	foreign := g
	foreign.RP = "other.example"
	foreignGrant, err := foreign.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	loose := strings.Replace(string(grant), "My \u202e helper", "My e\u0301   helper", 1) // not in NFC, the same length

	for _, c := range []struct {
		name, origin, kind, bytes, bound string
		code                             wallet.Code
	}{
		{"a vote", origin, "vote", string(vote), "", ""},
		{"a grant", origin, "grant", string(grant), "", ""},
		{"something else", origin, "raw", "{}", "", ""},
		{"another choice than is bound", origin, "vote", strings.Replace(string(vote), "sundays", "mondays", 1), string(vote), wallet.MessageMismatch},
		{"another budget than is bound", origin, "grant", string(grant), string(grant) + " ", wallet.MessageMismatch},
		{"a vote elsewhere", origin, "vote", string(elsewhere), "", wallet.MessageMismatch},
		{"a grant for elsewhere", origin, "grant", string(foreignGrant), "", wallet.MessageMismatch},
		{"no vote", origin, "vote", "yes", "", wallet.RequestInvalid},
		{"a vote and more", origin, "vote", string(vote) + "!", "", wallet.RequestInvalid},
		{"a grant that is a vote", origin, "grant", string(vote), "", wallet.RequestInvalid},
		{"a name in another form", origin, "grant", loose, "", wallet.RequestInvalid},
		{"no kind", origin, "Vote\n", string(vote), "", wallet.RequestInvalid},
		{"too much", origin, "raw", strings.Repeat("x", wallet.MaxBound+1), "", wallet.RequestInvalid},
		{"no site", "http://192.168.0.1", "raw", "{}", "", wallet.OriginRefused},
	} {
		if c.bound == "" {
			c.bound = c.bytes
		}
		digest, err := scope.Content(c.kind, []byte(c.bound))
		if err != nil {
			digest = scope.Digest{9}
		}
		got, err := wallet.ReadBound(c.origin, digest, c.kind, []byte(c.bytes), nfc)
		if c.code != "" {
			if wallet.CodeOf(err) != c.code || got.Vote != nil || got.Grant != nil {
				t.Errorf("%s: %+v, %v; want %s", c.name, got, err, c.code)
			}
			continue
		}
		if err != nil || got.Kind != c.kind || (got.Vote != nil) != (c.kind == "vote") || (got.Grant != nil) != (c.kind == "grant") {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if got.Vote != nil && *got.Vote != (scope.Vote{RP: rp, Poll: "poll-2", Choice: "sundays"}) {
			t.Errorf("%s: %+v", c.name, *got.Vote)
		}
		if got.Grant != nil && (got.Grant.Name != g.Name || got.Grant.Budget != 3 || len(got.Grant.Can) != 2) {
			t.Errorf("%s: %+v", c.name, *got.Grant)
		}
		if _, err := wallet.ReadBound(c.origin, scope.Digest{}, c.kind, []byte(c.bytes), nfc); wallet.CodeOf(err) != wallet.MessageMismatch {
			t.Errorf("%s, nothing bound: %v", c.name, err)
		}
	}
}
