package mpc_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// beginFace makes a face pending; any vector, as a rogue device could.
func (p *parties) beginFace(s byte, v face.Vector) {
	p.t.Helper()
	p.seed++
	p.beginShares(s, faceShares(p.t, p.seed, [128]int32(widen(v))))
}

func widen(v face.Vector) []int32 {
	out := make([]int32, len(v))
	for i, x := range v {
		out[i] = int32(x)
	}
	return out
}

// faceShares splits numbers whether or not a face has them.
func faceShares(t testing.TB, seed byte, v [128]int32) (out [3]dot.FaceShare[uint32]) {
	t.Helper()
	values := make([]uint32, len(v))
	for i, x := range v {
		values[i] = uint32(x)
	}
	shares, err := galois.Split(source(seed), values)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		if out[i], err = dot.FaceShareOf(i, shares[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func (p *parties) beginShares(s byte, shares [3]dot.FaceShare[uint32]) {
	p.t.Helper()
	must(p.t, three(func(i int) error {
		b, err := shares[i].MarshalBinary()
		if err != nil {
			return err
		}
		words, err := mpc.Faces().Parse(i, b)
		if err != nil {
			return err
		}
		return p.all[i].Begin(mpc.Serial{s}, mpc.Capture{s}, words)
	}))
}

// Faces by the protocol are the plain matcher's, edge by edge: vectors whose
// squared distance is the largest that matches, and one more.
func TestFaceEdges(t *testing.T) {
	p := newParties(t, mpc.Faces())
	base := synth.New(51).Person(1).SampleFace(0)
	p.beginFace(0, base)
	serials := []mpc.Serial{{0}}
	want := []bool{false}
	// 19824 and 19825, near and far, as sums of squares in different numbers.
	for i, squared := range []int{19824, 19825, 19823, 0, 1, 30000, 19824, 19825} {
		v := base
		rest := squared
		for k := i * 16; rest > 0; k = (k + 1) % 128 {
			step := 0
			for (step+1)*(step+1) <= rest && int(v[k])+step+1 <= 127 {
				step++
			}
			if v[k] == base[k] {
				v[k] += int8(step)
				rest -= step * step
			}
		}
		if got := base.Squared(v); got != squared {
			t.Fatalf("squared distance %d, not %d", got, squared)
		}
		p.beginFace(byte(i+1), v)
		serials = append(serials, mpc.Serial{byte(i + 1)})
	}
	if got := p.check(serials...); slices.Contains(got, false) {
		t.Fatalf("good faces: %v", got)
	}
	// Each alone against the first: what is between is freed by comparing with
	// the first only, one after the other.
	for i, s := range serials[1:] {
		want = append(want, []bool{true, false, true, true, true, false, true, false}[i])
		must(t, three(func(k int) error {
			for _, o := range serials[1 : i+1] {
				if err := p.all[k].Free(o); err != nil {
					return err
				}
			}
			return nil
		}))
		if got := p.match(s); got[0] != want[i+1] {
			t.Errorf("face %d: %v", i+1, got)
		}
	}
}

// Thousands of pairs of faces: the bit of every query is the plain matcher's, and
// the place found is the lowest of the plain matcher's.
func TestFacesEqualPlain(t *testing.T) {
	p, crowd := newParties(t, mpc.Faces()), synth.New(52)
	const people = 70
	var vectors []face.Vector
	var serials []mpc.Serial
	for n := range people {
		person := uint64(n)
		if n%5 == 4 {
			person = uint64(n - 3) // somebody who came before
		}
		vectors = append(vectors, crowd.Person(person).SampleFace(uint64(n)))
		p.beginFace(byte(n), vectors[n])
		serials = append(serials, mpc.Serial{byte(n)})
	}
	hits := 0
	for at := 0; at < people; at += 35 {
		if got := p.check(serials[at : at+35]...); slices.Contains(got, false) {
			t.Fatalf("good faces: %v", got)
		}
		got := p.match(serials[at : at+35]...)
		for i, known := range got {
			lowest := slices.IndexFunc(vectors[:at+i], vectors[at+i].Same)
			if known != (lowest >= 0) {
				t.Errorf("face %d: %v, the plain matcher finds %d", at+i, known, lowest)
			}
			if lowest < 0 {
				continue
			}
			hits++
			if place, known := p.find(serials[at+i]); !known || place != lowest {
				t.Errorf("face %d: found at %d, the plain matcher finds %d", at+i, place, lowest)
			}
		}
	}
	if hits < 10 || hits > 30 {
		t.Errorf("%d hits: this test sees one side only", hits)
	}
}

func (p *parties) find(s mpc.Serial) (place int, known bool) {
	p.t.Helper()
	var places [3]int
	found := p.ask(func(i int, n uint64) ([]bool, error) {
		at, known, err := p.all[i].Find(p.t.Context(), n, s)
		places[i] = at
		return []bool{known}, err
	})
	if places[0] != places[1] || places[0] != places[2] {
		p.t.Fatal("the parties do not agree on the place")
	}
	return places[0], found[0]
}

// What face.Vector.Check accepts passes, at the ends too, and no number of a
// vector may be out of range, however it is hidden.
func TestFaceInputs(t *testing.T) {
	sessions := newRoom(t).sessions(t, time.Minute, nil)
	number := sessions[0].First()
	base := [128]int32(widen(synth.New(53).Person(1).SampleFace(0)))
	with := func(changes map[int]int32) [128]int32 {
		v := base
		for k, x := range changes {
			v[k] = x
		}
		return v
	}
	all := func(x int32, rest int32) (v [128]int32) {
		for k := range v {
			v[k] = x
		}
		v[127] = rest
		return v
	}
	cases := map[string]struct {
		v    [128]int32
		want bool
	}{
		"as it is":          {base, true},
		"127":               {with(map[int]int32{0: 127}), true},
		"-128":              {with(map[int]int32{127: -128}), true},
		"128":               {with(map[int]int32{0: 128}), false},
		"-129":              {with(map[int]int32{64: -129}), false},
		"256":               {with(map[int]int32{5: 256}), false},
		"2^16":              {with(map[int]int32{5: 1 << 16}), false}, // its square is 0
		"2^31":              {with(map[int]int32{99: -1 << 31}), false},
		"2^16 and its like": {with(map[int]int32{5: 1 << 16, 6: -1 << 16}), false},
		"all zero":          {all(0, 0), false},
		"shortest":          {with0(map[int]int32{0: 127, 1: 15, 2: 5, 3: 2, 4: 1}), true}, // 16,384
		"too short":         {with0(map[int]int32{0: 127, 1: 15, 2: 5, 3: 2}), false},      // 16,383
		"longest":           {longest(0), true},                                            // 589,824
		"too long":          {longest(1), false},                                           // 589,825
		"far too long":      {all(-128, -128), false},
	}
	var names []string
	var shares [3][]dot.FaceShare[uint32]
	for name, c := range cases {
		s := faceShares(t, byte(60+len(names)), c.v)
		names = append(names, name)
		for i := range shares {
			shares[i] = append(shares[i], s[i])
		}
	}
	// And one whose shares are not on a line.
	s := faceShares(t, 99, base)
	s[1].Words()[77] += 1 << 20
	for i := range shares {
		shares[i] = append(shares[i], s[i])
	}
	var got [3][]bool
	must(t, three(func(i int) (err error) {
		got[i], err = sessions[i].CheckFaces(t.Context(), number, [32]byte{7}, shares[i])
		return err
	}))
	if !slices.Equal(got[0], got[1]) || !slices.Equal(got[0], got[2]) {
		t.Fatal("the parties do not agree")
	}
	for k, name := range names {
		want := cases[name].want
		if got[0][k] != want {
			t.Errorf("%s: %v", name, got[0][k])
		}
		// The plain rule, where a vector can be written at all.
		var v face.Vector
		fits := true
		for i, x := range cases[name].v {
			v[i] = int8(x)
			fits = fits && int32(v[i]) == x
		}
		if fits && (v.Check() == nil) != want {
			t.Errorf("%s: the plain rule says %v", name, v.Check())
		}
	}
	if got[0][len(names)] {
		t.Error("shares that do not agree pass")
	}
}

func with0(numbers map[int]int32) (v [128]int32) {
	for k, x := range numbers {
		v[k] = x
	}
	return v
}

// longest gives a vector whose squared length is 589,824 and more.
func longest(more int32) (v [128]int32) {
	rest := 589824 + more
	for k := range v {
		step := int32(0)
		for step < 100 && (step+1)*(step+1) <= rest {
			step++
		}
		v[k] = step
		rest -= step * step
	}
	if rest != 0 {
		panic("no such vector")
	}
	return v
}

// A party that starts again with its roll and shares knows whom it knew, with a
// new session; who is gone has no shares.
func TestRestore(t *testing.T) {
	p, crowd := newParties(t, mpc.Faces()), synth.New(54)
	var kept [3][][]uint16
	begin := func(n byte, sample uint64) {
		t.Helper()
		shares := faceShares(t, n+1, [128]int32(widen(crowd.Person(uint64(n)).SampleFace(sample))))
		must(t, three(func(i int) error {
			b, err := shares[i].MarshalBinary()
			if err != nil {
				return err
			}
			words, err := mpc.Faces().Parse(i, b)
			if err != nil {
				return err
			}
			kept[i] = append(kept[i], words)
			return p.all[i].Begin(mpc.Serial{n}, mpc.Capture{n}, words)
		}))
	}
	for n := range byte(5) {
		begin(n, 0)
	}
	must(t, three(func(i int) error {
		return errors.Join(p.all[i].Commit(mpc.Serial{0}), p.all[i].Commit(mpc.Serial{1}), p.all[i].Free(mpc.Serial{1}), p.all[i].Commit(mpc.Serial{2}))
	}))
	again := newRoom(t).sessions(t, time.Minute, nil)
	for i := range p.all {
		q, err := mpc.NewParty(i, mpc.Faces(), p.all[i].Roll(), mpc.Epoch{}, mpc.Prefix)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Begin(mpc.Serial{9}, mpc.Capture{9}, kept[i][0]); !errors.Is(err, mpc.ErrShape) {
			t.Errorf("begun before all are back: %v", err)
		}
		if _, err := q.Check(t.Context(), 1, mpc.Serial{3}); !errors.Is(err, mpc.ErrBroken) {
			t.Errorf("checked without a session: %v", err)
		}
		for place, words := range kept[i] {
			if place == 1 {
				if err := q.Restore(words); !errors.Is(err, mpc.ErrShape) {
					t.Errorf("shares of somebody who is gone: %v", err)
				}
				words = nil
			}
			if err := q.Restore(words); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Restore(kept[i][0]); !errors.Is(err, mpc.ErrShape) {
			t.Errorf("more shares than places: %v", err)
		}
		if err := q.Connect(again[(i+1)%3]); !errors.Is(err, mpc.ErrConfig) {
			t.Errorf("another party's session: %v", err)
		}
		if err := q.Connect(again[i]); err != nil {
			t.Fatal(err)
		}
		p.all[i] = q
	}
	p.number = again[0].First()
	for n, want := range []bool{true, false, true, true} {
		v := crowd.Person(uint64(n)).SampleFace(5)
		p.beginFace(byte(100+n), v)
		s := mpc.Serial{byte(100 + n)}
		p.check(s)
		if got := p.match(s); got[0] != want {
			t.Errorf("person %d: %v", n, got)
		}
		if place, known := p.find(s); known != want || known && place != n {
			t.Errorf("person %d: found at %d, %v", n, place, known)
		}
		must(t, three(func(i int) error { return p.all[i].Free(s) }))
	}
	if _, err := mpc.NewParty(3, mpc.Faces(), openRoll(t, filepath.Join(t.TempDir(), "roll")), mpc.Epoch{}, mpc.Prefix); !errors.Is(err, mpc.ErrConfig) {
		t.Errorf("party 3: %v", err)
	}
}
