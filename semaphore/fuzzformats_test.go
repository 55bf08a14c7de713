package semaphore

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/semaphore/artifacts"
)

// FuzzParsePacked: base64url has one spelling of a proof.
func FuzzParsePacked(f *testing.F) {
	for _, p := range crowd(f, 18) {
		text, err := p.Packed()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text + "=")
		f.Add(strings.NewReplacer("-", "+", "_", "/").Replace(text))
		f.Add(text[:100] + "\n" + text[100:])
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		b[161] ^= 0x40 // the other root of B
		f.Add(base64.RawURLEncoding.EncodeToString(b))
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePacked(s)
		if (p == nil) == (err == nil) {
			t.Fatal("proof and error disagree")
		}
		if err != nil {
			if !typedProofError(err) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if again, err := p.Packed(); err != nil || again != s {
			t.Fatalf("%q writes as %q (%v)", s, again, err)
		}
		out, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := ParseProof(out); err != nil || *q != *p {
			t.Fatalf("as JSON: %v", err)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	for _, c := range official(f).Identities {
		key, ok := c.PrivateKey.bytes(f)
		if !ok {
			continue
		}
		k := IdentityFromKey(key).PublicKey()
		f.Add(k.X.String(), k.Y.String())
	}
	f.Add("0", "1") // the neutral point
	f.Fuzz(func(t *testing.T, x, y string) {
		k, err := ParsePublicKey(x, y)
		if err != nil {
			if k != (PublicKey{}) {
				t.Fatal("error and a value")
			}
			return
		}
		if k.X.String() != x || k.Y.String() != y {
			t.Fatalf("%q, %q reads as %v", x, y, k)
		}
		if back, err := DecompressPublicKey(k.Compress()); err != nil || back != k {
			t.Fatalf("packed: %v", err)
		}
		out, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		var again PublicKey
		if err := json.Unmarshal(out, &again); err != nil || again != k {
			t.Fatalf("as JSON: %v", err)
		}
	})
}

func FuzzDecompressPublicKey(f *testing.F) {
	for n := range 4 {
		b := IdentityFromKey([]byte{byte(n)}).PublicKey().Compress()
		f.Add(b[:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var in [32]byte
		copy(in[:], b)
		k, err := DecompressPublicKey(in)
		if err != nil {
			if k != (PublicKey{}) {
				t.Fatal("error and a value")
			}
			return
		}
		if k.Compress() != in {
			t.Fatalf("%x writes as %x", in, k.Compress())
		}
	})
}

// FuzzJSONValues: what stands inside of larger documents.
func FuzzJSONValues(f *testing.F) {
	k := IdentityFromKey([]byte("fuzz")).PublicKey()
	for _, v := range []any{Element{31: 7}, Uint256{0: 0xff}, k} {
		b, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{"null", "7", `"07"`, `""`, `"\u0037"`, `["1","2","3"]`, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Element
		var u Uint256
		if err := e.UnmarshalJSON(b); err != nil && e != (Element{}) || err == nil && !e.valid() {
			t.Fatalf("element %v: %v", e, err)
		}
		if err := u.UnmarshalJSON(b); err != nil && u != (Uint256{}) {
			t.Fatalf("number %v: %v", u, err)
		}
		k := PublicKey{X: Element{1}}
		if err := k.UnmarshalJSON(b); err != nil && k != (PublicKey{X: Element{1}}) || err == nil && k.Validate() != nil {
			t.Fatalf("key %v: %v", k, err)
		}
	})
}

func FuzzParseVerifyingKey(f *testing.F) {
	for _, depth := range []int{1, 20, 32} {
		f.Add(artifacts.VerifyingKeyJSON(depth))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKey(b)
		if (k == nil) == (err == nil) {
			t.Fatal("key and error disagree")
		}
		if err != nil {
			return
		}
		for _, p := range append(k.ic[:], k.alpha) {
			if p.IsInfinity() || !p.IsOnCurve() {
				t.Fatal("a point off the curve")
			}
		}
		if !k.beta.IsOnCurve() || !k.gamma.IsOnCurve() || !k.delta.IsOnCurve() {
			t.Fatal("a point off the twist")
		}
	})
}
