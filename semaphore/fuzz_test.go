package semaphore

import (
	"bytes"
	"encoding/json"
	"testing"
)

// T21: a parser either refuses and leaves nothing behind, or what it read
// writes back to the same bytes.

func FuzzParseElement(f *testing.F) {
	for _, s := range []string{"0", "1", "007", "-1", "0x10", " 1",
		"21888242871839275222246405745257275088548364400416034343698204186575808495616",
		"21888242871839275222246405745257275088548364400416034343698204186575808495617"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if e, err := ParseElement(s); err == nil && (e.String() != s || !e.valid()) {
			t.Fatalf("%q reads as %s", s, e)
		} else if err != nil && e != (Element{}) {
			t.Fatal("error and a value")
		}
		if u, err := ParseUint256(s); err == nil && u.String() != s {
			t.Fatalf("%q reads as %s", s, u)
		}
		if e, err := ParseElementHex(s); err == nil && e.Hex() != s {
			t.Fatalf("%q reads as %s", s, e)
		}
	})
}

func FuzzParseIdentity(f *testing.F) {
	for _, c := range official(f).Identities {
		f.Add(c.Export)
	}
	for _, c := range official(f).IdentityImport {
		f.Add(c.Base64)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseIdentity(s)
		if (id == nil) == (err == nil) {
			t.Fatal("identity and error disagree")
		}
		if err == nil && id.Export() != s {
			t.Fatalf("%q exports as %q", s, id.Export())
		}
	})
}

func FuzzParseSignature(f *testing.F) {
	id := IdentityFromKey([]byte("fuzz"))
	for n := range 4 {
		b, err := id.Sign(Element{31: byte(n)}).MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSignature(b)
		if err != nil {
			if s != (Signature{}) {
				t.Fatal("error and a value")
			}
			return
		}
		again, err := s.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x writes as %x (%v)", b, again, err)
		}
	})
}

func FuzzParseProof(f *testing.F) {
	for _, c := range official(f).Tampered[:200] {
		f.Add([]byte(c.Proof))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProof(b)
		if (p == nil) == (err == nil) {
			t.Fatal("proof and error disagree")
		}
		if err != nil {
			return
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseProof(out)
		if err != nil || *again != *p {
			t.Fatalf("does not survive: %v", err)
		}
		// A curve has points outside the packed form only at infinity, which
		// the parser refuses.
		text, err := p.Packed()
		if err != nil {
			t.Fatal(err)
		}
		// Parsing JSON leaves the subgroup to Verify; the packed form checks it.
		if g, err := p.points(); err == nil && g.subgroup() == nil {
			if q, err := ParsePacked(text); err != nil || *q != *p {
				t.Fatalf("packed form: %v", err)
			}
		}
	})
}

func FuzzUnmarshalProof(f *testing.F) {
	for _, p := range crowd(f, 18) {
		b, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Proof
		if err := p.UnmarshalBinary(b); err != nil {
			if p != (Proof{}) {
				t.Fatal("error and a value")
			}
			return
		}
		again, err := p.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("writes other bytes: %v", err)
		}
	})
}

func FuzzParseGroup(f *testing.F) {
	for _, c := range official(f).Groups[:12] {
		f.Add([]byte(c.Export))
	}
	f.Add([]byte(`[["0","5"],["1"]]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseGroup(b)
		if (g == nil) == (err == nil) {
			t.Fatal("group and error disagree")
		}
		if err != nil {
			return
		}
		out, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseGroup(out)
		if err != nil || again.Root() != g.Root() || again.Size() != g.Size() {
			t.Fatalf("does not survive: %v", err)
		}
	})
}

// FuzzVerify: whatever is changed in a packed official proof, the verdict is
// an error of this package or nil, and nil only for a proof that gnark accepts.
func FuzzVerify(f *testing.F) {
	for i, p := range crowd(f, 18) {
		b, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(i*97), byte(1))
	}
	keys := gnarkKeys(f)
	v := verifier(f)
	f.Fuzz(func(t *testing.T, b []byte, at uint16, x byte) {
		if len(b) > 0 {
			b[int(at)%len(b)] ^= x
		}
		p := new(Proof)
		if p.UnmarshalBinary(b) != nil {
			return
		}
		err := v.Verify(p)
		if err != nil && !typedProofError(err) {
			t.Fatalf("untyped error %v", err)
		}
		s, serr := newStatement(p)
		if serr != nil {
			t.Fatal(serr)
		}
		if oracle := gnarkVerify(keys, &s); (err == nil) != (oracle == nil) {
			t.Fatalf("ours %v, gnark %v", err, oracle)
		}
	})
}

func FuzzReadGroup(f *testing.F) {
	for _, n := range []int{0, 1, 2, 5, 8} {
		f.Add(snapshot(f, mustGroup(f, someLeaves(0, n)...)))
	}
	f.Add(snapshot(f, mustGroup(f, Element{}, Element{31: 1}, Element{})))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, resealed(b)} {
			g, err := ReadGroup(bytes.NewReader(b))
			if (g == nil) == (err == nil) {
				t.Fatal("group and error disagree")
			}
			if err == nil && !bytes.Equal(snapshot(t, g), b) {
				t.Fatal("the snapshot writes back differently")
			}
		}
	})
}

// resealed gets a fuzzer past the checksum.
func resealed(b []byte) []byte {
	if len(b) < 32 {
		return b
	}
	return reseal(b)
}
