package prove

import (
	"errors"
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// errNoWitness: the circuit has no witness for this input.
var errNoWitness = errors.New("prove: input outside the circuit")

// inputs are the circuit's inputs. Siblings beyond the length count as zero.
type inputs struct {
	secret         fr.Element
	length         int
	index          uint64
	siblings       []fr.Element
	message, scope fr.Element // hashed
}

// order is l, the order of Baby Jubjub's prime subgroup, little-endian words.
var order = [4]uint64{0x677297dc392126f1, 0xab3eedb83920ee0a, 0x370a08b6d0302b0b, 0x060c89ce5c263405}

// fill writes every wire to w, which is zero. It is plain Go over the gadgets
// of the circuit, in the order in which values depend on each other; layout
// says where each value goes. When it fails it leaves zeros.
func (l *layout) fill(w []fr.Element, in *inputs) error {
	secret := in.secret.Bits()
	if !below(secret, order) || in.length < 0 || in.length > l.depth ||
		len(in.siblings) > l.depth || in.index>>l.depth != 0 {
		return errNoWitness
	}
	at := func(b int) []fr.Element { return w[l.first[b]:l.first[b+1]] }

	w[l.first[bOne]].SetOne()
	w[l.first[bMessage]] = in.message
	w[l.first[bScope]] = in.scope
	w[l.first[bSecret]] = in.secret
	w[l.first[bLength]].SetUint64(uint64(in.length))
	w[l.first[bIndex]].SetUint64(in.index)
	copy(at(bSiblings), in.siblings)
	w[l.first[bSquare]].Square(&in.message)
	setBits(at(bSecretBits), secret)
	if err := l.publicKey(w, secret); err != nil {
		clear(w)
		return err
	}
	h := newHasher()
	key := at(bPublicKey)
	leaf := h.hash(at(bLeafHash), &key[0], &key[1])
	w[l.first[bRoot]] = l.path(w, h, in, leaf)
	w[l.first[bNullifier]] = h.hash(at(bNullifierHsh), &in.scope, &in.secret)

	// secret < l because secret + 2^251 - l has no bit 251.
	var carry uint64
	shifted := [4]uint64{3: 1 << (251 - 192)}
	for i := range shifted {
		shifted[i], carry = bits.Sub64(shifted[i], order[i], carry)
	}
	carry = 0
	for i := range shifted {
		shifted[i], carry = bits.Add64(shifted[i], secret[i], carry)
	}
	setBits(at(bRangeBits), shifted)
	return nil
}

// path fills the gadgets of the Merkle path and gives the root: node number
// length, picked by comparing the length with every level.
func (l *layout) path(w []fr.Element, h *hasher, in *inputs, leaf fr.Element) fr.Element {
	var (
		nodes    = w[l.first[bNodes]:]
		siblings = w[l.first[bSiblings]:]
		selected = w[l.first[bSelected]:]
		indexBit = w[l.first[bIndexBits]:]
		equals   = w[l.first[bEquals]:]
		pairs    = w[l.first[bPairs]:]
		hashes   = w[l.first[bLevelHash]:]
	)
	nodes[0] = leaf
	for i := range l.depth {
		left, right := &pairs[2*i], &pairs[2*i+1]
		bit := in.index >> i & 1
		if bit == 0 {
			*left, *right = nodes[i], siblings[i]
		} else {
			*left, *right = siblings[i], nodes[i]
		}
		if i < l.depth-1 { // the last bit is folded into the index
			indexBit[i].SetUint64(bit)
		}
		nodes[i+1] = h.hash(hashes[poseidonAll*i:poseidonAll*(i+1)], left, right)
	}
	var inverses, scratch [maxDepth + 1]fr.Element
	for i := range l.depth + 1 {
		inverses[i].SetInt64(int64(i - in.length))
	}
	batchInvert(inverses[:l.depth+1], scratch[:])
	for i := range l.depth + 1 {
		equals[2*i+1] = inverses[i] // an inverse of 0 is 0 here as in the circuit
	}
	equals[2*in.length].SetOne()
	if in.length < l.depth { // the last product is folded into the root
		selected[in.length] = nodes[in.length]
	}
	return nodes[in.length]
}

// setBits writes bit i of v to wires[i].
func setBits(wires []fr.Element, v [4]uint64) {
	for i := range wires {
		wires[i].SetUint64(v[i/64] >> (i % 64) & 1)
	}
}

// below compares without branching on the words.
func below(a, b [4]uint64) bool {
	var borrow uint64
	for i := range a {
		_, borrow = bits.Sub64(a[i], b[i], borrow)
	}
	return borrow == 1
}
