package issuer

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
)

// openLeaf gives the commitment that a template earned.
func (s *sealer) openLeaf(serial Serial, link []byte) (semaphore.Element, error) {
	b, err := open(s.leaf, link, serial[:])
	if err != nil {
		return semaphore.Element{}, err
	}
	return semaphore.ElementFromBytes(b)
}

// openSerial gives the template and the device behind a commitment.
func (s *sealer) openSerial(commitment semaphore.Element, link []byte) (serial Serial, device string, err error) {
	b, err := open(s.serial, link, commitment[:])
	if err != nil || len(b) < len(serial) {
		return serial, "", errSealed
	}
	return Serial(b[:len(serial)]), string(b[len(serial):]), nil
}

// Templates and both directions of the link open in their own row, under their
// own operator, and nowhere else; equal values look different.
func TestSealing(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	s, err := newSealer(secret, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	in := Intake{Serial: Serial{1}, Modality: "face", Commitment: semaphore.Element{31: 9}, Device: "device-1"}
	twin := in
	for _, x := range []*Intake{&in, &twin} {
		if err := s.sealIntake(x, []byte("a template")); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(in.Template, twin.Template) || bytes.Equal(in.LeafLink, twin.LeafLink) || bytes.Equal(in.SerialLink, twin.SerialLink) {
		t.Error("sealed values repeat")
	}
	row := Template{Serial: in.Serial, Modality: "face", Sealed: in.Template}
	if b, err := s.openTemplate(nil, row); err != nil || string(b) != "a template" {
		t.Errorf("%q, %v", b, err)
	}
	if c, err := s.openLeaf(in.Serial, in.LeafLink); err != nil || c != in.Commitment {
		t.Errorf("%v, %v", c, err)
	}
	if serial, device, err := s.openSerial(in.Commitment, in.SerialLink); err != nil || serial != in.Serial || device != in.Device {
		t.Errorf("%v %q, %v", serial, device, err)
	}
	other, err := newSealer(bytes.Repeat([]byte{8}, 32), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, byOther := other.openTemplate(nil, row)
	_, otherSerial := s.openTemplate(nil, Template{Serial: Serial{2}, Modality: "face", Sealed: in.Template})
	_, otherKind := s.openTemplate(nil, Template{Serial: in.Serial, Modality: "iris", Sealed: in.Template})
	_, asLeaf := s.openLeaf(in.Serial, in.Template)
	_, _, otherLeaf := s.openSerial(semaphore.Element{31: 8}, in.SerialLink)
	_, short := s.openTemplate(nil, Template{Serial: in.Serial, Modality: "face", Sealed: []byte{1}})
	for name, err := range map[string]error{
		"other operator": byOther, "other serial": otherSerial, "other modality": otherKind,
		"other purpose": asLeaf, "other leaf": otherLeaf, "cut short": short,
	} {
		if !errors.Is(err, errSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, _ := operatorID(secret)
	b, _ := operatorID(bytes.Repeat([]byte{8}, 32))
	if a == b || bytes.Contains(a[:], secret[:17]) {
		t.Error("operator ids")
	}
}
