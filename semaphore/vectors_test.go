package semaphore

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// The official vectors; testdata/README.md says where they come from.
type vectors struct {
	Poseidon          []poseidonVector     `json:"poseidon"`
	Identities        []identityVector     `json:"identities"`
	IdentityErrors    []json.RawMessage    `json:"identityErrors"`
	IdentityImport    []importVector       `json:"identityImport"`
	Points            []pointVector        `json:"points"`
	Signatures        []signatureVector    `json:"signatures"`
	SignatureErrors   []signatureVector    `json:"signatureErrors"`
	SignatureTampered []signatureVector    `json:"signatureTampered"`
	Groups            []groupVector        `json:"groups"`
	GroupSequences    []sequenceVector     `json:"groupSequences"`
	GroupZeroRebuild  []zeroRebuildVector  `json:"groupZeroRebuild"`
	GroupErrors       []groupErrorVector   `json:"groupErrors"`
	MerkleTampered    []merkleVector       `json:"merkleProofTampered"`
	Hashing           []hashVector         `json:"hashing"`
	HashingIdentity   secretVector         `json:"hashingIdentity"`
	HashingErrors     []hashVector         `json:"hashingErrors"`
	Proofs            []proofVector        `json:"proofs"`
	DefaultDepth      []defaultDepthVector `json:"defaultDepth"`
	Tampered          []tamperedVector     `json:"tampered"`
	NonObjects        []nonObjectVector    `json:"tamperedNonObjects"`
	ForgedRootZero    []tamperedVector     `json:"forgedRootZero"`
	Circuit           []json.RawMessage    `json:"circuit"`
	Weak              struct {
		Identity Element `json:"commitmentOfIdentityPoint"`
		Order2   Element `json:"commitmentOfOrder2Point"`
	} `json:"weakIdentity"`
}

var loadVectors = sync.OnceValues(func() (*vectors, error) {
	data, err := os.ReadFile("testdata/semaphore-v4.json")
	if err != nil {
		return nil, err
	}
	v := new(vectors)
	return v, json.Unmarshal(data, v)
})

func official(t testing.TB) *vectors {
	t.Helper()
	v, err := loadVectors()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// number is a decimal integer of any size and sign, given as a JSON string or
// number.
type number struct{ *big.Int }

func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	v, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return fmt.Errorf("not a number: %s", b)
	}
	n.Int = v
	return nil
}

// element is the strict parser's view of n.
func (n number) element() (Element, error) { return ParseElement(n.String()) }

// typed is one JavaScript value.
type typed struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
	Hex   string          `json:"hex"`
	UTF8  *string         `json:"utf8Hex"`
}

func (v typed) text() string {
	var s string
	if json.Unmarshal(v.Value, &s) != nil {
		s = string(v.Value)
	}
	return s
}

// bytes gives what a string or byte array holds; ok is false for other types.
func (v typed) bytes(t testing.TB) (b []byte, ok bool) {
	t.Helper()
	h := v.Hex
	switch {
	case v.Type == "string" && v.UTF8 != nil:
		h = *v.UTF8
	case v.Type != "bytes":
		return nil, false
	}
	b, err := hex.DecodeString(h)
	if err != nil {
		t.Fatal(err)
	}
	return b, true
}

// jsInteger applies the rules of JavaScript's BigInt(text).
func jsInteger(text string) (*big.Int, bool) {
	s := strings.TrimFunc(text, func(r rune) bool {
		return r == '\ufeff' || r == '\u00a0' || r == '\u2028' || r == '\u2029' || (r < utf8.RuneSelf && strings.ContainsRune(" \t\n\v\f\r", r))
	})
	if s == "" {
		return new(big.Int), true
	}
	base, digits := 10, s
	if len(s) > 2 && s[0] == '0' {
		switch s[1] {
		case 'x', 'X':
			base, digits = 16, s[2:]
		case 'b', 'B':
			base, digits = 2, s[2:]
		case 'o', 'O':
			base, digits = 8, s[2:]
		}
	}
	if strings.Contains(digits, "_") || (base != 10 && strings.ContainsAny(digits, "+-")) {
		return nil, false
	}
	return new(big.Int).SetString(digits, base)
}

func counts(t *testing.T, name string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d cases, want %d", name, got, want)
	}
}
