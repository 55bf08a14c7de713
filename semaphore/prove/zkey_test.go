package prove

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth32"
)

// tinyKey is a well-formed key file around empty constraints.
func tinyKey() []byte {
	official := depth20.ZKey()
	sections, err := splitSections(official)
	if err != nil {
		panic(err)
	}
	const wires, domain = publics + 2, 8
	header := bytes.Clone(sections[secHeader])
	sizes := header[2*36:]
	binary.LittleEndian.PutUint32(sizes, wires)
	binary.LittleEndian.PutUint32(sizes[8:], domain)
	out := bytes.Clone(official[:12])
	for id := 1; id <= secContributions; id++ {
		var data []byte
		switch id {
		case secProtocol:
			data = []byte{groth16, 0, 0, 0}
		case secHeader:
			data = header
		case secIC:
			data = sections[secIC]
		case secCoefficients:
			data = append([]byte{1, 0, 0, 0}, sections[secCoefficients][4:4+coefSize]...)
		case secA, secB1:
			data = make([]byte, wires*g1Size)
		case secB2:
			data = make([]byte, wires*g2Size)
		case secC:
			data = make([]byte, (wires-publics-1)*g1Size)
		case secH:
			data = make([]byte, domain*g1Size)
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(id))
		out = binary.LittleEndian.AppendUint64(out, uint64(len(data)))
		out = append(out, data...)
	}
	return out
}

func TestParseOfficialKeys(t *testing.T) {
	for depth, key := range map[int][]byte{20: depth20.ZKey(), 32: depth32.ZKey()} {
		k, err := parseZKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if k.wires != newLayout(depth).wires() {
			t.Errorf("depth %d: %d wires", depth, k.wires)
		}
		// The pin stands for these checks when a program runs.
		for i := range k.a {
			if !k.a[i].IsOnCurve() || !k.b1[i].IsOnCurve() || !k.b2[i].IsOnCurve() {
				t.Fatalf("depth %d: wire %d has a point off the curve", depth, i)
			}
			if i%97 == 0 && !k.b2[i].IsInSubGroup() {
				t.Fatalf("depth %d: wire %d has a point outside G2", depth, i)
			}
		}
		for i := range k.h {
			if !k.h[i].IsOnCurve() {
				t.Fatalf("depth %d: H %d off the curve", depth, i)
			}
		}
		for i := range k.c {
			if !k.c[i].IsOnCurve() {
				t.Fatalf("depth %d: C %d off the curve", depth, i)
			}
		}
	}
}

func TestParseRefusesMalformedKeys(t *testing.T) {
	key := tinyKey()
	if _, err := parseZKey(key); err != nil {
		t.Fatal(err)
	}
	for n := range key { // every truncation
		if _, err := parseZKey(key[:n]); !errors.Is(err, ErrKey) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := parseZKey(append(bytes.Clone(key), 0)); !errors.Is(err, ErrKey) {
		t.Errorf("trailing byte: %v", err)
	}
	header := 12 + 12 + 4 + 12 // where the header section's data begins
	coefs := bytes.Index(key, []byte{secCoefficients, 0, 0, 0, 4 + coefSize, 0, 0, 0}) + 12
	for name, at := range map[string]int{
		"magic": 0, "version": 4, "number of sections": 8, "section id": 12, "section size": 16,
		"protocol": 24, "field size": header, "prime": header + 5, "scalar field": header + 36 + 5,
		"wires": header + 72, "public signals": header + 76, "domain": header + 80,
		"coefficient count": coefs, "matrix": coefs + 5, "row": coefs + 10, "wire": coefs + 14,
	} {
		bad := bytes.Clone(key)
		bad[at] ^= 0x11
		if _, err := parseZKey(bad); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNewTakesOnlyPinnedKeys: a key that parses is not enough.
func TestNewTakesOnlyPinnedKeys(t *testing.T) {
	changed := depth20.ZKey()
	changed[len(changed)-1] ^= 1 // in the contributions, which nobody reads
	if _, err := parseZKey(changed); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string][]byte{
		"changed": changed, "tiny": tinyKey(), "empty": nil, "too long": make([]byte, maxKey+2),
	} {
		if _, err := New(bytes.NewReader(key)); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(failingReader{}); !errors.Is(err, errReader) {
		t.Errorf("failing reader: %v", err)
	}
}

var errReader = errors.New("reader fails")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errReader }

func FuzzParseZKey(f *testing.F) {
	f.Add(tinyKey())
	f.Add(depth20.ZKey()[:2000])
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseZKey(b)
		if (k == nil) != (err != nil) {
			t.Fatal("a key and an error, or neither")
		}
		if err != nil && !errors.Is(err, ErrKey) {
			t.Fatal(err)
		}
	})
}
