package match

import (
	"bytes"
	"errors"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// carry brings what one matcher has into another, as a gallery cache does.
func carry(t *testing.T, from, to *Matcher) {
	t.Helper()
	if from.Layout() != to.Layout() || from.PackedSize() != to.PackedSize() {
		t.Fatal("two layouts")
	}
	for serials, packed := range from.Packed() {
		if len(packed) != len(serials)*from.PackedSize() {
			t.Fatalf("%d bytes for %d people", len(packed), len(serials))
		}
		held := bytes.Clone(packed)
		err := to.Unpack(serials, func(into []byte) error {
			if copy(into, held) != len(into) {
				t.Fatal("room for another number of bytes")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What is packed and unpacked is the same matcher: the same hits, the same
// strangers; it takes more people in and lets others go.
func TestPacked(t *testing.T) {
	const n = 60
	people := synth.New(5)
	a := New()
	for k := range uint64(n) {
		if err := a.Add(Serial{byte(k)}, FromIris(people.Person(k).Sample(0))); err != nil {
			t.Fatal(err)
		}
	}
	a.Remove(Serial{17})
	b := New()
	carry(t, a, b)
	if b.Len() != n-1 {
		t.Fatalf("%d people", b.Len())
	}
	for k := range uint64(n) {
		probe := FromIris(people.Person(k).Sample(1))
		hitA, serialA, err := a.Match(probe)
		if err != nil {
			t.Fatal(err)
		}
		hitB, serialB, err := b.Match(probe)
		if err != nil || hitA != hitB || serialA != serialB || hitB != (k != 17) {
			t.Errorf("person %d: %v %v, unpacked %v %v, %v", k, hitA, serialA, hitB, serialB, err)
		}
	}
	if err := b.Add(Serial{17}, FromIris(people.Person(17).Sample(0))); err != nil {
		t.Error(err)
	}
	if !b.Remove(Serial{3}) || b.Len() != n-1 {
		t.Errorf("%d people", b.Len())
	}
	c := New()
	carry(t, b, c)
	if hit, _, _ := c.Match(FromIris(people.Person(3).Sample(2))); hit {
		t.Error("somebody who was removed came back")
	}
	if hit, serial, _ := c.Match(FromIris(people.Person(17).Sample(2))); !hit || serial != (Serial{17}) {
		t.Error("somebody who was added is not there")
	}
}

// A piece that cannot be filled, or has somebody who is known, adds nobody.
func TestUnpackRefuses(t *testing.T) {
	m := New()
	if err := m.Add(Serial{2}, FromIris(synth.New(1).Person(1).Sample(0))); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("unreadable")
	zero := func([]byte) error { return nil }
	if err := m.Unpack([]Serial{{1}}, func([]byte) error { return failed }); !errors.Is(err, failed) || m.Len() != 1 {
		t.Errorf("%v, %d people", err, m.Len())
	}
	for _, serials := range [][]Serial{{{1}, {2}}, {{1}, {1}}} {
		if err := m.Unpack(serials, zero); !errors.Is(err, ErrSerial) || m.Len() != 1 {
			t.Errorf("%v: %v, %d people", serials, err, m.Len())
		}
	}
	if err := m.Unpack(nil, zero); err != nil || m.Len() != 1 {
		t.Error("an empty piece")
	}
	if NewColumns(256).Layout() == m.Layout() {
		t.Error("two shapes, one layout")
	}
}
