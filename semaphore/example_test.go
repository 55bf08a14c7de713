package semaphore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

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

// officialProof is one that the official JavaScript package made.
func officialProof() (*semaphore.Proof, error) {
	data, err := os.ReadFile("testdata/semaphore-v4.json")
	if err != nil {
		return nil, err
	}
	var vectors struct {
		Proofs []struct{ Proof json.RawMessage }
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		return nil, err
	}
	return semaphore.ParseProof(vectors.Proofs[0].Proof)
}

func ExampleVerifier() {
	proof, err := officialProof()
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := semaphore.NewVerifier()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(verifier.Verify(proof))

	proof.Message[31] ^= 1
	fmt.Println(errors.Is(verifier.Verify(proof), semaphore.ErrInvalidProof))
	// Output:
	// <nil>
	// true
}

// A server has one Queue for all its callers; here three of them come at once.
func ExampleQueue() {
	proof, err := officialProof()
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := semaphore.NewVerifier()
	if err != nil {
		fmt.Println(err)
		return
	}
	queue := semaphore.NewQueue(verifier, semaphore.QueueConfig{})
	var callers sync.WaitGroup
	for _, client := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			switch err := queue.Verify(ctx, client, proof); {
			case err == nil:
			case errors.Is(err, semaphore.ErrQueueFull):
				fmt.Println("busy: try again")
			default:
				fmt.Println(err)
			}
		})
	}
	callers.Wait()
	queue.Close() // answers what waits
	fmt.Println(queue.Stats().Valid, "valid")
	// Output:
	// 3 valid
}
