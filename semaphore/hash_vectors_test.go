package semaphore

import (
	"math/big"
	"testing"
	"unicode/utf8"
)

type (
	hashVector struct {
		Input     typed   `json:"input"`
		Bigint    number  `json:"bigint"`
		Hash      Element `json:"hash"`
		Nullifier Element `json:"nullifierIfScope"`
	}
	secretVector struct {
		PrivateKey typed   `json:"privateKey"`
		Secret     Element `json:"secretScalar"`
	}
)

// jsUint256 is the official conversion of a message or scope, which this
// package deliberately does not offer: it maps many inputs to one value.
func jsUint256(t *testing.T, in typed) (Uint256, bool) {
	t.Helper()
	var n *big.Int
	switch in.Type {
	case "bytes":
		b, _ := in.bytes(t)
		n = new(big.Int).SetBytes(b)
	case "number":
		v, ok := new(big.Int).SetString(in.text(), 10)
		if !ok || v.CmpAbs(big.NewInt(1<<53-1)) > 0 {
			return Uint256{}, false
		}
		n = v
	case "bigint":
		n, _ = new(big.Int).SetString(in.text(), 10)
	case "string":
		b, _ := in.bytes(t)
		v, ok := jsInteger(string(b))
		if string(b) == "-" { // the minus sign is cut off and "" is 0
			v, ok = new(big.Int), true
		}
		switch {
		case ok && len(b) > 0:
			n = v
		case !utf8.Valid(b) || len(b) > 31:
			return Uint256{}, false
		default:
			var u Uint256
			copy(u[:], b)
			return u, true
		}
	default:
		return Uint256{}, false
	}
	if n == nil || n.Sign() < 0 {
		return Uint256{}, false
	}
	u, err := ParseUint256(n.String())
	return u, err == nil
}

func TestOfficialHashing(t *testing.T) {
	v := official(t)
	counts(t, "hashing", len(v.Hashing), 50)
	key, ok := v.HashingIdentity.PrivateKey.bytes(t)
	if !ok {
		t.Fatal("key")
	}
	id := IdentityFromKey(key)
	if id.SecretScalar() != v.HashingIdentity.Secret {
		t.Fatal("identity of the hashing vectors")
	}
	for i, c := range v.Hashing {
		u, ok := jsUint256(t, c.Input)
		if !ok || u.String() != c.Bigint.String() {
			t.Errorf("case %d: %s, want %s", i, u, c.Bigint)
			continue
		}
		if got := u.Hash(); got != c.Hash {
			t.Errorf("case %d: hash %s, want %s", i, got, c.Hash)
		}
		if got := id.Nullifier(u); got != c.Nullifier {
			t.Errorf("case %d: nullifier %s, want %s", i, got, c.Nullifier)
		}
	}
}

func TestOfficialHashingErrors(t *testing.T) {
	v := official(t)
	counts(t, "hashingErrors", len(v.HashingErrors), 21)
	skipped := 0
	for i, c := range v.HashingErrors {
		if c.Input.UTF8 != nil && *c.Input.UTF8 == "efbfbd" {
			skipped++ // a lone surrogate: Go strings cannot hold one
			continue
		}
		if u, ok := jsUint256(t, c.Input); ok {
			t.Errorf("case %d: accepted as %s", i, u)
		}
	}
	counts(t, "skipped", skipped, 1)
}
