package circuit

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bn254/kzg"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/plonk"
	"github.com/consensys/gnark/backend/witness"

	"github.com/perhuman/perhuman/semaphore"
)

// scheme is a proof system with keys for one depth.
type scheme struct {
	prove  func(w witness.Witness) (proof any, err error)
	verify func(proof any, public witness.Witness) error
}

// schemes makes throw-away keys: who ran this could forge. Package setup makes
// real ones.
func schemes(t testing.TB, depth int) map[string]scheme {
	t.Helper()
	s := compiledAt(t, depth)
	pk, vk, err := groth16.Setup(s.r1cs)
	if err != nil {
		t.Fatal(err)
	}
	canonical, size := plonk.SRSSize(s.scs)
	srs, err := kzg.NewSRS(uint64(canonical), big.NewInt(123456789))
	if err != nil {
		t.Fatal(err)
	}
	lagrange := &kzg.SRS{Vk: srs.Vk}
	if lagrange.Pk.G1, err = kzg.ToLagrangeG1(srs.Pk.G1[:size]); err != nil {
		t.Fatal(err)
	}
	ppk, pvk, err := plonk.Setup(s.scs, srs, lagrange)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]scheme{
		"groth16": {
			func(w witness.Witness) (any, error) { return groth16.Prove(s.r1cs, pk, w) },
			func(p any, w witness.Witness) error { return groth16.Verify(p.(groth16.Proof), vk, w) },
		},
		"plonk": {
			func(w witness.Witness) (any, error) { return plonk.Prove(s.scs, ppk, w) },
			func(p any, w witness.Witness) error { return plonk.Verify(p.(plonk.Proof), pvk, w) },
		},
	}
}

// TestProofsBindPublicInputs: Groth16 and PLONK, depth 1. A proof is good for
// its four public inputs and for no others, the message included.
func TestProofsBindPublicInputs(t *testing.T) {
	id := semaphore.IdentityFromKey([]byte("a person"))
	g, err := semaphore.NewGroup(id.Commitment(), semaphore.Element{31: 5})
	if err != nil {
		t.Fatal(err)
	}
	path, err := g.Proof(0)
	if err != nil {
		t.Fatal(err)
	}
	message, scope := semaphore.Uint256{0: 0xff, 31: 7}, semaphore.Uint256{31: 9}
	w, err := Witness(1, id, path, message, scope)
	if err != nil {
		t.Fatal(err)
	}
	null := id.Nullifier(scope)
	type statement struct {
		root, null     semaphore.Element
		message, scope semaphore.Uint256
	}
	right := statement{g.Root(), null, message, scope}
	wrong := map[string]statement{
		"root":      {null, null, message, scope},
		"nullifier": {g.Root(), g.Root(), message, scope},
		"message":   {g.Root(), null, scope, scope},
		"scope":     {g.Root(), null, message, message},
	}
	public := func(s statement) witness.Witness {
		w, err := PublicWitness(s.root, s.null, s.message, s.scope)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	bad := assigned(t, 4)
	bad.Siblings = bad.Siblings[:1]
	for name, s := range schemes(t, 1) {
		proof, err := s.prove(w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.verify(proof, public(right)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for what, st := range wrong {
			if s.verify(proof, public(st)) == nil {
				t.Errorf("%s: proof verifies for another %s", name, what)
			}
		}
		if _, err := s.prove(full(t, bad)); err == nil {
			t.Errorf("%s: a false statement was proved", name)
		}
	}
}

// A circuit for another field has no meaning: the constants are BN254's.
func TestFieldIsBN254(t *testing.T) {
	if f := compiledAt(t, 1).r1cs.Field(); f.Cmp(ecc.BN254.ScalarField()) != 0 {
		t.Fatal(f)
	}
}
