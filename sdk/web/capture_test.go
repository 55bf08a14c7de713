package web_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"math"
	mrand "math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/perhuman/perhuman/issuer/biometric/face"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/biometric/synth"
)

// bits are bytes that stand in hex in the vectors.
type bits []byte

func (b bits) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

func (b *bits) UnmarshalText(text []byte) (err error) {
	*b, err = hex.AppendDecode(nil, text)
	return err
}

// sealing is a face vector, what it becomes for one party or three, and each part
// sealed. Random are the bytes that its shares were made with.
type sealing struct {
	Audience   string   `json:"audience"`
	Nonce      bits     `json:"nonce"`
	Device     string   `json:"device"`
	Identity   bits     `json:"identity_commitment"`
	Vector     []int8   `json:"vector"`
	Random     bits     `json:"random"`
	Secrets    []string `json:"secrets"`
	Keys       []string `json:"keys"`
	Payloads   []bits   `json:"payloads"`
	Sealed     []bits   `json:"sealed"`
	Commitment []bits   `json:"commitments"`
}

type vectors struct {
	Note     string `json:"note"`
	Quantise []struct {
		Descriptor []float64 `json:"descriptor"`
		Vector     []int8    `json:"vector"`
	} `json:"quantise,omitempty"`
	Sealings []sealing `json:"sealings"`
}

// faces are vectors whose numbers and lengths are where they can be.
func faces() (all []face.Vector) {
	people := synth.New(1)
	for n := range uint64(3) {
		all = append(all, people.Person(n).SampleFace(0))
	}
	var short, ends face.Vector
	short[127] = -128 // exactly half a unit long
	for i := range 36 {
		ends[i*3] = 127
		if i%2 == 0 {
			ends[i*3] = -128
		}
	}
	return append(all, short, ends)
}

// payloads gives what each of one or three parties gets of a vector.
func payloads(t *testing.T, v face.Vector, random []byte, parties int) (out []bits) {
	t.Helper()
	if parties == 1 {
		return []bits{v.Bytes()}
	}
	shares, err := dot.SplitFace[uint32](bytes.NewReader(random), v)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shares {
		b, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func (s sealing) context(party int) share.Context {
	return share.Context{Audience: s.Audience, Nonce: [32]byte(s.Nonce), Device: s.Device, Party: uint8(party), IdentityCommitment: [32]byte(s.Identity)}
}

func readVectors(t *testing.T, path string) (v vectors) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const byGo, byPage = "test/vectors/capture-go.json", "test/vectors/capture-page.json"

// What Go cuts and seals is written down for the tests of the page's modules,
// which open it (test/unit/capture.test.mjs). Shares follow from the random bytes
// that stand with them, so these are held to what Go makes now.
func TestCaptureVectorsOfGo(t *testing.T) {
	if os.Getenv("PERHUMAN_WRITE_GOLDEN") != "" {
		writeVectors(t)
	}
	v := readVectors(t, byGo)
	for i, q := range v.Quantise {
		got, err := face.FromFloats(q.Descriptor)
		if err != nil || !slices.Equal(got[:], q.Vector) {
			t.Errorf("descriptor %d: %v %v", i, got, err)
		}
	}
	if len(v.Quantise) < 3 || len(v.Sealings) != 2*len(faces()) {
		t.Fatalf("%d descriptors, %d sealings", len(v.Quantise), len(v.Sealings))
	}
	for i, s := range v.Sealings {
		holds(t, i, s)
	}
}

// What the page's modules cut and seal, with random bytes and keys that stand in
// the file, is opened by the parties' code, and is what Go makes of the same.
func TestCaptureVectorsOfThePage(t *testing.T) {
	v := readVectors(t, byPage)
	if len(v.Sealings) != 2*len(faces()) {
		t.Fatalf("%d sealings", len(v.Sealings))
	}
	for i, s := range v.Sealings {
		holds(t, i, s)
	}
}

func holds(t *testing.T, n int, s sealing) {
	t.Helper()
	if len(s.Vector) != face.Dimensions || len(s.Secrets) != len(s.Sealed) || len(s.Commitment) != len(s.Sealed) || len(s.Payloads) != len(s.Sealed) {
		t.Fatalf("sealing %d: shape", n)
	}
	v := face.Vector(s.Vector)
	want := payloads(t, v, s.Random, len(s.Sealed))
	var shares [galois.Parties][]uint32
	for p, sealed := range s.Sealed {
		key, err := share.ParsePrivateKey(s.Secrets[p])
		if err != nil {
			t.Fatal(err)
		}
		got, err := share.Open(key, s.context(p), sealed, [32]byte(s.Commitment[p]))
		if err != nil || !bytes.Equal(got, want[p]) || !bytes.Equal(got, s.Payloads[p]) {
			t.Fatalf("sealing %d, party %d: %v", n, p, err)
		}
		if key.Public().String() != s.Keys[p] {
			t.Errorf("sealing %d, party %d: key", n, p)
		}
		if len(s.Sealed) == galois.Parties {
			part, err := dot.ParseFaceShare[uint32](got)
			if err != nil || part.Party() != p {
				t.Fatalf("sealing %d, party %d: %v", n, p, err)
			}
			shares[p] = part.Words()
		}
	}
	if shares[0] == nil {
		return
	}
	opened, err := galois.Open(shares)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range opened {
		if int32(x) != int32(v[i]) {
			t.Fatalf("sealing %d: number %d is %d", n, i, int32(x))
		}
	}
}

func writeVectors(t *testing.T) {
	t.Helper()
	random := mrand.NewChaCha8([32]byte{6})
	take := func(n int) bits {
		b := make([]byte, n)
		_, _ = random.Read(b) // never fails
		return b
	}
	out := vectors{Note: "made by TestCaptureVectorsOfGo; keys of nobody"}
	floats := mrand.New(random)
	for round := range 4 {
		d := make([]float64, face.Dimensions)
		for i := range d {
			d[i] = floats.NormFloat64() * .09
		}
		switch round {
		case 1: // what an array of 32-bit floats holds
			for i := range d {
				d[i] = float64(float32(d[i]))
			}
		case 2: // halves, and their neighbours
			for i := range d {
				d[i] = (float64(i-64)/2 + .5) / face.Scale
				if i%3 == 1 {
					d[i] = math.Nextafter(d[i], float64(i%2*2-1))
				}
			}
		case 3: // beyond both ends
			for i := range d[:9] {
				d[i] = []float64{.5, -.5, 127.4 / 256, 127.5 / 256, -128.5 / 256, 3, -3, math.MaxFloat64, -math.MaxFloat64}[i]
			}
		}
		v, err := face.FromFloats(d)
		if err != nil {
			t.Fatal(err)
		}
		out.Quantise = append(out.Quantise, struct {
			Descriptor []float64 `json:"descriptor"`
			Vector     []int8    `json:"vector"`
		}{d, v[:]})
	}
	for _, v := range faces() {
		for _, parties := range []int{1, galois.Parties} {
			s := sealing{
				Audience: "issuer.example/people", Nonce: take(32), Device: "virtual-0011223344556677", Identity: take(32),
				Vector: v[:], Random: take(4 * face.Dimensions),
			}
			s.Payloads = payloads(t, v, s.Random, parties)
			for p, payload := range s.Payloads {
				key, err := share.GenerateKey(bytes.NewReader(take(32)))
				if err != nil {
					t.Fatal(err)
				}
				sealed, commitment, err := share.Seal(rand.Reader, key.Public(), s.context(p), payload)
				if err != nil {
					t.Fatal(err)
				}
				s.Secrets, s.Keys = append(s.Secrets, string(bytes.TrimSpace(key.Text()))), append(s.Keys, key.Public().String())
				s.Sealed, s.Commitment = append(s.Sealed, sealed), append(s.Commitment, commitment[:])
			}
			out.Sealings = append(out.Sealings, s)
		}
	}
	b, err := json.Marshal(out)
	if err == nil {
		err = os.WriteFile(byGo, append(b, '\n'), 0o644) // #nosec G306 -- vectors
	}
	if err != nil {
		t.Fatal(err)
	}
}
