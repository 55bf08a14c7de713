package semaphore

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	iden3 "github.com/iden3/go-iden3-crypto/babyjub"
	iden3poseidon "github.com/iden3/go-iden3-crypto/poseidon"
	"pgregory.net/rapid"
)

func drawElement(t *rapid.T, label string) Element {
	var x fr.Element
	x.SetBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label))
	return fromFr(&x)
}

func bigOf(e Element) *big.Int { return new(big.Int).SetBytes(e[:]) }

// naiveRoot is the definition of a LeanIMT, over the other Poseidon.
func naiveRoot(t *rapid.T, leaves []Element) Element {
	if len(leaves) == 0 {
		return Element{}
	}
	level := slices.Clone(leaves)
	for len(level) > 1 {
		var up []Element
		for i := 0; i < len(level); i += 2 {
			if i+1 == len(level) {
				up = append(up, level[i])
				continue
			}
			h, err := iden3poseidon.Hash([]*big.Int{bigOf(level[i]), bigOf(level[i+1])})
			if err != nil {
				t.Fatal(err)
			}
			up = append(up, Element(h.FillBytes(make([]byte, 32))))
		}
		level = up
	}
	return level[0]
}

// TestGroupModel plays random operations against a list of leaves.
func TestGroupModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := new(Group)
		var leaves []Element
		fresh := func() Element {
			// Few values, so that duplicates happen.
			return Element{31: byte(rapid.IntRange(0, 40).Draw(t, "leaf"))}
		}
		has := func(e Element) bool { return !e.IsZero() && slices.Contains(leaves, e) }
		position := func() int { return rapid.IntRange(-1, len(leaves)).Draw(t, "position") }
		expect := func(err, want error) {
			t.Helper()
			if !errors.Is(err, want) || (want == nil && err != nil) {
				t.Fatalf("%v, want %v", err, want)
			}
		}
		// change is what Update and Remove mean for the list.
		change := func(c Replacement) error {
			switch {
			case c.Position < 0 || c.Position >= len(leaves):
				return ErrNotMember
			case leaves[c.Position].IsZero():
				return ErrLeafRemoved
			case has(c.Member):
				return ErrLeafExists
			}
			leaves[c.Position] = c.Member
			return nil
		}
		type moment struct {
			view   *View
			leaves []Element
		}
		var seen []moment
		steps := rapid.IntRange(1, 25).Draw(t, "steps")
		for range steps {
			switch rapid.IntRange(0, 5).Draw(t, "op") {
			case 4:
				before, want := slices.Clone(leaves), error(nil)
				many := make([]Replacement, rapid.IntRange(0, 9).Draw(t, "n"))
				for i := range many {
					many[i] = Replacement{position(), fresh()}
				}
				for _, c := range many {
					if want = change(c); want != nil {
						leaves = before
						break
					}
				}
				expect(g.UpdateMany(many), want)
			case 5:
				seen = append(seen, moment{g.View(), slices.Clone(leaves)})
			case 0:
				m := fresh()
				var want error
				switch {
				case m.IsZero():
					want = ErrLeafZero
				case has(m):
					want = ErrLeafExists
				}
				expect(g.Add(m), want)
				if want == nil {
					leaves = append(leaves, m)
				}
			case 1:
				many := make([]Element, rapid.IntRange(0, 9).Draw(t, "n"))
				var want error
				if len(many) == 0 {
					want = ErrNoLeaves
				}
				for i := range many {
					many[i] = fresh()
					if has(many[i]) || (!many[i].IsZero() && slices.Contains(many[:i], many[i])) {
						want = ErrLeafExists
					}
				}
				expect(g.AddMany(many), want)
				if want == nil {
					leaves = append(leaves, many...)
				}
			case 2:
				i, m := position(), fresh()
				want := ErrLeafZero
				if !m.IsZero() {
					want = change(Replacement{i, m})
				}
				expect(g.Update(i, m), want)
			case 3:
				i := position()
				expect(g.Remove(i), change(Replacement{Position: i}))
			}
			if !slices.Equal(g.Level(0), leaves) || g.Size() != len(leaves) {
				t.Fatal("leaves differ")
			}
		}
		if got, want := g.Root(), naiveRoot(t, leaves); got != want {
			t.Fatalf("root %s, want %s", got, want)
		}
		for v := range 41 {
			e := Element{31: byte(v)}
			want := slices.Index(leaves, e)
			if e.IsZero() {
				want = -1
			}
			if got := g.IndexOf(e); got != want {
				t.Fatalf("IndexOf(%d) = %d, want %d", v, got, want)
			}
		}
		for i := range leaves {
			p, err := g.Proof(i)
			if err != nil {
				t.Fatal(err)
			}
			want := error(nil)
			if g.Root().IsZero() {
				want = ErrZeroRoot
			}
			expect(p.VerifyAt(i, len(leaves)), want)
			if other := (i + 1) % len(leaves); other != i && p.VerifyAt(other, len(leaves)) == nil &&
				p.Leaf != leaves[other] {
				t.Fatalf("path of %d passes for %d", i, other)
			}
		}
		for _, m := range append(seen, moment{g.View(), leaves}) {
			if !slices.Equal(m.view.Level(0), m.leaves) || m.view.Root() != naiveRoot(t, m.leaves) {
				t.Fatal("a view has changed")
			}
			expect(m.view.Check(), nil)
			var file bytes.Buffer
			if _, err := m.view.WriteTo(&file); err != nil {
				t.Fatal(err)
			}
			back, err := ReadGroup(&file)
			if err != nil || back.Root() != m.view.Root() || !slices.Equal(back.Level(0), m.leaves) {
				t.Fatalf("snapshot: %v", err)
			}
		}
		data, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseGroup(data)
		if err != nil || back.Root() != g.Root() || back.Size() != g.Size() {
			t.Fatalf("export: %v", err)
		}
	})
}

// TestSignaturesAgreeWithIden3: the two implementations make the same
// signatures and accept each other's.
func TestSignaturesAgreeWithIden3(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")
		msg := drawElement(t, "message")
		id := IdentityFromKey(key)
		theirs := iden3.PrivateKey(key)
		pub := theirs.Public()
		k := id.PublicKey()
		if bigOf(k.X).Cmp(pub.X) != 0 || bigOf(k.Y).Cmp(pub.Y) != 0 {
			t.Fatal("public keys differ")
		}
		s := id.Sign(msg)
		want := theirs.SignPoseidon(bigOf(msg))
		if bigOf(s.S).Cmp(want.S) != 0 || bigOf(s.R8X).Cmp(want.R8.X) != 0 || bigOf(s.R8Y).Cmp(want.R8.Y) != 0 {
			t.Fatal("signatures differ")
		}
		if err := k.Verify(msg, s); err != nil {
			t.Fatal(err)
		}
		packed, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		compressed := want.Compress()
		if [64]byte(packed) != [64]byte(compressed) {
			t.Fatal("packed forms differ")
		}
		other := drawElement(t, "other message")
		if other != msg && k.Verify(other, s) == nil {
			t.Fatal("another message verified")
		}
		bit := rapid.IntRange(0, 511).Draw(t, "bit")
		packed[bit/8] ^= 1 << (bit % 8)
		if bad, err := ParseSignature(packed); err == nil && k.Verify(msg, bad) == nil {
			t.Fatalf("bit %d flipped and verified", bit)
		}
	})
}

func TestElementProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawElement(t, "e")
		for name, parse := range map[string]func() (Element, error){
			"decimal": func() (Element, error) { return ParseElement(e.String()) },
			"hex":     func() (Element, error) { return ParseElementHex(e.Hex()) },
			"bytes":   func() (Element, error) { return ElementFromBytes(e[:]) },
		} {
			if got, err := parse(); err != nil || got != e {
				t.Fatalf("%s: %v %v", name, got, err)
			}
		}
		var back Element
		data, err := json.Marshal(e)
		if err != nil || json.Unmarshal(data, &back) != nil || back != e {
			t.Fatalf("JSON %s: %v", data, err)
		}
		plus := new(big.Int).Add(bigOf(e), fr.Modulus())
		if _, err := ParseElement(plus.String()); err == nil {
			t.Fatal("e + r accepted")
		}
	})
	for _, bad := range []string{"", "-1", "+1", "01", " 1", "1 ", "0x1", "1e3", "1.0", "１", "1_0",
		fr.Modulus().String(), new(big.Int).Lsh(big.NewInt(1), 256).String()} {
		if _, err := ParseElement(bad); !errors.Is(err, ErrNotCanonical) && !errors.Is(err, ErrRange) {
			t.Errorf("ParseElement(%q): %v", bad, err)
		}
	}
	one := Element{31: 0xab}.Hex()
	for _, bad := range []string{"", "0x", one[2:], "0X" + one[2:], one[:64] + "AB", one + "0", one[:65], "0x" + new(big.Int).Set(fr.Modulus()).Text(16)} {
		if _, err := ParseElementHex(bad); err == nil {
			t.Errorf("ParseElementHex(%q) accepted", bad)
		}
	}
	for _, bad := range []string{`null`, `1`, `"0x1"`, `""`, `"\u0031"`, `["1"]`, `{}`, `true`} {
		var e Element
		var u Uint256
		if json.Unmarshal([]byte(bad), &e) == nil || json.Unmarshal([]byte(bad), &u) == nil {
			t.Errorf("JSON %s accepted", bad)
		}
	}
	for n := range 40 {
		if _, err := ElementFromBytes(make([]byte, n)); (err == nil) != (n == 32) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
