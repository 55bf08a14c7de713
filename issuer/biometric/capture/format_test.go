package capture_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
)

type golden struct {
	Name        string `json:"name"`
	Envelope    string `json:"envelope"`
	BodyHash    string `json:"body_hash"`
	Certificate string `json:"certificate"`
	DeviceKeyID string `json:"device_key_id"`
}

const goldenFile = "testdata/envelopes.json"

func goldenEnvelopes(t testing.TB) []golden {
	face := irisRequest()
	face.Modality, face.Template = capture.Face, capture.Template{Algorithm: capture.AlgFace128, Version: 1}
	face.Payloads, face.Quality, face.Operator, face.Region = [][][]byte{{[]byte("face")}}, capture.Quality{Sharpness: 500}, "", ""
	add := func(name string, raw []byte, err error) golden {
		if err != nil {
			t.Fatal(err)
		}
		e, err := capture.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := e.Chain[0].MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		hash, id := e.BodyHash(), e.Chain[0].Subject.ID()
		return golden{name, hex.EncodeToString(raw), hex.EncodeToString(hash[:]), hex.EncodeToString(cert), hex.EncodeToString(id[:])}
	}
	d := virtualDevice(t)
	raw, err := d.Capture(irisRequest())
	out := []golden{add("virtual iris", raw, err)}
	raw, err = d.Capture(face)
	out = append(out, add("virtual face", raw, err))
	raw, err = newChain(t, edKey(1), p256Key(t, 2), p256Key(t, 3)).env.MarshalBinary()
	return append(out, add("three parties, P-256 device under an authority", raw, err))
}

// Version 1 is frozen: the same fields give the same bytes for ever.
func TestGolden(t *testing.T) {
	got, err := json.MarshalIndent(goldenEnvelopes(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if os.Getenv("PERHUMAN_WRITE_GOLDEN") != "" {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(goldenFile, got, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("envelope bytes changed:\n%s", got)
	}
}

// Every cut, every extension and every flipped bit is either refused or is
// another envelope with its own one encoding; none verifies.
func TestParseIsStrict(t *testing.T) {
	c := newChain(t, edKey(1), edKey(2), edKey(3))
	policy := c.policy(t)
	raw, err := c.env.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if _, err := capture.Parse(raw[:n]); !errors.Is(err, capture.ErrMalformed) {
			t.Fatalf("cut to %d: %v", n, err)
		}
	}
	if _, err := capture.Parse(append(bytes.Clone(raw), 0)); !errors.Is(err, capture.ErrMalformed) {
		t.Fatalf("one byte more: %v", err)
	}
	if _, err := capture.Parse(make([]byte, capture.MaxEnvelope+1)); !errors.Is(err, capture.ErrMalformed) {
		t.Fatalf("too long: %v", err)
	}
	refused, other := 0, 0
	for i := range raw {
		for _, bit := range []byte{1, 0x80} {
			raw[i] ^= bit
			e, err := capture.Parse(raw)
			if err != nil {
				if !errors.Is(err, capture.ErrMalformed) || e != nil {
					t.Fatalf("byte %d: %v", i, err)
				}
				refused++
			} else {
				other++
				if back, err := e.MarshalBinary(); err != nil || !bytes.Equal(back, raw) {
					t.Fatalf("byte %d: second encoding", i)
				}
				if policy.Verify(e, expected()) == nil {
					t.Fatalf("byte %d: changed and verified", i)
				}
			}
			raw[i] ^= bit
		}
	}
	if refused == 0 || other == 0 {
		t.Fatalf("%d refused, %d others", refused, other)
	}
}

func FuzzParse(f *testing.F) {
	for _, g := range goldenEnvelopes(f) {
		raw, _ := hex.DecodeString(g.Envelope)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := capture.Parse(raw)
		if err != nil {
			if e != nil || !errors.Is(err, capture.ErrMalformed) {
				t.Fatalf("%v", err)
			}
			return
		}
		back, err := e.MarshalBinary()
		if err != nil || !bytes.Equal(back, raw) {
			t.Fatalf("not canonical: %v", err)
		}
	})
}

func FuzzParseCertificate(f *testing.F) {
	for _, g := range goldenEnvelopes(f) {
		raw, _ := hex.DecodeString(g.Certificate)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := capture.ParseCertificate(raw)
		if err != nil {
			if !errors.Is(err, capture.ErrMalformed) {
				t.Fatalf("%v", err)
			}
			return
		}
		back, err := c.MarshalBinary()
		if err != nil || !bytes.Equal(back, raw) {
			t.Fatalf("not canonical: %v", err)
		}
	})
}

func BenchmarkParseAndVerify(b *testing.B) {
	c := newChain(b, edKey(1), edKey(2), edKey(3))
	policy := c.policy(b)
	raw, err := c.env.MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e, err := capture.Parse(raw)
		if err != nil {
			b.Fatal(err)
		}
		if err := policy.Verify(e, expected()); err != nil {
			b.Fatal(err)
		}
	}
}
