package verifiertest

import (
	"crypto/rand"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
)

// The kept proofs are real, and so are fresh ones for values never seen.
func TestProofsAreReal(t *testing.T) {
	s := One()
	v, err := semaphore.NewVerifier()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.proofs) == 0 {
		t.Error("proofs.txt holds nothing for this set")
	}
	for w, p := range s.proofs {
		if err := v.Verify(p); err != nil || p.Nullifier != s.IDs[w.person].Nullifier(w.scope) {
			t.Errorf("person %d: %v", w.person, err)
		}
	}
	var message, scope semaphore.Uint256
	_, _ = rand.Read(message[:])
	_, _ = rand.Read(scope[:])
	if err := v.Verify(s.ProveNow(t, 3, message, scope)); err != nil {
		t.Error(err)
	}
}
