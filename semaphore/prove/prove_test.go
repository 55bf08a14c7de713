package prove

import (
	"bytes"
	"context"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
)

func load(t testing.TB, depth int, opts ...Option) *Prover {
	t.Helper()
	var key []byte
	if depth == 20 {
		key = depth20.ZKey()
	} else {
		key = artifact(t, depth, "zkey")
	}
	p, err := New(bytes.NewReader(key), opts...)
	if err != nil {
		t.Fatal(err)
	}
	if p.Depth() != depth {
		t.Fatalf("key of depth %d says %d", depth, p.Depth())
	}
	return p
}

// statement is something true to prove.
type statement struct {
	id             *semaphore.Identity
	path           semaphore.MerkleProof
	message, scope semaphore.Uint256
}

// member puts an identity into a group of the given size.
func member(t testing.TB, seed string, position, size int) statement {
	t.Helper()
	id := semaphore.IdentityFromKey([]byte(seed))
	leaves := make([]semaphore.Element, size)
	for i := range leaves {
		leaves[i] = semaphore.Element{31: byte(i), 30: byte(i >> 8), 1: 1}
	}
	leaves[position] = id.Commitment()
	g, err := semaphore.NewGroup(leaves...)
	if err != nil {
		t.Fatal(err)
	}
	path, err := g.Proof(position)
	if err != nil {
		t.Fatal(err)
	}
	return statement{id, path, semaphore.Uint256{0: 0xff, 31: 7}, semaphore.Uint256{31: byte(size)}}
}

func TestProofsVerify(t *testing.T) {
	for _, depth := range []int{1, 10, 20, 32} {
		p := load(t, depth)
		size := min(300, 1<<depth)
		s := member(t, "a person", size-1, size)
		proof, err := p.Prove(context.Background(), s.id, s.path, s.message, s.scope)
		if err != nil {
			t.Fatal(err)
		}
		if err := gnarkVerify(t, proof); err != nil {
			t.Errorf("depth %d: gnark: %v", depth, err)
		}
		if proof.Nullifier != s.id.Nullifier(s.scope) {
			t.Errorf("depth %d: nullifier differs", depth)
		}
	}
}
