package prove_test

import (
	"context"
	"fmt"
	"log"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
)

// A member of a group proves that it is one, for one scope and one message.
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
	prover, err := prove.New(depth20.NewReader())
	if err != nil {
		log.Fatal(err)
	}
	message, scope := semaphore.Uint256{31: 1}, semaphore.Uint256{31: 2}
	proof, err := prover.Prove(context.Background(), id, path, message, scope)
	if err != nil {
		log.Fatal(err)
	}

	verifier, err := semaphore.NewVerifier()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(proof.MerkleTreeRoot == group.Root(), verifier.Verify(proof))
	fmt.Println(proof.Nullifier == id.Nullifier(scope))
	// Output:
	// true <nil>
	// true
}
