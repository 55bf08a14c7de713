package verifier_test

import (
	"encoding/json"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/verifier"
)

// T21: whatever parses has one spelling in each form, and whatever does not
// gives no proof and an error with a code.
func FuzzParseProof(f *testing.F) {
	p := &semaphore.Proof{MerkleTreeDepth: 20, MerkleTreeRoot: semaphore.Element{31: 1}}
	if text, err := json.Marshal(p); err == nil {
		f.Add(text)
	}
	f.Add([]byte(`"FAAA"`))
	f.Add([]byte(`{"merkleTreeDepth":20}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := verifier.ParseProof(in)
		if err != nil {
			if got != nil || api.CodeOf(err) == api.Internal {
				t.Fatalf("%v with %v", got, err)
			}
			return
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := verifier.ParseProof(text); err != nil || *back != *got {
			t.Fatalf("%s: %v", text, err)
		}
	})
}
