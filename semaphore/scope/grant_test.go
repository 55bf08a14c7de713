package scope

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func aGrant() Grant {
	return Grant{RP: "forum.example", Agent: [32]byte{1}, Name: "Shopping helper", Can: []string{"comment", "like"}, Budget: 20, Expires: 1_800_000_000, Revocation: Digest{2}}
}

// A grant has one form; what is not that form, or is not whole, is refused.
func TestGrant(t *testing.T) {
	b, err := aGrant().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	// lp(rp) 15, key 32, lp(name) 17, count 1, lp 9 and 6, budget 4, end 8, hash 32
	if len(b) != 124 {
		t.Errorf("%d bytes", len(b))
	}
	g, err := ParseGrant(b)
	if err != nil || g.Name != "Shopping helper" || !g.Allows("like") || g.Allows("vote") {
		t.Errorf("%+v %v", g, err)
	}
	for n := range b {
		if _, err := ParseGrant(b[:n]); err == nil {
			t.Fatalf("the first %d bytes are a grant", n)
		}
	}
	if _, err := ParseGrant(append(b[:len(b):len(b)], 0)); !errors.Is(err, ErrGrant) {
		t.Error(err)
	}
	for name, edit := range map[string]func(*Grant){
		"no site": func(g *Grant) { g.RP = "" }, "no key": func(g *Grant) { g.Agent = [32]byte{} }, "no name": func(g *Grant) { g.Name = "" },
		"a long name": func(g *Grant) { g.Name = strings.Repeat("x", 65) }, "a name of lines": func(g *Grant) { g.Name = "a\nb" }, "not NFC": func(g *Grant) { g.Name = "e\u0301" },
		"nothing to do": func(g *Grant) { g.Can = nil }, "twice the same": func(g *Grant) { g.Can = []string{"like", "like"} }, "descending": func(g *Grant) { g.Can = []string{"like", "comment"} },
		"not an action": func(g *Grant) { g.Can = []string{"Like"} }, "no budget": func(g *Grant) { g.Budget = 0 }, "no end": func(g *Grant) { g.Expires = 0 }, "irrevocable": func(g *Grant) { g.Revocation = Digest{} },
	} {
		g := aGrant()
		edit(&g)
		if _, err := g.Canonical(); err == nil {
			t.Errorf("%s: is a grant", name)
		}
		if _, err := g.Digest(); err == nil {
			t.Errorf("%s: has a digest", name)
		}
	}
}

func FuzzParseGrant(f *testing.F) {
	b, err := aGrant().Canonical()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseGrant(b)
		if loose, lax := ReadGrant(b, func(string) bool { return true }); err == nil && (lax != nil || loose.Name != g.Name) {
			t.Fatalf("%v %v", lax, loose)
		} else if lax == nil && err != nil && norm.NFC.IsNormalString(loose.Name) {
			t.Fatalf("%q is in NFC: %v", loose.Name, err)
		}
		if err != nil {
			return
		}
		again, err := g.Canonical()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x becomes %x, %v", b, again, err)
		}
	})
}
