package circuit

import (
	"math/big"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/consensys/gnark/backend/witness"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/internal/babyjub"
	"github.com/perhuman/perhuman/semaphore/internal/poseidon"
)

func samePublic(w witness.Witness, want [4]decimal) bool {
	got := w.Vector().(fr.Vector)
	if len(got) != len(want) {
		return false
	}
	for i := range want {
		if got[i].BigInt(new(big.Int)).Cmp(want[i].Int) != 0 {
			return false
		}
	}
	return true
}

// outputs computes the statement natively, without its range checks.
func outputs(t testing.TB, c *Circuit) (root, nullifier *big.Int) {
	t.Helper()
	field := func(v any) (e fr.Element) {
		if _, err := e.SetInterface(v); err != nil {
			t.Fatal(err)
		}
		return e
	}
	secret, scope := field(c.Secret), field(c.Scope)
	b := secret.Bytes()
	key := babyjub.ScalarMul(babyjub.Base8(), &b)
	node := poseidon.Hash2(&key.X, &key.Y)
	length, index := field(c.Length), field(c.Index)
	n, bits := length.BigInt(new(big.Int)), index.BigInt(new(big.Int))
	null := poseidon.Hash2(&scope, &secret)
	if n.Cmp(big.NewInt(int64(len(c.Siblings)))) > 0 {
		return new(big.Int), bigInt(null)
	}
	for i := range int(n.Int64()) {
		sibling := field(c.Siblings[i])
		if bits.Bit(i) == 1 {
			node = poseidon.Hash2(&sibling, &node)
		} else {
			node = poseidon.Hash2(&node, &sibling)
		}
	}
	return bigInt(node), bigInt(null)
}

func bigInt(e fr.Element) *big.Int { return number(&e) }

// member is a person in a group of five, at a position with two siblings.
func member(t testing.TB) (*semaphore.Identity, semaphore.MerkleProof) {
	t.Helper()
	id := semaphore.IdentityFromKey([]byte("a person"))
	g, err := semaphore.NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		leaf := semaphore.Element{31: byte(i + 1)}
		if i == 1 {
			leaf = id.Commitment()
		}
		if err := g.Add(leaf); err != nil {
			t.Fatal(err)
		}
	}
	path, err := g.Proof(1)
	if err != nil {
		t.Fatal(err)
	}
	return id, path
}

func assigned(t testing.TB, depth int) *Circuit {
	t.Helper()
	id, path := member(t)
	c, err := Assign(depth, id, path, semaphore.Uint256{31: 7}, semaphore.Uint256{31: 9})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
