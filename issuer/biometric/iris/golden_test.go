package iris_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
)

// example is the public example data of iris-mpc; the file names its source.
type example struct {
	Source    string `json:"source"`
	Rotations struct {
		Code   string            `json:"code"`
		SHA256 map[string]string `json:"sha256"`
	} `json:"rotations"`
	Mirror struct {
		Code         string `json:"code"`
		Mask         string `json:"mask"`
		MirroredCode string `json:"mirrored_code"`
		MirroredMask string `json:"mirrored_mask"`
	} `json:"mirror"`
	Distance struct {
		ACode       string  `json:"a_code"`
		AMask       string  `json:"a_mask"`
		BCode       string  `json:"b_code"`
		BMask       string  `json:"b_mask"`
		Unrotated   float64 `json:"unrotated"`
		Rotations15 float64 `json:"rotations_15"`
	} `json:"distance"`
}

func loadExample(t testing.TB) example {
	t.Helper()
	raw, err := os.ReadFile("testdata/iris-mpc.json")
	if err != nil {
		t.Fatal(err)
	}
	var e example
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t testing.TB, code, mask string) iris.Template {
	t.Helper()
	out, err := iris.FromFlat(200, unbase64(t, code), unbase64(t, mask))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func allOnes() string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 1600)) }

func TestGoldenRotations(t *testing.T) {
	e := loadExample(t)
	tmpl := decode(t, e.Rotations.Code, allOnes())
	if len(e.Rotations.SHA256) != iris.Rotations {
		t.Fatalf("%d rotations", len(e.Rotations.SHA256))
	}
	for by, want := range e.Rotations.SHA256 {
		n, err := strconv.Atoi(by)
		if err != nil {
			t.Fatal(err)
		}
		code, _ := tmpl.Rotate(n).Flat()
		if got := sha256.Sum256(code); hex.EncodeToString(got[:]) != want {
			t.Errorf("rotation %d differs", n)
		}
	}
}

func TestGoldenMirror(t *testing.T) {
	e := loadExample(t)
	a := decode(t, e.Mirror.Code, e.Mirror.Mask)
	b := decode(t, e.Mirror.MirroredCode, e.Mirror.MirroredMask)
	if !a.Mirror().Equal(b) || !b.Mirror().Equal(a) {
		t.Fatal("mirror image differs")
	}
}

func TestGoldenDistances(t *testing.T) {
	e := loadExample(t)
	a, b := decode(t, e.Distance.ACode, e.Distance.AMask), decode(t, e.Distance.BCode, e.Distance.BMask)
	if got := iris.Between(a, b).HD(); math.Abs(got-e.Distance.Unrotated) > 1e-12 {
		t.Errorf("unrotated %v, want %v", got, e.Distance.Unrotated)
	}
	got, _ := iris.NewQuery(a).Min(b)
	back, _ := iris.NewQuery(b).Min(a)
	if math.Abs(got.HD()-e.Distance.Rotations15) > 1e-12 || back.HD() != got.HD() {
		t.Errorf("31 rotations %v and %v, want %v", got.HD(), back.HD(), e.Distance.Rotations15)
	}
}
