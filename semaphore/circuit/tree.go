package circuit

import (
	"fmt"

	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/std/math/bits"

	"github.com/perhuman/perhuman/semaphore"
)

// MerkleRoot folds a path of a LeanIMT. The result is the node above the first
// length siblings, so the leaf itself for length 0, and 0 for any length
// outside 0..len(siblings), as in the official circuit: whoever verifies must
// refuse root 0. index has one bit a sibling and no more; the bits and the
// siblings above length are free.
func MerkleRoot(api frontend.API, leaf, length, index frontend.Variable, siblings []frontend.Variable) (frontend.Variable, error) {
	if len(siblings) < 1 || len(siblings) > semaphore.MaxDepth {
		return nil, fmt.Errorf("%w: %d", semaphore.ErrDepth, len(siblings))
	}
	right := bits.ToBinary(api, index, bits.WithNbDigits(len(siblings)))
	node := leaf
	root := api.Mul(api.IsZero(length), node)
	for i, sibling := range siblings {
		swap := api.Mul(right[i], api.Sub(sibling, node))
		parent, err := Poseidon(api, api.Add(node, swap), api.Sub(sibling, swap))
		if err != nil {
			return nil, err
		}
		node = parent
		root = api.Add(root, api.Mul(api.IsZero(api.Sub(length, i+1)), node))
	}
	return root, nil
}
