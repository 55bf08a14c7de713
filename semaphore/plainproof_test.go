package semaphore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// Every position of every small tree: both forms say the same, both ways.
func TestPlainProofs(t *testing.T) {
	leaves := someLeaves(0, 33)
	for size := 1; size <= len(leaves); size++ {
		g := mustGroup(t, leaves[:size]...)
		for at := range size {
			if at%3 == 1 {
				if err := g.Remove(at); err != nil {
					t.Fatal(err)
				}
			}
		}
		for at := range size {
			for _, depth := range []int{g.Depth(), g.Depth() + 1, 20, MaxDepth} {
				p, err := g.PlainProof(at, depth)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.VerifyAt(size); err != nil || len(p.Siblings) != depth || int(p.Position) != at {
					t.Fatalf("%d of %d at depth %d: %v", at, size, depth, err)
				}
				c, err := p.Compressed()
				want, _ := g.Proof(at)
				if err != nil || !reflect.DeepEqual(c, want) {
					t.Fatalf("%d of %d: compressed again it differs: %v", at, size, err)
				}
				if q := throughBinary(t, p); !reflect.DeepEqual(p, q) {
					t.Fatalf("%d of %d: binary form differs", at, size)
				}
				if q := throughJSON(t, p); !reflect.DeepEqual(p, q) {
					t.Fatalf("%d of %d: JSON form differs", at, size)
				}
				for other := 1; other <= len(leaves); other++ {
					same := at < other && treeDepth(other) <= depth && lone(at, other, depth) == p.Lone
					if err := p.VerifyAt(other); (err == nil) != same {
						t.Fatalf("%d of %d accepted in a tree of %d: %v", at, size, other, err)
					}
				}
			}
		}
		if _, err := g.PlainProof(0, g.Depth()-1); !errors.Is(err, ErrPath) {
			t.Errorf("too few slots: %v", err)
		}
	}
}

func throughBinary(t testing.TB, p PlainProof) (q PlainProof) {
	t.Helper()
	b, err := p.MarshalBinary()
	if err == nil {
		err = q.UnmarshalBinary(b)
	}
	if err != nil || len(b) != 73+32*len(p.Siblings) {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
	return q
}

func throughJSON(t testing.TB, p PlainProof) (q PlainProof) {
	t.Helper()
	b, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(b, &q)
	}
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestPlainProofJSON(t *testing.T) {
	g := mustGroup(t, Element{31: 1}, Element{31: 2}, Element{31: 3}, Element{31: 4}, Element{31: 5})
	p, err := g.PlainProof(4, 4)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p)
	want := fmt.Sprintf(`{"root":"%s","leaf":"5","position":4,"siblings":[null,null,"%s",null]}`, g.Root(), p.Siblings[2])
	if err != nil || string(b) != want {
		t.Errorf("%s, want %s", b, want)
	}
	for _, change := range [][2]string{
		{`"leaf":"5"`, `"leaf":5`}, {`"leaf":"5"`, `"leaf":"05"`}, {`"leaf":"5",`, ``}, {`"leaf":"5"`, `"leaf":"5","leaf":"5"`},
		{`"leaf"`, `"Leaf"`}, {`"leaf":"5"`, `"leaf":null`}, {`"position":4`, `"position":"4"`}, {`"position":4`, `"position":4.0`},
		{`"position":4`, `"position":-4`}, {`"position":4`, `"position":4294967300`}, {`"position":4`, `"position":20`},
		{`"position":4`, `"position":5`}, {`"position":4`, `"position":0`}, {`,null]`, `,{}]`}, {`,null]`, `,null],"x":1`},
		{`]}`, `]} {}`}, {`]}`, `],}`}, {`[null`, `[` + strings.Repeat("null,", 40) + `null`}, {`{`, `[`},
	} {
		bad := strings.Replace(want, change[0], change[1], 1)
		q := p
		if err := q.UnmarshalJSON([]byte(bad)); !errors.Is(err, ErrPathSyntax) || !reflect.DeepEqual(p, q) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := p.UnmarshalJSON([]byte(strings.Repeat(" ", maxPlainJSON) + want)); !errors.Is(err, ErrPathSyntax) {
		t.Errorf("long: %v", err)
	}
}

func TestPlainProofRefusals(t *testing.T) {
	g := mustGroup(t, someLeaves(0, 5)...)
	good := func(at int) PlainProof {
		p, err := g.PlainProof(at, 4)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, c := range map[string]struct {
		at     int
		change func(p *PlainProof)
		want   error
	}{
		"root 0":                         {4, func(p *PlainProof) { p.Root = Element{} }, ErrZeroRoot},
		"another root":                   {4, func(p *PlainProof) { p.Root[31] ^= 1 }, ErrPath},
		"another leaf":                   {4, func(p *PlainProof) { p.Leaf[31] ^= 1 }, ErrPath},
		"another sibling":                {4, func(p *PlainProof) { p.Siblings[2][31] ^= 1 }, ErrPath},
		"a sibling that is not there":    {4, func(p *PlainProof) { p.Siblings[0][31] = 1 }, ErrPath},
		"zero hashed instead of lone":    {4, func(p *PlainProof) { p.Lone &^= 1 }, ErrPath},
		"lone instead of hashed":         {3, func(p *PlainProof) { p.Lone |= 4; p.Siblings[2] = Element{} }, ErrPath},
		"a right child alone":            {4, func(p *PlainProof) { p.Lone |= 4; p.Siblings[2] = Element{} }, ErrPath},
		"a sibling behind the last node": {0, func(p *PlainProof) { p.Lone = 1; p.Siblings[0] = Element{} }, ErrPath},
		"position above the slots":       {4, func(p *PlainProof) { p.Position |= 16 }, ErrPath},
		"mark above the slots":           {4, func(p *PlainProof) { p.Lone |= 16 }, ErrPath},
		"root above r":                   {4, func(p *PlainProof) { p.Root[0] = 0xff }, ErrRange},
		"sibling above r":                {4, func(p *PlainProof) { p.Siblings[2][0] = 0xff }, ErrRange},
		"too many levels":                {4, func(p *PlainProof) { p.Siblings = make([]Element, 33) }, ErrPath},
	} {
		p := good(c.at)
		c.change(&p)
		if err := p.Verify(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err := p.VerifyAt(5); !errors.Is(err, c.want) {
			t.Errorf("%s: VerifyAt: %v", name, err)
		}
	}
	// An inner node passes where the size is not known, and only there.
	inner := good(0)
	p := PlainProof{Root: inner.Root, Leaf: g.Level(1)[0], Siblings: []Element{inner.Siblings[1], inner.Siblings[2], {}}, Lone: 4}
	if p.Verify() != nil || !errors.Is(p.VerifyAt(5), ErrPath) {
		t.Errorf("inner node: %v, %v", p.Verify(), p.VerifyAt(5))
	}
	for _, size := range []int{-1, 0, 4} {
		p := good(4)
		if err := p.VerifyAt(size); !errors.Is(err, ErrNotMember) {
			t.Errorf("size %d: %v", size, err)
		}
	}
	c, err := g.Proof(4)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range [][3]int{{3, 5, 4}, {4, 6, 4}, {4, 5, 2}, {4, 5, 33}} {
		if _, err := c.Plain(at[0], at[1], at[2]); !errors.Is(err, ErrPath) {
			t.Errorf("Plain%v: %v", at, err)
		}
	}
}

func FuzzPlainProof(f *testing.F) {
	g := mustGroup(f, someLeaves(0, 21)...)
	for _, at := range []int{0, 7, 16, 20} {
		p, err := g.PlainProof(at, 6)
		if err != nil {
			f.Fatal(err)
		}
		b, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		j, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(j)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, q PlainProof
		if err := p.UnmarshalBinary(b); err == nil {
			if again, err := p.MarshalBinary(); err != nil || !bytes.Equal(again, b) {
				t.Fatalf("%x writes as %x: %v", b, again, err)
			}
			if q = throughJSON(t, p); !reflect.DeepEqual(p, q) {
				t.Fatal("the JSON form differs")
			}
		} else if !reflect.DeepEqual(p, PlainProof{}) {
			t.Fatal("error and a value")
		}
		if err := q.UnmarshalJSON(b); err == nil {
			if !reflect.DeepEqual(q, throughBinary(t, q)) {
				t.Fatal("the binary form differs")
			}
		}
	})
}
