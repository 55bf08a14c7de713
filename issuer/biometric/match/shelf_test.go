package match_test

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/iris"
	"github.com/perhuman/perhuman/issuer/biometric/match"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

func marshal(t *testing.T, tmpl match.Template) []byte {
	t.Helper()
	b, err := tmpl.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A crowd restored by many callers beside one another, while some are removed
// again, is the crowd that was added one by one.
func TestRestore(t *testing.T) {
	const n, each = 20, 9 // people, and callers who restore all of them
	crowd, m := synth.New(37), match.New()
	people := make([][]byte, n)
	for i := range people {
		people[i] = marshal(t, irisOf(crowd, i, 0))
	}
	given := slices.Clone(people)
	for i := range given {
		given[i] = bytes.Clone(given[i])
	}
	var wg sync.WaitGroup
	for k := range each {
		wg.Go(func() {
			for i := range n {
				if err := m.Restore(serial(1000*k+i), given[i]); err != nil {
					t.Error(err)
				}
				if i%5 == 4 && !m.Remove(serial(1000*k+i-2)) {
					t.Errorf("%d was not there", i-2)
				}
			}
		})
	}
	wg.Wait()
	for i := range given {
		if !bytes.Equal(given[i], people[i]) {
			t.Fatal("what is restored was changed")
		}
		clear(given[i])
	}
	runtime.GC() // what was replaced is wiped, and nothing else
	runtime.GC()
	if want := each * n * 4 / 5; m.Len() != want {
		t.Fatalf("%d people, want %d", m.Len(), want)
	}
	var known []match.Serial
	for k := range each {
		known = append(known, serial(1000*k+1))
	}
	again := irisOf(crowd, 1, 1)
	for k := range known { // each of them is there
		mustMatch(t, m, again, known[k], known[:k]...)
	}
	mustMiss(t, m, again, known...)
	mustMiss(t, m, irisOf(crowd, 2, 1))
	mustMatch(t, m, irisOf(crowd, n-1, 1), serial(n-1))
}

// What Restore refuses leaves nothing behind, and the place is used again.
func TestRestoreRefusals(t *testing.T) {
	crowd, m := synth.New(38), match.New()
	wide, err := synth.NewColumns(1, 256)
	if err != nil {
		t.Fatal(err)
	}
	good := marshal(t, irisOf(crowd, 1, 0))
	if err := m.Restore(serial(1), good); err != nil {
		t.Fatal(err)
	}
	other := marshal(t, irisOf(crowd, 2, 0))
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(other)
		f(b)
		return b
	}
	unmasked := func(b []byte) { // every third word of an eye is mask
		for at := 4 + 16; at < 4+2400; at += 24 {
			clear(b[at : at+8])
		}
	}
	for name, c := range map[string]struct {
		serial match.Serial
		kept   []byte
		want   error
	}{
		"nothing":          {serial(2), nil, match.ErrFormat},
		"a serial again":   {serial(1), other, match.ErrSerial},
		"a face's serial":  {serial(1), marshal(t, faceOf(crowd, 1, 0)), match.ErrSerial},
		"cut short":        {serial(2), other[:len(other)-1], match.ErrFormat},
		"too long":         {serial(2), append(bytes.Clone(other), 0), match.ErrFormat},
		"version":          {serial(2), change(func(b []byte) { b[0]++ }), match.ErrFormat},
		"kind":             {serial(2), change(func(b []byte) { b[1] = 9 }), match.ErrFormat},
		"columns of left":  {serial(2), change(func(b []byte) { b[3]++ }), match.ErrFormat},
		"columns of right": {serial(2), change(func(b []byte) { b[2+2402]++ }), match.ErrFormat},
		"no mask":          {serial(2), change(unmasked), match.ErrQuality},
		"another shape":    {serial(2), marshal(t, match.FromIris(wide.Person(1).Sample(0))), match.ErrQuality},
	} {
		if err := m.Restore(c.serial, c.kept); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if m.Len() != 1 {
		t.Fatalf("%d people", m.Len())
	}
	if err := m.Restore(serial(2), other); err != nil {
		t.Fatal(err)
	}
	if err := m.Restore(serial(3), marshal(t, faceOf(crowd, 1, 0))); err != nil || m.Len() != 3 {
		t.Fatal(err)
	}
	mustMatch(t, m, irisOf(crowd, 2, 1), serial(2))
	mustMatch(t, m, faceOf(crowd, 1, 1), serial(3))
}

// The matcher keeps a copy: what it was given may be wiped.
func TestAddCopies(t *testing.T) {
	crowd, m := synth.New(39), match.New()
	given := irisOf(crowd, 1, 0)
	if err := m.Add(serial(1), given); err != nil {
		t.Fatal(err)
	}
	given.Wipe()
	mustMatch(t, m, irisOf(crowd, 1, 1), serial(1))
	another := irisOf(crowd, 2, 0)
	if hit, _, err := m.MatchOrAdd(serial(2), another); hit || err != nil {
		t.Fatal(hit, err)
	}
	another.Wipe()
	mustMatch(t, m, irisOf(crowd, 2, 1), serial(2))
}

// Kept looks at the kind alone.
func TestKept(t *testing.T) {
	crowd := synth.New(40)
	for _, tmpl := range []match.Template{irisOf(crowd, 1, 0), faceOf(crowd, 1, 0)} {
		if got := match.Kept(marshal(t, tmpl)); got != tmpl.Modality() {
			t.Errorf("%q, want %q", got, tmpl.Modality())
		}
	}
	for _, b := range [][]byte{nil, {1}, {1, 3}, {2, 1}} {
		if got := match.Kept(b); got != "" {
			t.Errorf("%x: %q", b, got)
		}
	}
}

// A template may stand in memory that is somebody else's.
func TestInPlace(t *testing.T) {
	eye := synth.New(41).Person(1).Sample(0).Left
	b, err := eye.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	words := make([]uint64, iris.Words(200)+1)
	words[len(words)-1] = 7
	place := iris.In(200, words)
	for name, err := range map[string]error{
		"cut short": place.ReadBinary(b[:100]), "wide": iris.In(256, make([]uint64, iris.Words(256))).ReadBinary(b),
		"none": iris.Template{}.ReadBinary(b), "copy of another shape": place.CopyFrom(iris.Template{}),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if place.MaskBits() != 0 {
		t.Error("a refused template was written")
	}
	if err := place.ReadBinary(b); err != nil || !place.Equal(eye) || words[len(words)-1] != 7 {
		t.Fatal(err)
	}
	copied := iris.In(200, make([]uint64, iris.Words(200)))
	if err := copied.CopyFrom(place); err != nil || !copied.Equal(eye) {
		t.Fatal(err)
	}
}
