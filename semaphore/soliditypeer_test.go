package semaphore_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth32"
	"github.com/perhuman/perhuman/semaphore/prove"
)

// proofsOf makes n proofs of one depth with our prover, each of another person.
func proofsOf(t testing.TB, depth, n int) []*semaphore.Proof {
	t.Helper()
	var key io.Reader
	switch depth {
	case 20:
		key = depth20.NewReader()
	case 32:
		key = depth32.NewReader()
	default:
		file := filepath.Join("../sdk/web/node_modules/@zk-kit/semaphore-artifacts", fmt.Sprintf("semaphore-%d.zkey", depth))
		data, err := os.ReadFile(file)
		if err != nil {
			semaphore.Missing(t, "official artifacts not installed in sdk/web/node_modules: "+err.Error())
		}
		key = bytes.NewReader(data)
	}
	prover, err := prove.New(key)
	if err != nil {
		t.Fatal(err)
	}
	group, err := semaphore.NewGroup(semaphore.Element{31: 1}, semaphore.Element{31: 2})
	if err != nil {
		t.Fatal(err)
	}
	if depth > 1 {
		if err := group.AddMany([]semaphore.Element{{31: 3}, {31: 4}}); err != nil {
			t.Fatal(err)
		}
	}
	out := make([]*semaphore.Proof, n)
	for i := range out {
		id := semaphore.IdentityFromKey([]byte{byte(depth), byte(i)})
		if err := group.Update(0, id.Commitment()); err != nil {
			t.Fatal(err)
		}
		path, err := group.Proof(0)
		if err != nil {
			t.Fatal(err)
		}
		if out[i], err = prover.Prove(t.Context(), id, path, semaphore.Uint256{0: 0xff, 31: byte(i)}, semaphore.Uint256{31: byte(depth)}); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestSolidityAcceptsOurProofs: the official contract accepts what our prover
// proves, and not for another message.
func TestSolidityAcceptsOurProofs(t *testing.T) {
	if testing.Short() {
		return // the race detector has nothing to see here
	}
	var ps []*semaphore.Proof
	for _, depth := range []int{1, 10, 20, 32} {
		p := proofsOf(t, depth, 1)[0]
		forged := *p
		forged.Message[31] ^= 1
		ps = append(ps, p, &forged)
	}
	for i, verdict := range semaphore.Solidity(t, ps) {
		if want := []string{"true", "false"}[i%2]; verdict != want {
			t.Errorf("depth %d: %s, want %s", ps[i].MerkleTreeDepth, verdict, want)
		}
	}
}
