package semaphore

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
)

type (
	proofVector struct {
		Depth        int             `json:"depth"`
		PrivateKey   typed           `json:"privateKey"`
		Secret       Element         `json:"secretScalar"`
		Members      []Element       `json:"members"`
		RemovedIndex int             `json:"removedIndex"`
		LeafIndex    int             `json:"leafIndex"`
		MerkleProof  merkleJSON      `json:"merkleProof"`
		Message      typed           `json:"message"`
		Scope        typed           `json:"scope"`
		Proof        json.RawMessage `json:"proof"`
		Public       [4]Element      `json:"publicSignals"`
	}
	defaultDepthVector struct {
		Size      int `json:"size"`
		LeafIndex int `json:"leafIndex"`
		Siblings  int `json:"siblings"`
		Depth     int `json:"merkleTreeDepth"`
	}
	tamperedVector struct {
		Base   int             `json:"base"`
		Note   string          `json:"note"`
		Proof  json.RawMessage `json:"proof"`
		Strict string          `json:"strict"`
	}
	nonObjectVector struct {
		Input typed `json:"input"`
	}
)

var sharedVerifier = sync.OnceValues(NewVerifier)

func verifier(t testing.TB) *Verifier {
	t.Helper()
	v, err := sharedVerifier()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestT20OfficialProofs: depths 1, 2, 5, 10, 16, 20 and 32.
func TestT20OfficialProofs(t *testing.T) {
	v := official(t)
	counts(t, "proofs", len(v.Proofs), 18)
	depths := map[int]bool{}
	for i, c := range v.Proofs {
		depths[c.Depth] = true
		key, ok := c.PrivateKey.bytes(t)
		if !ok {
			t.Fatalf("case %d: key", i)
		}
		id := IdentityFromKey(key)
		if id.SecretScalar() != c.Secret {
			t.Errorf("case %d: secret scalar", i)
		}
		g := mustGroup(t, c.Members...)
		if c.RemovedIndex >= 0 && !g.Member(c.RemovedIndex).IsZero() {
			if err := g.Remove(c.RemovedIndex); err != nil {
				t.Fatal(err)
			}
		}
		checkPath(t, g, positionProof{c.LeafIndex, c.MerkleProof})
		p, err := ParseProof(c.Proof)
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		message, okM := jsUint256(t, c.Message)
		scope, okS := jsUint256(t, c.Scope)
		if !okM || !okS || p.Message != message || p.Scope != scope || p.MerkleTreeDepth != c.Depth {
			t.Errorf("case %d: message, scope or depth differ", i)
		}
		if p.Nullifier != id.Nullifier(scope) || p.MerkleTreeRoot != g.Root() {
			t.Errorf("case %d: nullifier or root differ", i)
		}
		if c.Public != [4]Element{p.MerkleTreeRoot, p.Nullifier, p.Message.Hash(), p.Scope.Hash()} {
			t.Errorf("case %d: public signals differ", i)
		}
		if err := verifier(t).Verify(p); err != nil {
			t.Errorf("case %d: %v", i, err)
		}
	}
	for _, d := range []int{1, 2, 5, 10, 16, 20, 32} {
		if !depths[d] {
			t.Errorf("no proof of depth %d", d)
		}
	}
}

// judge parses strictly, then verifies.
func judge(v *Verifier, raw []byte) error {
	p, err := ParseProof(raw)
	if err != nil {
		return err
	}
	return v.Verify(p)
}

func typedProofError(err error) bool {
	for _, known := range []error{ErrProofSyntax, ErrDepth, ErrPoint, ErrZeroRoot, ErrInvalidProof, ErrRange, ErrNotCanonical} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

func TestT20OfficialTampered(t *testing.T) {
	v := official(t)
	counts(t, "tampered", len(v.Tampered), 398)
	tally := map[string]int{}
	for _, c := range v.Tampered {
		err := judge(verifier(t), c.Proof)
		tally[c.Strict]++
		switch c.Strict {
		case "accept":
			if err != nil {
				t.Errorf("base %d, %s: %v", c.Base, c.Note, err)
			}
		case "reject":
			if err == nil {
				t.Errorf("base %d, %s: accepted", c.Base, c.Note)
			} else if !typedProofError(err) {
				t.Errorf("base %d, %s: untyped error %v", c.Base, c.Note, err)
			}
		case "either":
		default:
			t.Errorf("unknown rule %q", c.Strict)
		}
	}
	counts(t, "accept", tally["accept"], 16)
	counts(t, "either", tally["either"], 2)
	counts(t, "reject", tally["reject"], 380)

	counts(t, "tamperedNonObjects", len(v.NonObjects), 6)
	for _, c := range v.NonObjects {
		raw := []byte(c.Input.Value)
		switch c.Input.Type {
		case "null":
			raw = []byte("null")
		case "undefined":
			raw = nil
		}
		if err := judge(verifier(t), raw); !errors.Is(err, ErrProofSyntax) {
			t.Errorf("%s %s: %v", c.Input.Type, raw, err)
		}
	}
}

// TestT20ForgedRootZero: valid proofs by a non-member, root 0. Both the parser
// and, for a Proof made by hand, the verifier refuse them; the pairing alone
// would accept.
func TestT20ForgedRootZero(t *testing.T) {
	v := official(t)
	counts(t, "forgedRootZero", len(v.ForgedRootZero), 4)
	for _, c := range v.ForgedRootZero {
		if err := judge(verifier(t), c.Proof); !errors.Is(err, ErrZeroRoot) {
			t.Errorf("parser: %v, want ErrZeroRoot", err)
		}
		p, err := decodeProof(c.Proof)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier(t).Verify(p); !errors.Is(err, ErrZeroRoot) {
			t.Errorf("verifier: %v, want ErrZeroRoot", err)
		}
	}
}

// The default depth of the official client is the number of siblings of the
// prover's leaf, at least 1.
func TestOfficialDefaultDepth(t *testing.T) {
	v := official(t)
	counts(t, "defaultDepth", len(v.DefaultDepth), 5)
	for _, c := range v.DefaultDepth {
		members := make([]Element, c.Size)
		for i := range members {
			members[i][31] = byte(i + 1)
		}
		p, err := mustGroup(t, members...).Proof(c.LeafIndex)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Siblings) != c.Siblings || max(1, len(p.Siblings)) != c.Depth {
			t.Errorf("size %d position %d: %d siblings", c.Size, c.LeafIndex, len(p.Siblings))
		}
	}
	counts(t, "circuit", len(v.Circuit), 20) // run by package prove
}
