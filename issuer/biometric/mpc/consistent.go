package mpc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/dot"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/galois"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// A device's three shares are values of s + r*e at the parties' points e = 1, x
// and 1 + x for one s and r exactly when
//
//	(-1)*share_0 + x*share_1 + (1-x)*share_2 = 0
//
// for the factors add up to 0, alone and times the points: -1 + x^2 + (1-x)(1+x)
// = 0; and the first two shares determine s, r and the third. The parties
// compute all of these sums, covered with shares of zero, and compare them
// without adding them up in one place: it is exact, where random combinations
// modulo 2^16 have zero divisors to hide in. From a device that is honest every
// message is uniform or the digest of such; of one that is not, a party learns
// what that device chose.
func factor(party int) galois.Element[uint16] {
	return [galois.Parties]galois.Element[uint16]{{0xffff}, {0, 1}, {1, 0xffff}}[party]
}

// consistent tells for each person whether the three shares agree: 4 rounds.
func (r *run) consistent(people []dot.Person) ([]bool, error) {
	words := len(people[0].Left.Words())
	n := 2 * words * len(people) // numbers
	out, in := r.buffers(2 * n)
	f := factor(r.party)
	at := 0
	minus := make([]byte, 2*n)
	clear(out)
	r.zeros.words(out, minus)
	for _, p := range people {
		for _, eye := range []dot.Share{p.Left, p.Right} {
			w := eye.Words()
			for k := 0; k < words; k += galois.Degree {
				y := galois.Element[uint16](w[k:]).Mul(f)
				for j := range y {
					zero := binary.LittleEndian.Uint16(out[at:]) - binary.LittleEndian.Uint16(minus[at:])
					binary.LittleEndian.PutUint16(out[at:], y[j]+zero)
					at += 2
				}
			}
		}
	}
	if err := r.exchange(out, in); err != nil {
		return nil, err
	}
	// Mine and the one before must be the negative of the next party's, which
	// sees its digest.
	per := 2 * n / len(people)
	digests := make([]byte, 0, sha256.Size*len(people))
	expected := make([]byte, 0, sha256.Size*len(people))
	for i := range people {
		mine := sha256.Sum256(out[i*per:][:per])
		expected = append(expected, mine[:]...)
		for k := i * per; k < (i+1)*per; k += 2 {
			sum := binary.LittleEndian.Uint16(out[k:]) + binary.LittleEndian.Uint16(in[k:])
			binary.LittleEndian.PutUint16(minus[k:], -sum)
		}
		sum := sha256.Sum256(minus[i*per:][:per])
		digests = append(digests, sum[:]...)
	}
	came := make([]byte, len(digests))
	if err := r.exchange(digests, came); err != nil {
		return nil, err
	}
	good := make([]byte, len(people))
	for i := range good {
		k := i * sha256.Size
		good[i] = byte(subtle.ConstantTimeCompare(expected[k:][:sha256.Size], came[k:][:sha256.Size]))
	}
	// Twice around: then all have everybody's verdict.
	for range 2 {
		other := make([]byte, len(good))
		if err := r.exchange(good, other); err != nil {
			return nil, err
		}
		next := make([]byte, len(good))
		for i := range good {
			if other[i] > 1 {
				return nil, fmt.Errorf("%w: verdict", wire.ErrFrame)
			}
			next[i] = good[i] & other[i]
		}
		good = next
	}
	valid := make([]bool, len(good))
	for i := range good {
		valid[i] = good[i] == 1
	}
	return valid, nil
}
