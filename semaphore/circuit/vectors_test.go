package circuit

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/witness"
	"github.com/consensys/gnark/constraint"
	cs "github.com/consensys/gnark/constraint/bn254"
	"github.com/consensys/gnark/frontend"

	"github.com/perhuman/perhuman/semaphore"
)

// The official vectors; ../testdata/README.md says where they come from.
type vectors struct {
	Proofs []struct {
		Depth      int                   `json:"depth"`
		PrivateKey map[string]any        `json:"privateKey"`
		Path       semaphore.MerkleProof `json:"merkleProof"`
		Proof      semaphore.Proof       `json:"proof"`
		Public     [4]decimal            `json:"publicSignals"`
	} `json:"proofs"`
	Circuit []struct {
		Note   string `json:"note"`
		Depth  int    `json:"depth"`
		Inputs struct {
			Secret   decimal   `json:"secret"`
			Length   decimal   `json:"merkleProofLength"`
			Index    decimal   `json:"merkleProofIndex"`
			Siblings []decimal `json:"merkleProofSiblings"`
			Message  decimal   `json:"message"`
			Scope    decimal   `json:"scope"`
		} `json:"inputs"`
		Public   []decimal `json:"publicSignals"`
		Rejected string    `json:"rejected"`
	} `json:"circuit"`
}

type decimal struct{ *big.Int }

func (n *decimal) UnmarshalJSON(b []byte) error {
	v, ok := new(big.Int).SetString(strings.Trim(string(b), `"`), 10)
	if !ok {
		return fmt.Errorf("not a number: %s", b)
	}
	n.Int = v
	return nil
}

func official(t testing.TB) *vectors {
	t.Helper()
	v, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var load = sync.OnceValues(func() (*vectors, error) {
	data, err := os.ReadFile("../testdata/semaphore-v4.json")
	if err != nil {
		return nil, err
	}
	v := new(vectors)
	return v, json.Unmarshal(data, v)
})

// systems are the two compiled forms of one depth, made once for all tests.
type systems struct {
	r1cs *cs.R1CS
	scs  *cs.SparseR1CS
}

func (s systems) each() []constraint.ConstraintSystem {
	return []constraint.ConstraintSystem{s.r1cs, s.scs}
}

var compiled = func() (out [semaphore.MaxDepth + 1]func() (systems, error)) {
	for depth := range out {
		out[depth] = sync.OnceValues(func() (s systems, err error) {
			if s.r1cs, err = R1CS(depth); err != nil {
				return s, err
			}
			s.scs, err = SCS(depth)
			return s, err
		})
	}
	return out
}()

func compiledAt(t testing.TB, depth int) systems {
	t.Helper()
	s, err := compiled[depth]()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func full(t testing.TB, c *Circuit) witness.Witness {
	t.Helper()
	w, err := frontend.NewWitness(c, ecc.BN254.ScalarField())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// holds reports whether the assignment satisfies both forms, which must agree.
func holds(t testing.TB, s systems, c *Circuit) bool {
	t.Helper()
	w := full(t, c)
	groth, plonk := s.r1cs.IsSolved(w) == nil, s.scs.IsSolved(w) == nil
	if groth != plonk {
		t.Fatalf("R1CS says %v, PLONK says %v", groth, plonk)
	}
	return groth
}

func identity(t testing.TB, key map[string]any) *semaphore.Identity {
	t.Helper()
	for _, field := range []string{"utf8Hex", "hex"} {
		if text, ok := key[field].(string); ok {
			b, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			return semaphore.IdentityFromKey(b)
		}
	}
	t.Fatalf("no key in %v", key)
	return nil
}

// TestOfficialProofs: the circuit gives root and nullifier of every official
// proof, and the list of public inputs is the list of public signals.
func TestOfficialProofs(t *testing.T) {
	for i, v := range official(t).Proofs {
		id := identity(t, v.PrivateKey)
		c, err := Assign(v.Depth, id, v.Path, v.Proof.Message, v.Proof.Scope)
		if len(v.Path.Siblings) == 0 {
			// A group of one is refused by Assign; the circuit takes it.
			if err == nil {
				t.Errorf("proof %d: Assign took a group of one", i)
			}
			c = &Circuit{
				Root: v.Public[0].Int, Nullifier: v.Public[1].Int, Message: v.Public[2].Int, Scope: v.Public[3].Int,
				Secret: element(id.SecretScalar()), Length: 0, Index: 0, Siblings: make([]frontend.Variable, v.Depth),
			}
			for j := range c.Siblings {
				c.Siblings[j] = 0
			}
		} else if err != nil {
			t.Fatalf("proof %d: %v", i, err)
		}
		s := compiledAt(t, v.Depth)
		if !holds(t, s, c) {
			t.Errorf("proof %d: depth %d: no witness", i, v.Depth)
		}
		public, err := full(t, c).Public()
		if err != nil {
			t.Fatal(err)
		}
		if !samePublic(public, v.Public) {
			t.Errorf("proof %d: public inputs differ from the public signals", i)
		}
		stated, err := PublicWitness(v.Proof.MerkleTreeRoot, v.Proof.Nullifier, v.Proof.Message, v.Proof.Scope)
		if err != nil {
			t.Fatal(err)
		}
		if !samePublic(stated, v.Public) {
			t.Errorf("proof %d: PublicWitness differs", i)
		}
		c.Root = new(big.Int).Add(v.Public[0].Int, big.NewInt(1))
		if holds(t, s, c) {
			t.Errorf("proof %d: another root has a witness", i)
		}
	}
}

// TestOfficialWitnesses are the corner cases that the official witness
// calculator answered: same outputs, or no witness on both sides.
func TestOfficialWitnesses(t *testing.T) {
	one := big.NewInt(1)
	for _, v := range official(t).Circuit {
		c := &Circuit{
			Root: 0, Nullifier: 0, Message: v.Inputs.Message.Int, Scope: v.Inputs.Scope.Int,
			Secret: v.Inputs.Secret.Int, Length: v.Inputs.Length.Int, Index: v.Inputs.Index.Int,
		}
		for _, sibling := range v.Inputs.Siblings {
			c.Siblings = append(c.Siblings, sibling.Int)
		}
		s := compiledAt(t, v.Depth)
		if len(v.Public) == 0 {
			// No witness whatever the outputs: take those that the constraints
			// themselves compute, so that nothing else is wrong.
			root, nullifier := outputs(t, c)
			c.Root, c.Nullifier = root, nullifier
			if holds(t, s, c) {
				t.Errorf("%s: has a witness", v.Note)
			}
			continue
		}
		c.Root, c.Nullifier = v.Public[0].Int, v.Public[1].Int
		if !holds(t, s, c) {
			t.Errorf("%s: no witness", v.Note)
		}
		for name, wire := range map[string]*frontend.Variable{"root": &c.Root, "nullifier": &c.Nullifier} {
			right := (*wire).(*big.Int)
			*wire = new(big.Int).Add(right, one)
			if holds(t, s, c) {
				t.Errorf("%s: another %s has a witness", v.Note, name)
			}
			*wire = right
		}
	}
}
