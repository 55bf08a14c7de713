package semaphore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/perhuman/perhuman/semaphore"
)

// A wallet proves to an issuer that it holds the secret of a commitment.
func ExamplePublicKey_Verify() {
	wallet := semaphore.IdentityFromKey([]byte("for this example only"))
	question, _ := semaphore.ParseElement("1234567890")

	key, signature := wallet.PublicKey(), wallet.Sign(question)

	fmt.Println(key.Verify(question, signature))
	fmt.Println(key.Commitment() == wallet.Commitment())
	// Output:
	// <nil>
	// true
}

// Removing a member leaves a zero, and a list of leaves with zeros gives the
// same tree again.
func ExampleGroup() {
	group, _ := semaphore.NewGroup()
	for _, secret := range []string{"ada", "blaise", "carl"} {
		id := semaphore.IdentityFromKey([]byte(secret))
		if err := group.Add(id.Commitment()); err != nil {
			fmt.Println(err)
		}
	}
	if err := group.Remove(1); err != nil {
		fmt.Println(err)
	}
	again, _ := semaphore.NewGroup(group.Level(0)...)
	fmt.Println(group.Size(), group.Depth(), again.Root() == group.Root())

	path, _ := group.Proof(2)
	fmt.Println(len(path.Siblings), path.Index, path.VerifyAt(2, group.Size()))
	// Output:
	// 3 2 true
	// 1 1 <nil>
}

func ExampleVerifier() {
	// A proof that the official JavaScript package made.
	data, err := os.ReadFile("testdata/semaphore-v4.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	var vectors struct {
		Proofs []struct{ Proof json.RawMessage }
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		fmt.Println(err)
		return
	}

	verifier, err := semaphore.NewVerifier()
	if err != nil {
		fmt.Println(err)
		return
	}
	proof, err := semaphore.ParseProof(vectors.Proofs[0].Proof)
	fmt.Println(err, verifier.Verify(proof))

	proof.Message[31] ^= 1
	fmt.Println(errors.Is(verifier.Verify(proof), semaphore.ErrInvalidProof))
	// Output:
	// <nil> <nil>
	// true
}
