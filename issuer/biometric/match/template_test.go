package match_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	mrand "math/rand/v2"
	"os"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// pattern is a template from integer arithmetic alone, so that the golden
// bytes depend on nothing but the format.
func pattern(t testing.TB, cols int, seed uint64) iris.Template {
	t.Helper()
	r := mrand.NewPCG(seed, 1)
	code, mask := make([]byte, cols*8), make([]byte, cols*8)
	for i := range code {
		code[i] = byte(r.Uint64())
		mask[i] = [4]byte{0xff, 0xff, 0xcf, 0x3f}[r.Uint64()%4]
	}
	e, err := iris.FromFlat(cols, code, mask)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func patterns(t testing.TB) map[string]match.Template {
	var v face.Vector
	for i := range v {
		v[i] = int8(i*37%61 - 30)
	}
	return map[string]match.Template{
		"iris 200": match.FromIris(iris.Pair{Left: pattern(t, 200, 1), Right: pattern(t, 200, 2)}),
		"iris 256": match.FromIris(iris.Pair{Left: pattern(t, 256, 3), Right: pattern(t, 256, 4)}),
		"face":     match.FromFace(v),
	}
}

type golden struct {
	Name   string `json:"name"`
	Bytes  int    `json:"bytes"`
	Head   string `json:"head"` // the first 64 bytes
	SHA256 string `json:"sha256"`
}

const goldenFile = "testdata/templates.json"

// What was sealed at rest once must be readable for ever.
func TestGolden(t *testing.T) {
	var got []golden
	for _, name := range []string{"iris 200", "iris 256", "face"} {
		b, err := patterns(t)[name].MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		got = append(got, golden{name, len(b), hex.EncodeToString(b[:64]), hex.EncodeToString(sum[:])})
	}
	out, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, '\n')
	if os.Getenv("PERHUMAN_WRITE_GOLDEN") != "" {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(goldenFile, out, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out, want) {
		t.Fatalf("template bytes changed:\n%s", out)
	}
}

func TestTemplateForms(t *testing.T) {
	for name, tmpl := range patterns(t) {
		b, err := tmpl.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back, err := match.Parse(b)
		if err != nil || back.Modality() != tmpl.Modality() || back.Algorithm() != tmpl.Algorithm() {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := back.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%s: %v", name, err)
		}
		for n := range b {
			if _, err := match.Parse(b[:n]); !errors.Is(err, match.ErrFormat) {
				t.Fatalf("%s cut to %d: %v", name, n, err)
			}
		}
		if _, err := match.Parse(append(b, 0)); !errors.Is(err, match.ErrFormat) {
			t.Fatalf("%s and a byte: %v", name, err)
		}
		for i, v := range []byte{2, 3} {
			bad := bytes.Clone(b)
			bad[i] = v
			if _, err := match.Parse(bad); !errors.Is(err, match.ErrFormat) {
				t.Fatalf("%s with byte %d = %d: %v", name, i, v, err)
			}
		}
		parts, err := tmpl.Parts()
		if err != nil || len(parts) != tmpl.Modality().Eyes() {
			t.Fatalf("%s: %d parts, %v", name, len(parts), err)
		}
		if _, err := match.FromParts(capture.Template{Algorithm: "other", Version: 1}, parts); !errors.Is(err, match.ErrFormat) {
			t.Fatalf("%s under another algorithm: %v", name, err)
		}
		_, isIris := tmpl.Iris()
		_, isFace := tmpl.Face()
		if isIris == isFace {
			t.Fatalf("%s is both or neither", name)
		}
	}
	var none match.Template
	if _, err := none.MarshalBinary(); !errors.Is(err, match.ErrFormat) {
		t.Errorf("zero value: %v", err)
	}
	if err := none.Fill(&capture.CaptureRequest{}); !errors.Is(err, match.ErrFormat) {
		t.Errorf("zero value: %v", err)
	}
	if _, err := match.FromParts(capture.Template{}, nil); !errors.Is(err, match.ErrFormat) {
		t.Errorf("no parts: %v", err)
	}
}

func TestWipe(t *testing.T) {
	p := synth.New(1).Person(1).Sample(0)
	tmpl := match.FromIris(p)
	tmpl.Wipe()
	if p.Left.MaskBits() != 0 || tmpl.Modality() != "" {
		t.Error("not wiped")
	}
}

func FuzzParse(f *testing.F) {
	for _, tmpl := range patterns(f) {
		b, err := tmpl.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tmpl, err := match.Parse(b)
		if err != nil {
			if tmpl.Modality() != "" || !errors.Is(err, match.ErrFormat) {
				t.Fatalf("%v", err)
			}
			return
		}
		back, err := tmpl.MarshalBinary()
		if err != nil || !bytes.Equal(back, b) {
			t.Fatalf("not canonical: %v", err)
		}
		// Whatever was parsed can be offered to a matcher.
		m := match.New()
		if _, _, err := m.MatchOrAdd(match.Serial{1}, tmpl); err == nil {
			if hit, _, err := m.Match(tmpl); err != nil || !hit {
				t.Fatalf("does not match itself: %v %v", hit, err)
			}
		}
	})
}
