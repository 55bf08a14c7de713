package mpc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Two neighbours share a key, made anew for each session of what both of them
// drew, and read the same stream of AES-128 in counter mode from it. Party i
// takes the difference of its two streams, so the three parties' numbers add up
// to zero while any one of them is uniform to the others. The first half of a
// stream's counter is the number of the query, which Mark never gives twice.

// pairKey is the key of parties first and first+1.
func pairKey(first int, fromFirst, fromSecond [32]byte) (cipher.Block, error) {
	secret := append(fromFirst[:], fromSecond[:]...)
	defer clear(secret)
	key, err := hkdf.Key(sha256.New, secret, nil, fmt.Sprintf("perhuman/mpc/zero/1/%d", first), 16)
	if err != nil {
		return nil, fmt.Errorf("mpc: key of two parties: %w", err)
	}
	defer clear(key)
	return aes.NewCipher(key)
}

// zeros gives a party's shares of zero within one query.
type zeros struct{ next, prev cipher.Stream }

func newZeros(next, prev cipher.Block, number uint64) zeros {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[:], number)
	return zeros{cipher.NewCTR(next, iv[:]), cipher.NewCTR(prev, iv[:])}
}

// xor adds a share of zero bits.
func (z zeros) xor(b []byte) {
	z.next.XORKeyStream(b, b)
	z.prev.XORKeyStream(b, b)
}

// words gives shares of zero modulo 2^16 or 2^32, side by side in plus and minus:
// the share is plus - minus in each part. Both must hold 0.
func (z zeros) words(plus, minus []byte) {
	z.next.XORKeyStream(plus, plus)
	z.prev.XORKeyStream(minus, minus)
}

// Four numbers modulo 2^16 in one word, or two modulo 2^32.
const (
	highBits   = 0x8000_8000_8000_8000
	highBits32 = 0x8000_0000_8000_0000
)

func add16(a, b uint64) uint64 {
	return ((a &^ highBits) + (b &^ highBits)) ^ ((a ^ b) & highBits)
}

func sub16(a, b uint64) uint64 {
	return ((a | highBits) - (b &^ highBits)) ^ ((a ^ ^b) & highBits)
}

func add32(a, b uint64) uint64 {
	return ((a &^ highBits32) + (b &^ highBits32)) ^ ((a ^ b) & highBits32)
}

func sub32(a, b uint64) uint64 {
	return ((a | highBits32) - (b &^ highBits32)) ^ ((a ^ ^b) & highBits32)
}
