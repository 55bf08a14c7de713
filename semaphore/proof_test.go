package semaphore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

func goodProof(t testing.TB) (*Proof, string) {
	t.Helper()
	raw := official(t).Proofs[9].Proof
	p, err := ParseProof(raw)
	if err != nil {
		t.Fatal(err)
	}
	var tidy bytes.Buffer
	if err := json.Compact(&tidy, raw); err != nil {
		t.Fatal(err)
	}
	return p, tidy.String()
}

func TestOfficialProofEncodings(t *testing.T) {
	for i, c := range official(t).Proofs {
		p, err := ParseProof(c.Proof)
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		var tidy bytes.Buffer
		if err := json.Compact(&tidy, c.Proof); err != nil {
			t.Fatal(err)
		}
		if out, err := json.Marshal(p); err != nil || string(out) != tidy.String() {
			t.Errorf("case %d: JSON differs from the official one: %v", i, err)
		}
		packed, err := p.MarshalBinary()
		if err != nil || len(packed) != ProofSize {
			t.Fatalf("case %d: %d bytes, %v", i, len(packed), err)
		}
		var back Proof
		if err := back.UnmarshalBinary(packed); err != nil || back != *p {
			t.Errorf("case %d: packed form: %v", i, err)
		}
		text, err := p.Packed()
		if err != nil || len(text) != ProofTextSize {
			t.Fatalf("case %d: %d characters, %v", i, len(text), err)
		}
		if q, err := ParsePacked(text); err != nil || *q != *p {
			t.Errorf("case %d: packed text: %v", i, err)
		}
	}
}

// TestT23ProofJSONIsStrict: duplicate keys, unknown fields, trailing data, deep
// nesting, huge numbers, invalid UTF-8.
func TestT23ProofJSONIsStrict(t *testing.T) {
	_, good := goodProof(t)
	edit := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q not in the proof", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	quoted := func(name string) string {
		_, rest, _ := strings.Cut(good, `"`+name+`":`)
		value, _, _ := strings.Cut(rest, ",")
		return `"` + name + `":` + value
	}
	cases := map[string]string{
		"empty":              "",
		"null":               "null",
		"array":              "[" + good + "]",
		"string":             `"x"`,
		"two objects":        good + good,
		"trailing comma":     good + ",",
		"trailing text":      good + " x",
		"trailing brace":     good + "}",
		"truncated":          good[:len(good)-1],
		"unknown field":      edit(`{`, `{"extra":1,`),
		"repeated, same":     edit(`{`, `{`+quoted("nullifier")+`,`),
		"repeated depth":     edit(`{`, `{"merkleTreeDepth":1,`),
		"other case":         edit(`"nullifier"`, `"Nullifier"`),
		"missing":            edit(quoted("scope")+",", ""),
		"null field":         edit(quoted("scope"), `"scope":null`),
		"number for string":  edit(quoted("scope"), `"scope":1`),
		"depth 1e1":          edit(quoted("merkleTreeDepth"), `"merkleTreeDepth":1e1`),
		"depth 10.0":         edit(quoted("merkleTreeDepth"), `"merkleTreeDepth":10.0`),
		"depth -0":           edit(quoted("merkleTreeDepth"), `"merkleTreeDepth":-0`),
		"depth string":       edit(quoted("merkleTreeDepth"), `"merkleTreeDepth":"10"`),
		"depth null":         edit(quoted("merkleTreeDepth"), `"merkleTreeDepth":null`),
		"depth huge":         edit(quoted("merkleTreeDepth"), `"merkleTreeDepth":`+strings.Repeat("9", 9000)),
		"escaped digit":      edit(quoted("scope"), `"scope":"\u0031"`),
		"number of 1 MiB":    edit(quoted("scope"), `"scope":"`+strings.Repeat("9", 1<<20)+`"`),
		"number of 9 KB":     edit(quoted("scope"), `"scope":"`+strings.Repeat("9", 9000)+`"`),
		"invalid UTF-8":      edit(quoted("scope"), "\"scope\":\"1\xff\""),
		"invalid UTF-8 name": edit(`"scope"`, "\"sc\xffope\""),
		"deep nesting":       edit(quoted("scope"), `"scope":`+strings.Repeat("[", 8000)),
		"deep array":         strings.Repeat("[", 16000),
		"deep object":        strings.Repeat(`{"points":`, 1600),
		"byte order mark":    "\ufeff" + good,
	}
	for name, in := range cases {
		p, err := ParseProof([]byte(in))
		if !errors.Is(err, ErrProofSyntax) || p != nil {
			t.Errorf("%s: %v, want ErrProofSyntax", name, err)
		}
	}
	if _, err := ParseProof([]byte(" \n" + strings.ReplaceAll(good, ",", " ,\t") + "\r\n")); err != nil {
		t.Errorf("white space between tokens: %v", err)
	}
}

// TestT22NullifierAliases: one nullifier has one spelling.
func TestT22NullifierAliases(t *testing.T) {
	p, good := goodProof(t)
	n := p.Nullifier.String()
	for _, alias := range []string{
		"0" + n, "00" + n, p.Nullifier.Hex(), strings.ToUpper(p.Nullifier.Hex()), " " + n, n + " ", "+" + n, n + ".0", n + "n", "-" + n, "",
		plusR(p.Nullifier),
	} {
		in := strings.Replace(good, `"nullifier":"`+n+`"`, `"nullifier":"`+alias+`"`, 1)
		if in == good {
			t.Fatal("nothing replaced")
		}
		if _, err := ParseProof([]byte(in)); err == nil {
			t.Errorf("alias %q accepted", alias)
		}
	}
}

func plusR(e Element) string {
	n := new(big.Int).SetBytes(e[:])
	return n.Add(n, fr.Modulus()).String()
}

func TestPackedProofIsStrict(t *testing.T) {
	p, _ := goodProof(t)
	good, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(good)
		f(b)
		return b
	}
	fill := func(from, to int, x byte) []byte {
		return change(func(b []byte) {
			for i := from; i < to; i++ {
				b[i] = x
			}
		})
	}
	infinity := func(at, n int) []byte {
		return change(func(b []byte) {
			clear(b[at : at+n])
			b[at] = 0x40
		})
	}
	for name, in := range map[string][]byte{
		"empty":           nil,
		"short":           good[:256],
		"long":            append(bytes.Clone(good), 0),
		"depth 0":         fill(0, 1, 0),
		"depth 33":        fill(0, 1, 33),
		"root 0":          fill(1, 33, 0),
		"root 2^256-1":    fill(1, 33, 0xff),
		"nullifier large": fill(33, 65, 0xff),
		"A infinity":      infinity(129, 32),
		"B infinity":      infinity(161, 64),
		"C infinity":      infinity(225, 32),
		"A uncompressed":  change(func(b []byte) { b[129] &= 0x3f }),
		"B uncompressed":  change(func(b []byte) { b[161] &= 0x3f }),
		"C uncompressed":  change(func(b []byte) { b[225] &= 0x3f }),
		"A above q":       change(func(b []byte) { copy(b[129:], bytes.Repeat([]byte{0xbf}, 32)) }),
		"B A1 above q":    change(func(b []byte) { copy(b[161:], bytes.Repeat([]byte{0xbf}, 32)) }),
		"B A0 above q":    change(func(b []byte) { copy(b[193:], bytes.Repeat([]byte{0xff}, 32)) }),
		"all bits":        bytes.Repeat([]byte{0xff}, 257),
	} {
		var q Proof
		if err := q.UnmarshalBinary(in); !errors.Is(err, ErrProofSyntax) || q != (Proof{}) {
			t.Errorf("%s: %v, want ErrProofSyntax", name, err)
		}
	}

	text, err := p.Packed()
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]string{
		"empty":         "",
		"padded":        text + "=",
		"cut":           text[:342],
		"line break":    text[:100] + "\n" + text[100:342],
		"other letters": text[:342] + "+",
		"stray bits":    text[:342] + string(next(text[342])),
		"standard":      base64.StdEncoding.EncodeToString(good),
	} {
		if q, err := ParsePacked(in); !errors.Is(err, ErrProofSyntax) || q != nil {
			t.Errorf("%s: %v, want ErrProofSyntax", name, err)
		}
	}
}

// next gives the letter after c in the base64url alphabet.
func next(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[(strings.IndexByte(alphabet, c)+1)%64]
}

func TestMarshalRefusesBadProofs(t *testing.T) {
	p, _ := goodProof(t)
	for name, f := range map[string]func(p *Proof){
		"depth":   func(p *Proof) { p.MerkleTreeDepth = 0 },
		"root":    func(p *Proof) { p.MerkleTreeRoot = Element{} },
		"element": func(p *Proof) { p.Nullifier = Element(bytes.Repeat([]byte{0xff}, 32)) },
	} {
		q := *p
		f(&q)
		if _, err := q.MarshalBinary(); err == nil {
			t.Errorf("%s: packed", name)
		}
		if _, err := json.Marshal(&q); err == nil {
			t.Errorf("%s: marshalled", name)
		}
	}
	q := *p
	q.Points[0][31] ^= 1
	if _, err := q.MarshalBinary(); !errors.Is(err, ErrPoint) {
		t.Errorf("off-curve point: %v", err)
	}
	if _, err := (*Proof)(nil).MarshalBinary(); err == nil {
		t.Error("nil proof packed")
	}
}
