package semaphore

import (
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/perhuman/perhuman/semaphore/internal/poseidon"
)

type (
	poseidonVector struct {
		Inputs []number `json:"inputs"`
		Output Element  `json:"output"`
	}
	identityVector struct {
		Note          string    `json:"note"`
		PrivateKey    typed     `json:"privateKey"`
		PrivateKeyHex string    `json:"privateKeyHex"`
		Secret        Element   `json:"secretScalar"`
		PublicKey     [2]number `json:"publicKey"`
		Packed        number    `json:"packedPublicKey"`
		Commitment    Element   `json:"commitment"`
		Export        string    `json:"export"`
	}
	importVector struct {
		Note   string `json:"note"`
		Base64 string `json:"base64"`
		Result struct {
			PrivateKeyHex string  `json:"privateKeyHex"`
			Commitment    Element `json:"commitment"`
		} `json:"result"`
	}
	pointVector struct {
		Point    [2]Element `json:"point"`
		Packed   number     `json:"packed"`
		Unpacked [2]Element `json:"unpacked"`
	}
	signatureVector struct {
		Note       string    `json:"note"`
		PrivateKey typed     `json:"privateKey"`
		PublicKey  [2]number `json:"publicKey"`
		Message    typed     `json:"message"`
		MessageInt *number   `json:"messageInt"`
		R8         [2]number `json:"R8"`
		S          number    `json:"S"`
		PackedHex  string    `json:"packedHex"`
		Strict     string    `json:"strict"`
	}
)

func TestOfficialPoseidon(t *testing.T) {
	v := official(t)
	counts(t, "poseidon", len(v.Poseidon), 24)
	for i, c := range v.Poseidon {
		in := make([]fr.Element, len(c.Inputs))
		for j, n := range c.Inputs {
			in[j].SetBigInt(n.Int)
		}
		h, err := poseidon.Hash(in...)
		if err != nil || fromFr(&h) != c.Output {
			t.Errorf("case %d: %s %v, want %s", i, fromFr(&h), err, c.Output)
		}
	}
}

func TestOfficialIdentities(t *testing.T) {
	v := official(t)
	counts(t, "identities", len(v.Identities), 35)
	for _, c := range v.Identities {
		t.Run(c.Note, func(t *testing.T) {
			key, ok := c.PrivateKey.bytes(t)
			if !ok || hex.EncodeToString(key) != c.PrivateKeyHex {
				t.Fatalf("key %x, want %s", key, c.PrivateKeyHex)
			}
			id := IdentityFromKey(key)
			checkIdentity(t, id, c)
			if c.Export == "" {
				if _, err := ParseIdentity(c.Export); !errors.Is(err, ErrNoSecret) {
					t.Errorf("empty export: %v, want ErrNoSecret", err)
				}
				return
			}
			back, err := ParseIdentity(c.Export)
			if err != nil {
				t.Fatal(err)
			}
			checkIdentity(t, back, c)
		})
	}
}

func checkIdentity(t *testing.T, id *Identity, c identityVector) {
	t.Helper()
	if got := id.SecretScalar(); got != c.Secret {
		t.Errorf("secret scalar %s, want %s", got, c.Secret)
	}
	k := id.PublicKey()
	if k.X.String() != c.PublicKey[0].String() || k.Y.String() != c.PublicKey[1].String() {
		t.Errorf("public key %v, want %v", k, c.PublicKey)
	}
	packed := k.Compress()
	slices.Reverse(packed[:])
	if new(big.Int).SetBytes(packed[:]).Cmp(c.Packed.Int) != 0 {
		t.Errorf("packed key %x", packed)
	}
	if err := k.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
	if got := id.Commitment(); got != c.Commitment {
		t.Errorf("commitment %s, want %s", got, c.Commitment)
	}
	if got := id.Export(); got != c.Export {
		t.Errorf("export %q, want %q", got, c.Export)
	}
}

// The official constructor refuses what is neither text nor bytes; in Go the
// type of IdentityFromKey's argument says the same.
func TestOfficialIdentityErrors(t *testing.T) {
	v := official(t)
	counts(t, "identityErrors", len(v.IdentityErrors), 6)
	counts(t, "identityImport", len(v.IdentityImport), 6)
	for _, c := range v.IdentityImport {
		id, err := ParseIdentity(c.Base64)
		if c.Note != "standard base64 with padding" {
			if err == nil {
				t.Errorf("%s: accepted", c.Note)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", c.Note, err)
		}
		if id.Commitment() != c.Result.Commitment || hex.EncodeToString(id.Key()) != c.Result.PrivateKeyHex {
			t.Errorf("%s: commitment %s", c.Note, id.Commitment())
		}
	}
}

func TestOfficialPoints(t *testing.T) {
	v := official(t)
	counts(t, "points", len(v.Points), 8)
	for i, c := range v.Points {
		k := PublicKey{X: c.Point[0], Y: c.Point[1]}
		le := [32]byte(c.Packed.FillBytes(make([]byte, 32)))
		slices.Reverse(le[:])
		if k.Compress() != le {
			t.Errorf("case %d: %x, want %x", i, k.Compress(), le)
		}
		back, err := DecompressPublicKey(le)
		if err != nil || back != (PublicKey{X: c.Unpacked[0], Y: c.Unpacked[1]}) {
			t.Errorf("case %d: %v %v", i, back, err)
		}
	}
}

// jsMessage is the official conversion of a message to be signed.
func jsMessage(t *testing.T, m typed) (*big.Int, bool) {
	t.Helper()
	switch m.Type {
	case "number", "bigint":
		return jsInteger(m.text())
	case "string":
		if n, ok := jsInteger(m.text()); ok {
			return n, true
		}
	case "bytes":
		if m.Hex == "" {
			return nil, false
		}
	default:
		return nil, false
	}
	b, _ := m.bytes(t)
	return new(big.Int).SetBytes(b), true
}

func TestOfficialSignatures(t *testing.T) {
	v := official(t)
	counts(t, "signatures", len(v.Signatures), 66)
	wide := 0
	for i, c := range v.Signatures {
		key, ok := c.PrivateKey.bytes(t)
		if !ok {
			t.Fatalf("case %d: key", i)
		}
		id := IdentityFromKey(key)
		n, ok := jsMessage(t, c.Message)
		if !ok || n.Cmp(c.MessageInt.Int) != 0 {
			t.Fatalf("case %d: message %v, want %v", i, n, c.MessageInt)
		}
		var m Uint256
		n.FillBytes(m[:])
		s := id.signWide(m)
		if s.R8X.String() != c.R8[0].String() || s.R8Y.String() != c.R8[1].String() || s.S.String() != c.S.String() {
			t.Errorf("case %d: signature differs", i)
		}
		packed, err := s.MarshalBinary()
		if err != nil || hex.EncodeToString(packed) != c.PackedHex {
			t.Errorf("case %d: packed %x %v, want %s", i, packed, err, c.PackedHex)
		}
		back, err := ParseSignature(packed)
		if err != nil || back != s {
			t.Errorf("case %d: ParseSignature: %v", i, err)
		}
		e, err := ElementFromBytes(m[:])
		if err != nil {
			// A message of r or above has no Element: it cannot be
			// verified, and an array filled by hand is refused.
			wide++
			if id.PublicKey().Verify(Element(m), s) == nil {
				t.Errorf("case %d: message of r or above verified", i)
			}
			continue
		}
		if id.Sign(e) != s {
			t.Errorf("case %d: Sign differs", i)
		}
		if err := id.PublicKey().Verify(e, s); err != nil {
			t.Errorf("case %d: %v", i, err)
		}
	}
	if wide == 0 {
		t.Error("no case of r or above")
	}
}

func TestOfficialSignatureErrors(t *testing.T) {
	v := official(t)
	counts(t, "signatureErrors", len(v.SignatureErrors), 7)
	for i, c := range v.SignatureErrors {
		n, ok := jsMessage(t, c.Message)
		if !ok {
			continue
		}
		if _, err := ParseElement(n.String()); err == nil {
			t.Errorf("case %d: %s became a message", i, n)
		}
	}
}

func TestOfficialSignatureTampered(t *testing.T) {
	v := official(t)
	counts(t, "signatureTampered", len(v.SignatureTampered), 14)
	for _, c := range v.SignatureTampered {
		err := verifyText(t, c)
		if (err == nil) != (c.Strict == "accept") {
			t.Errorf("%s: %v, want %s", c.Note, err, c.Strict)
		}
		if err != nil && !errors.Is(err, ErrRange) && !errors.Is(err, ErrNotCanonical) &&
			!errors.Is(err, ErrSignature) && !errors.Is(err, ErrPublicKey) {
			t.Errorf("%s: untyped error %v", c.Note, err)
		}
	}
}

func verifyText(t *testing.T, c signatureVector) error {
	n, ok := jsMessage(t, c.Message)
	if !ok {
		t.Fatalf("%s: message", c.Note)
	}
	k, err := ParsePublicKey(c.PublicKey[0].String(), c.PublicKey[1].String())
	if err != nil {
		return err
	}
	var m [4]Element
	for i, text := range []string{n.String(), c.R8[0].String(), c.R8[1].String(), c.S.String()} {
		if m[i], err = ParseElement(text); err != nil {
			return err
		}
	}
	return k.Verify(m[0], Signature{R8X: m[1], R8Y: m[2], S: m[3]})
}

func TestOfficialWeakCommitments(t *testing.T) {
	v := official(t)
	if !WeakCommitment(v.Weak.Identity) || !WeakCommitment(v.Weak.Order2) {
		t.Error("weak commitments not recognised")
	}
	if WeakCommitment(v.Identities[1].Commitment) {
		t.Error("an honest commitment is called weak")
	}
}
