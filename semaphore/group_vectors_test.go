package semaphore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

type (
	merkleJSON struct {
		Root     number   `json:"root"`
		Leaf     number   `json:"leaf"`
		Index    uint64   `json:"index"`
		Siblings []number `json:"siblings"`
	}
	positionProof struct {
		Leaf  int        `json:"leafIndex"`
		Proof merkleJSON `json:"proof"`
	}
	groupVector struct {
		Members      []Element       `json:"members"`
		Root         Element         `json:"root"`
		Depth        int             `json:"depth"`
		Size         int             `json:"size"`
		Export       string          `json:"export"`
		ExportSHA256 string          `json:"exportSha256"`
		Proofs       []positionProof `json:"proofs"`
	}
	sequenceVector struct {
		Initial []Element `json:"initial"`
		Steps   []struct {
			Op      string    `json:"op"`
			Index   int       `json:"index"`
			Member  Element   `json:"member"`
			Members []Element `json:"members"`
			Root    Element   `json:"root"`
			Depth   int       `json:"depth"`
			Size    int       `json:"size"`
		} `json:"steps"`
		FinalMembers []Element       `json:"finalMembers"`
		FinalExport  string          `json:"finalExportSha256"`
		FinalProofs  []positionProof `json:"finalProofs"`
	}
	zeroRebuildVector struct {
		Members []Element `json:"members"`
		Root    Element   `json:"root"`
	}
	groupErrorVector struct {
		Note   string `json:"note"`
		Strict string `json:"strict"`
	}
	merkleVector struct {
		Note   string     `json:"note"`
		Proof  merkleJSON `json:"proof"`
		Strict string     `json:"strict"`
	}
)

// strict parses every number as our API does.
func (m merkleJSON) strict() (p MerkleProof, err error) {
	p.Index = m.Index
	if p.Root, err = m.Root.element(); err != nil {
		return p, err
	}
	if p.Leaf, err = m.Leaf.element(); err != nil {
		return p, err
	}
	for _, s := range m.Siblings {
		e, err := s.element()
		if err != nil {
			return p, err
		}
		p.Siblings = append(p.Siblings, e)
	}
	return p, nil
}

func mustGroup(t testing.TB, members ...Element) *Group {
	t.Helper()
	g, err := NewGroup(members...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func checkPath(t *testing.T, g *Group, c positionProof) {
	t.Helper()
	want, err := c.Proof.strict()
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.Proof(c.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("position %d of %d: path differs", c.Leaf, g.Size())
	}
	if err := got.VerifyAt(c.Leaf, g.Size()); err != nil {
		t.Errorf("position %d of %d: %v", c.Leaf, g.Size(), err)
	}
}

func export(t *testing.T, g *Group) (text, sum string) {
	t.Helper()
	b, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.Sum256(b)
	return string(b), hex.EncodeToString(h[:])
}

func TestOfficialGroups(t *testing.T) {
	v := official(t)
	counts(t, "groups", len(v.Groups), 23)
	paths := 0
	for _, c := range v.Groups {
		grown := new(Group)
		for _, m := range c.Members {
			if err := grown.Add(m); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range []*Group{mustGroup(t, c.Members...), grown} {
			if g.Root() != c.Root || g.Depth() != c.Depth || g.Size() != c.Size {
				t.Errorf("size %d: root %s depth %d size %d", c.Size, g.Root(), g.Depth(), g.Size())
			}
			text, sum := export(t, g)
			if sum != c.ExportSHA256 || (c.Export != "" && text != c.Export) {
				t.Errorf("size %d: export differs", c.Size)
			}
			back, err := ParseGroup([]byte(text))
			if err != nil || back.Root() != c.Root || back.Size() != c.Size {
				t.Errorf("size %d: ParseGroup: %v", c.Size, err)
			}
			for _, p := range c.Proofs {
				checkPath(t, g, p)
			}
		}
		paths += len(c.Proofs)
	}
	counts(t, "Merkle proofs", paths, 224)
}

func TestOfficialGroupSequences(t *testing.T) {
	v := official(t)
	counts(t, "groupSequences", len(v.GroupSequences), 8)
	for i, c := range v.GroupSequences {
		counts(t, "steps", len(c.Steps), 30)
		g := mustGroup(t, c.Initial...)
		for j, s := range c.Steps {
			var err error
			switch s.Op {
			case "add":
				err = g.Add(s.Member)
			case "addMany":
				err = g.AddMany(s.Members)
			case "update":
				err = g.Update(s.Index, s.Member)
			case "remove":
				err = g.Remove(s.Index)
			default:
				t.Fatalf("unknown op %q", s.Op)
			}
			if err != nil {
				t.Fatalf("sequence %d step %d %s: %v", i, j, s.Op, err)
			}
			if g.Root() != s.Root || g.Depth() != s.Depth || g.Size() != s.Size {
				t.Fatalf("sequence %d step %d %s: root %s", i, j, s.Op, g.Root())
			}
		}
		if fmt.Sprint(g.Level(0)) != fmt.Sprint(c.FinalMembers) {
			t.Errorf("sequence %d: members differ", i)
		}
		if _, sum := export(t, g); sum != c.FinalExport {
			t.Errorf("sequence %d: export differs", i)
		}
		for _, p := range c.FinalProofs {
			checkPath(t, g, p)
		}
		// Rebuilding from the list, zeros and all, gives the same root.
		if got := mustGroup(t, c.FinalMembers...).Root(); got != g.Root() {
			t.Errorf("sequence %d: rebuilt root %s, want %s", i, got, g.Root())
		}
	}
}

func TestOfficialGroupZeroRebuild(t *testing.T) {
	v := official(t)
	counts(t, "groupZeroRebuild", len(v.GroupZeroRebuild), 10)
	for i, c := range v.GroupZeroRebuild {
		if got := mustGroup(t, c.Members...).Root(); got != c.Root {
			t.Errorf("case %d: root %s, want %s", i, got, c.Root)
		}
	}
}

// TestOfficialGroupErrors holds the strict answer to each hole of the official
// Group, by the note of the vector.
func TestOfficialGroupErrors(t *testing.T) {
	v := official(t)
	counts(t, "groupErrors", len(v.GroupErrors), 19)
	e := func(n int) (x Element) { x[31] = byte(n); return x }
	base := func() *Group { return mustGroup(t, e(11), e(22), e(33)) }
	add := func(text string) error {
		m, err := ParseElement(text)
		if err != nil {
			return err
		}
		return base().Add(m)
	}
	const r = "21888242871839275222246405745257275088548364400416034343698204186575808495617"
	removed := func() *Group {
		g := base()
		if err := g.Remove(1); err != nil {
			t.Fatal(err)
		}
		return g
	}
	proof := func(g *Group, at int) error { _, err := g.Proof(at); return err }
	cases := map[string]struct {
		err  error
		want error
	}{
		"addMember 0n":                    {add("0"), ErrLeafZero},
		`addMember "0"`:                   {add("0"), ErrLeafZero},
		"addMember number 0":              {add("0"), ErrLeafZero},
		`addMember "00"`:                  {add("00"), ErrNotCanonical},
		"addMember r":                     {add(r), ErrRange},
		"addMember r+5 has the root of 5": {add(strings.TrimSuffix(r, "17") + "22"), ErrRange},
		"addMember -1":                    {add("-1"), ErrNotCanonical},
		"duplicate member":                {base().Add(e(22)), ErrLeafExists},
		"addMembers []":                   {base().AddMany(nil), ErrNoLeaves},
		"remove twice":                    {removed().Remove(1), ErrLeafRemoved},
		"update removed":                  {removed().Update(1, e(44)), ErrLeafRemoved},
		"removeMember(size)":              {base().Remove(3), ErrNotMember},
		"removeMember(size+4)":            {base().Remove(7), ErrNotMember},
		"removeMember(-1)":                {base().Remove(-1), ErrNotMember},
		"generateMerkleProof(-1)":         {proof(base(), -1), ErrNotMember},
		"generateMerkleProof(size)":       {proof(base(), 3), ErrNotMember},
		"empty group proof":               {proof(new(Group), 0), ErrNotMember},
		"single member removed":           {singleRemoved(t), ErrZeroRoot},
		"import does not check hashes":    {wrongImport(t), ErrTree},
	}
	for _, c := range v.GroupErrors {
		name, _, _ := strings.Cut(c.Note, " (")
		if name != `addMember "00"` && name != "addMember number 0" {
			name, _, _ = strings.Cut(name, ": ")
		}
		name = strings.TrimSuffix(strings.TrimSpace(name), ":")
		got, ok := cases[name]
		if !ok {
			t.Errorf("no case for %q (%q)", c.Note, name)
			continue
		}
		delete(cases, name)
		if !errors.Is(got.err, got.want) {
			t.Errorf("%s: %v, want %v", c.Note, got.err, got.want)
		}
	}
	for name := range cases {
		t.Errorf("case %q has no vector", name)
	}
}

func singleRemoved(t *testing.T) error {
	g := mustGroup(t, Element{31: 5})
	if err := g.Remove(0); err != nil {
		t.Fatal(err)
	}
	if !g.Root().IsZero() || g.Size() != 1 || g.Depth() != 0 {
		t.Errorf("emptied group: root %s size %d depth %d", g.Root(), g.Size(), g.Depth())
	}
	p, err := g.Proof(0)
	if err != nil {
		t.Fatal(err)
	}
	return p.Verify()
}

func wrongImport(t *testing.T) error {
	text, _ := export(t, mustGroup(t, Element{31: 11}, Element{31: 22}))
	at := strings.LastIndex(text, `["`)
	_, err := ParseGroup([]byte(text[:at] + `["7"]]`))
	return err
}

func TestOfficialMerkleProofTampered(t *testing.T) {
	v := official(t)
	counts(t, "merkleProofTampered", len(v.MerkleTampered), 13)
	for _, c := range v.MerkleTampered {
		p, err := c.Proof.strict()
		if err == nil {
			err = p.Verify()
		}
		if strings.HasPrefix(c.Strict, "reject when tree size is known") {
			// 16 leaves give four siblings; the valid case has four too.
			if err != nil {
				t.Errorf("%s: without a size: %v", c.Note, err)
			}
			for position := range 16 {
				if p.VerifyAt(position, 16) == nil {
					t.Errorf("%s: accepted at position %d of 16", c.Note, position)
				}
			}
			continue
		}
		if (err == nil) != (c.Strict == "accept") {
			t.Errorf("%s: %v, want %s", c.Note, err, c.Strict)
		}
	}
}

func TestParseGroupIsStrict(t *testing.T) {
	good := `[["11","22"],["` + Hash2(Element{31: 11}, Element{31: 22}).String() + `"]]`
	if _, err := ParseGroup([]byte(good)); err != nil {
		t.Fatal(err)
	}
	root := Hash2(Element{31: 11}, Element{31: 22}).String()
	for i, bad := range []string{
		``, `null`, `[]`, `{}`, `[null]`, `[["11",null]]`, `[[11]]`, `[["011"]]`, `[["11"],["11"]]`,
		good + ` x`, good + good, `[["11","22"]]`, `[["11","22"],["` + root + `","1"]]`,
		`[["11","11"],["1"]]`, `[["\u0031"]]`, `[["11","22"],[]]`, `[["-1"]]`, `[[],[]]`, `[["11 "]]`,
		strings.Repeat("[", 100000),
	} {
		if _, err := ParseGroup([]byte(bad)); !errors.Is(err, ErrTree) {
			t.Errorf("case %s: %v, want ErrTree", strconv.Itoa(i), err)
		}
	}
}
