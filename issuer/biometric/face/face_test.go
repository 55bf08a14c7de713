package face_test

import (
	"encoding/json"
	"errors"
	"math"
	mrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/face"
)

func random(r *mrand.Rand, norm float64) []float64 {
	x, sum := make([]float64, face.Dimensions), 0.
	for i := range x {
		x[i] = r.NormFloat64()
		sum += x[i] * x[i]
	}
	for i := range x {
		x[i] *= norm / math.Sqrt(sum)
	}
	return x
}

func vector(t testing.TB, x []float64) face.Vector {
	t.Helper()
	v, err := face.FromFloats(x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDistance(t *testing.T) {
	r := mrand.New(mrand.NewPCG(1, 2))
	for range 200 {
		a, b := random(r, 1.2), random(r, 1.2)
		want := 0.
		for i := range a {
			want += (a[i] - b[i]) * (a[i] - b[i])
		}
		va, vb := vector(t, a), vector(t, b)
		if got := va.Distance(vb); math.Abs(got-math.Sqrt(want)) > .02 {
			t.Fatalf("distance %v, want about %v", got, math.Sqrt(want))
		}
		if va.Squared(vb) != vb.Squared(va) || va.Squared(va) != 0 || !va.Same(va) {
			t.Fatal("not a distance")
		}
	}
}

// The threshold is .55 exactly: the last int8 distance below it matches, the
// first one at or above does not.
func TestThresholdEdge(t *testing.T) {
	for squares, same := range map[[7]int8]bool{
		{124, 66, 9, 3, 1, 1}:    true,  // 19,824
		{124, 66, 9, 3, 1, 1, 1}: false, // 19,825
	} {
		var a, b face.Vector
		copy(b[:], squares[:])
		if a.Same(b) != same || (a.Distance(b) < face.Threshold) != same {
			t.Errorf("squared %d: %v", a.Squared(b), a.Same(b))
		}
	}
	r := mrand.New(mrand.NewPCG(3, 4))
	near, below, above := 0, 0, 0
	for near < 5000 {
		var a, b face.Vector
		for i := range b {
			b[i] = int8(r.IntN(44) - 22)
		}
		d := a.Squared(b)
		if d < 19000 || d > 20600 {
			continue
		}
		near++
		if a.Same(b) {
			below++
		} else {
			above++
		}
		if a.Same(b) != (a.Distance(b) < face.Threshold) {
			t.Fatalf("squared %d: integer and float disagree", d)
		}
	}
	if below == 0 || above == 0 {
		t.Fatal("the edge was not met")
	}
}

func TestFromFloats(t *testing.T) {
	x := random(mrand.New(mrand.NewPCG(5, 6)), 1)
	x[0], x[1], x[2] = 9, -9, .1
	v := vector(t, x)
	if v[0] != 127 || v[1] != -128 || v[2] != 26 {
		t.Fatalf("%v", v[:3])
	}
	x[3] = math.NaN()
	if _, err := face.FromFloats(x); !errors.Is(err, face.ErrFormat) {
		t.Errorf("NaN: %v", err)
	}
	if _, err := face.FromFloats(x[:127]); !errors.Is(err, face.ErrFormat) {
		t.Errorf("127 numbers: %v", err)
	}
	for _, norm := range []float64{0, .4, 4} {
		if _, err := face.FromFloats(random(mrand.New(mrand.NewPCG(5, 6)), norm)); !errors.Is(err, face.ErrNorm) {
			t.Errorf("length %v: %v", norm, err)
		}
	}
	var all face.Vector
	for i := range all {
		all[i] = 127
	}
	if !errors.Is(all.Check(), face.ErrNorm) {
		t.Error("a vector of only 127 passes for a face")
	}
}

func TestAverage(t *testing.T) {
	r := mrand.New(mrand.NewPCG(7, 8))
	base := random(r, 1.2)
	var frames []face.Vector
	for range 8 {
		x := random(r, .25)
		for i := range x {
			x[i] += base[i]
		}
		frames = append(frames, vector(t, x))
	}
	mean, err := face.Average(frames...)
	if err != nil {
		t.Fatal(err)
	}
	if d := mean.Distance(vector(t, base)); d > .15 {
		t.Errorf("the mean of 8 frames is %v away", d)
	}
	if one, err := face.Average(frames[0]); err != nil || one != frames[0] {
		t.Errorf("the mean of one frame is another: %v", err)
	}
	for name, bad := range map[string][]face.Vector{
		"none":    nil,
		"many":    make([]face.Vector, face.MaxFrames+1),
		"two men": append(frames[:4:4], vector(t, random(r, 1.2))),
	} {
		if _, err := face.Average(bad...); !errors.Is(err, face.ErrFrames) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := face.Average(face.Vector{}); !errors.Is(err, face.ErrNorm) {
		t.Errorf("zero frame: %v", err)
	}
}

func TestForms(t *testing.T) {
	v := vector(t, random(mrand.New(mrand.NewPCG(9, 10)), 1.2))
	text, _ := v.MarshalText()
	var a, b, c face.Vector
	if err := a.UnmarshalText(text); err != nil || a != v || len(text) != 171 {
		t.Fatalf("text: %v", err)
	}
	j, err := json.Marshal(v)
	if err != nil || json.Unmarshal(j, &b) != nil || b != v {
		t.Fatalf("JSON string: %v", err)
	}
	array, _ := json.Marshal([face.Dimensions]int8(v))
	if err := json.Unmarshal(array, &c); err != nil || c != v {
		t.Fatalf("JSON array: %v", err)
	}
	numbers := strings.TrimSuffix(strings.Repeat("1,", 128), ",")
	for _, bad := range []string{
		`null`, `{}`, `""`, `"` + string(text) + `="`, `"` + string(text[:170]) + `\n"`, "[" + numbers[2:] + "]", "[" + numbers + ",1]",
		"[1.0" + numbers[1:] + "]", "[128" + numbers[1:] + "]", "[1e0" + numbers[1:] + "]", "[\"1\"" + numbers[1:] + "]", "[-0" + numbers[1:] + "]",
		"[null" + numbers[1:] + "]",
	} {
		got := v
		if err := json.Unmarshal([]byte(bad), &got); err == nil || got != v {
			t.Errorf("%.40s: %v, changed %v", bad, err, got != v)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	v := face.Vector{1, -2, 3}
	text, _ := v.MarshalText()
	array, _ := json.Marshal([face.Dimensions]int8(v))
	f.Add([]byte(`"` + string(text) + `"`))
	f.Add(array)
	f.Fuzz(func(t *testing.T, data []byte) {
		var v, w face.Vector
		if err := v.UnmarshalJSON(data); err != nil {
			if v != (face.Vector{}) || !errors.Is(err, face.ErrFormat) {
				t.Fatalf("refused and changed: %v", err)
			}
			return
		}
		text, _ := v.MarshalText()
		if err := w.UnmarshalText(text); err != nil || w != v {
			t.Fatalf("round trip: %v", err)
		}
		if got, err := face.Parse(v.Bytes()); err != nil || got != v {
			t.Fatalf("bytes: %v", err)
		}
	})
}

func BenchmarkSquared(b *testing.B) {
	r := mrand.New(mrand.NewPCG(1, 2))
	v, w := vector(b, random(r, 1.2)), vector(b, random(r, 1.2))
	for b.Loop() {
		_ = v.Squared(w)
	}
}
