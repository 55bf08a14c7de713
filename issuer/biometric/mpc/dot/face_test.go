package dot

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// faces enrols the vectors at three parties, and compare gives for each whether
// it is the same as v.
type faces[W galois.Word] [galois.Parties]*FaceGallery[W]

func newFaces[W galois.Word](t testing.TB, noise *rand.ChaCha8, vectors []face.Vector) (g faces[W]) {
	t.Helper()
	for p := range g {
		g[p], _ = NewFaceGallery[W](p)
	}
	for _, v := range vectors {
		shares, err := SplitFace[W](noise, v)
		if err != nil {
			t.Fatal(err)
		}
		for p, s := range shares {
			if err := s.Refresh(source(99)); err != nil {
				t.Fatal(err)
			}
			if _, err := g[p].Append(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	return g
}

func (g faces[W]) compare(t testing.TB, noise *rand.ChaCha8, v face.Vector) []W {
	t.Helper()
	shares, err := SplitFace[W](noise, v)
	if err != nil {
		t.Fatal(err)
	}
	sum := make([]W, g[0].Len())
	for p, s := range shares {
		part := make([]W, len(sum))
		if err := g[p].Compare(s, 0, len(part), part); err != nil {
			t.Fatal(err)
		}
		for i, x := range part {
			sum[i] += x
		}
	}
	return sum
}

// In 32 bits the number is the squared distance of package face to the unit, and
// the bit is Same; in 16 bits the number is the distance of the rounded vectors,
// and the bit differs from Same in few pairs near the threshold.
func TestFacesEqualPlainMatcher(t *testing.T) {
	crowd, noise := synth.New(5), source(6)
	var enrolled []face.Vector
	for n := range 300 {
		enrolled = append(enrolled, crowd.Person(uint64(n)).SampleFace(0))
	}
	exact, rounded := newFaces[uint32](t, noise, enrolled), newFaces[uint16](t, noise, enrolled)
	differ, pairs := 0, 0
	for k := range 60 {
		v := crowd.Person(uint64(5 * k)).SampleFace(1)
		wide, narrow := exact.compare(t, noise, v), rounded.compare(t, noise, v)
		for i, e := range enrolled {
			squared := v.Squared(e)
			if int(int32(wide[i])) != squared-int(faceLimit[uint32]())-1 || wide[i]>>31 == 1 != v.Same(e) {
				t.Fatalf("query %d, face %d: %d, squared distance %d", k, i, int32(wide[i]), squared)
			}
			a, _, errA := Coarse(v)
			b, _, errB := Coarse(e)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if got, want := int(int16(narrow[i])), face.Vector(a).Squared(face.Vector(b))-int(faceLimit[uint16]())-1; got != want {
				t.Fatalf("query %d, face %d: %d in 16 bits, want %d", k, i, got, want)
			}
			pairs++
			if narrow[i]>>15 == 1 != v.Same(e) {
				differ++
				if d := v.Distance(e); d < .49 || d > .61 {
					t.Errorf("rounding decides at a distance of %.3f", d)
				}
			}
		}
	}
	t.Logf("16 bits decide otherwise in %d of %d pairs", differ, pairs)
	if differ*200 > pairs {
		t.Errorf("16 bits decide otherwise in %d of %d pairs", differ, pairs)
	}
}

// The longest vectors that are let in, opposite to one another, and a removed
// face beside the shortest: nothing wraps.
func TestFacesAtTheEnds(t *testing.T) {
	noise := source(7)
	var long, opposite, short face.Vector
	for i := range long {
		long[i], opposite[i] = 67, -67 // 2.96 units
		if i < 64 {
			short[i] = 16 // .5 units
		}
	}
	vectors := []face.Vector{long, opposite, short, short}
	exact, rounded := newFaces[uint32](t, noise, vectors), newFaces[uint16](t, noise, vectors)
	for p := range galois.Parties {
		exact[p].Remove(3)
		rounded[p].Remove(3)
	}
	for k, v := range vectors[:3] {
		wide, narrow := exact.compare(t, noise, v), rounded.compare(t, noise, v)
		for i := range vectors {
			if want := i == k; wide[i]>>31 == 1 != want || narrow[i]>>15 == 1 != want {
				t.Errorf("vector %d against %d: %d and %d", k, i, int32(wide[i]), int16(narrow[i]))
			}
		}
	}
	most := 0
	for range 2000 { // random vectors as long as Check allows
		r := rand.New(noise)
		var v face.Vector
		for i := range v {
			v[i] = int8(max(-128, min(127, r.NormFloat64()*67.5)))
		}
		if v.Check() != nil {
			continue
		}
		_, squared, err := Coarse(v)
		if err != nil {
			t.Fatalf("%f units: %v", v.Norm(), err)
		}
		most = max(most, squared)
	}
	// The bound itself: rounding moves a vector by half a step per number.
	if longest := 3*CoarseScale + 5.66; longest*longest > maxCoarse || 4*maxCoarse-int(faceLimit[uint16]()) > 1<<15 {
		t.Errorf("a vector of 3 units is up to %.1f steps long", longest)
	}
}

func TestFaceRefusals(t *testing.T) {
	_, zero := SplitFace[uint16](source(1), face.Vector{})
	shares, err := SplitFace[uint16](source(1), synth.New(1).Person(1).SampleFace(0))
	if err != nil {
		t.Fatal(err)
	}
	_, party := NewFaceGallery[uint16](-1)
	g, _ := NewFaceGallery[uint16](1)
	_, appended := g.Append(shares[0])
	var huge face.Vector
	for i := range huge {
		huge[i] = 127
	}
	_, _, long := Coarse(huge)
	for name, c := range map[string]struct{ got, want error }{
		"zero vector":     {zero, face.ErrNorm},
		"party":           {party, ErrParty},
		"another's":       {appended, ErrParty},
		"another's query": {g.Compare(shares[2], 0, 0, nil), ErrParty},
		"past the end":    {g.Compare(shares[1], 0, 1, make([]uint16, 1)), ErrShape},
		"places":          {g.Compare(shares[1], 0, 0, make([]uint16, 1)), ErrShape},
		"too long":        {long, ErrRange},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v", name, c.got)
		}
	}
}
