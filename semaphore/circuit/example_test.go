package circuit_test

import (
	"fmt"
	"log"

	"github.com/consensys/gnark/backend/groth16"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/circuit"
)

// A proof of membership with keys of one's own. groth16.Setup leaves its maker
// able to forge: package setup makes keys that others can trust.
func Example() {
	id := semaphore.IdentityFromKey([]byte("32 random bytes, in real life"))
	other := semaphore.IdentityFromKey([]byte("of somebody else"))
	group, err := semaphore.NewGroup(other.Commitment(), id.Commitment())
	if err != nil {
		log.Fatal(err)
	}
	path, err := group.Proof(1)
	if err != nil {
		log.Fatal(err)
	}
	system, err := circuit.R1CS(1)
	if err != nil {
		log.Fatal(err)
	}
	pk, vk, err := groth16.Setup(system)
	if err != nil {
		log.Fatal(err)
	}

	message, scope := semaphore.Uint256{31: 1}, semaphore.Uint256{31: 2}
	w, err := circuit.Witness(1, id, path, message, scope)
	if err != nil {
		log.Fatal(err)
	}
	proof, err := groth16.Prove(system, pk, w)
	if err != nil {
		log.Fatal(err)
	}

	public, err := circuit.PublicWitness(group.Root(), id.Nullifier(scope), message, scope)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(groth16.Verify(proof, vk, public))
	// Output: <nil>
}
