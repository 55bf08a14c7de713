package mpc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

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
func factor[W galois.Word](party int) galois.Element[W] {
	least := ^W(0)
	return [galois.Parties]galois.Element[W]{{least}, {0, 1}, {1, least}}[party]
}

// line is one person's words at one party, which the three parties' must be on
// one line with: modulo 2^16 and modulo 2^32.
type line struct {
	narrow [][]uint16
	wide   [][]uint32
}

// split gives how many bytes of each kind there are.
func (l line) split() (narrow, wide int) {
	for _, v := range l.narrow {
		narrow += 2 * len(v)
	}
	for _, v := range l.wide {
		wide += 4 * len(v)
	}
	return narrow, wide
}

// products writes this party's products with its factor into dst.
func (l line) products(party int, dst []byte) {
	for _, v := range l.narrow {
		f := factor[uint16](party)
		for k := 0; k < len(v); k += galois.Degree {
			for _, y := range galois.Element[uint16](v[k:]).Mul(f) {
				binary.LittleEndian.PutUint16(dst, y)
				dst = dst[2:]
			}
		}
	}
	for _, v := range l.wide {
		f := factor[uint32](party)
		for k := 0; k < len(v); k += galois.Degree {
			for _, y := range galois.Element[uint32](v[k:]).Mul(f) {
				binary.LittleEndian.PutUint32(dst, y)
				dst = dst[4:]
			}
		}
	}
}

// addNumbers adds b to a, number by number: narrow bytes of 16-bit ones, then
// 32-bit ones. With minus it takes b away.
func addNumbers(a, b []byte, narrow int, minus bool) {
	for k := 0; k < narrow; k += 2 {
		x, y := binary.LittleEndian.Uint16(a[k:]), binary.LittleEndian.Uint16(b[k:])
		if minus {
			y = -y
		}
		binary.LittleEndian.PutUint16(a[k:], x+y)
	}
	for k := narrow; k < len(a); k += 4 {
		x, y := binary.LittleEndian.Uint32(a[k:]), binary.LittleEndian.Uint32(b[k:])
		if minus {
			y = -y
		}
		binary.LittleEndian.PutUint32(a[k:], x+y)
	}
}

// consistent tells for each person whether the three shares agree: 4 rounds. All
// lines have the same lengths.
func (r *run) consistent(people []line) ([]bool, error) {
	narrow, wide := people[0].split()
	per := narrow + wide
	out, in := r.buffers(per * len(people))
	clear(out)
	minus := make([]byte, len(out))
	r.zeros.words(out, minus)
	products := make([]byte, per)
	defer clear(products)
	for i, l := range people {
		l.products(r.party, products)
		addNumbers(out[i*per:][:per], minus[i*per:][:per], narrow, true)
		addNumbers(out[i*per:][:per], products, narrow, false)
	}
	if err := r.exchange(out, in); err != nil {
		return nil, err
	}
	// Mine and the one before must be the negative of the next party's, which
	// sees its digest.
	digests := make([]byte, 0, sha256.Size*len(people))
	expected := make([]byte, 0, sha256.Size*len(people))
	for i := range people {
		mine := sha256.Sum256(out[i*per:][:per])
		expected = append(expected, mine[:]...)
		sum := minus[i*per:][:per]
		clear(sum)
		addNumbers(sum, out[i*per:][:per], narrow, true)
		addNumbers(sum, in[i*per:][:per], narrow, true)
		digest := sha256.Sum256(sum)
		digests = append(digests, digest[:]...)
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
