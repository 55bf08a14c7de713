// Package ptautest makes powers-of-tau files for tests. Their secrets are in
// this source: keys made from them are worth nothing.
package ptautest

import (
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// Secrets are the factors of a ceremony in which everybody kept theirs.
type Secrets struct{ Tau, Alpha, Beta fr.Element }

// Known gives the factors of Ptau.
func Known() Secrets {
	return Secrets{fr.NewElement(1234567), fr.NewElement(89), fr.NewElement(10)}
}

// Ptau makes a good file of 2^power powers.
func Ptau(power int) []byte { return File(Sections(power, Known())) }

// Section is one section of a file.
type Section struct {
	Kind uint32
	Data []byte
}

// Sections makes the six that hold powers, header first, and a seventh that is
// to be skipped.
func Sections(power int, s Secrets) []Section {
	_, _, g1, g2 := bn254.Generators()
	n := 1 << power
	powers := func(k fr.Element, n int) []fr.Element {
		out := make([]fr.Element, n)
		for i := range out {
			out[i] = k
			k.Mul(&k, &s.Tau)
		}
		return out
	}
	one := fr.One()
	g1s := func(k []fr.Element) (out []byte) {
		for _, p := range bn254.BatchScalarMultiplicationG1(&g1, k) {
			out = AppendCoordinates(out, p.X, p.Y)
		}
		return out
	}
	g2s := func(k []fr.Element) (out []byte) {
		for _, p := range bn254.BatchScalarMultiplicationG2(&g2, k) {
			out = AppendCoordinates(out, p.X.A0, p.X.A1, p.Y.A0, p.Y.A1)
		}
		return out
	}
	head := binary.LittleEndian.AppendUint32(nil, fp.Bytes)
	q := fp.Modulus().Bytes()
	for i := range q {
		head = append(head, q[len(q)-1-i])
	}
	head = binary.LittleEndian.AppendUint32(head, uint32(power))
	head = binary.LittleEndian.AppendUint32(head, uint32(power))
	return []Section{
		{1, head},
		{2, g1s(powers(one, 2*n-1))},
		{3, g2s(powers(one, n))},
		{4, g1s(powers(s.Alpha, n))},
		{5, g1s(powers(s.Beta, n))},
		{6, g2s([]fr.Element{s.Beta})},
		{7, []byte("contributions, of no interest here")},
	}
}

// AppendCoordinates writes coordinates as the file does: Montgomery limbs,
// lowest first.
func AppendCoordinates(out []byte, c ...fp.Element) []byte {
	for _, e := range c {
		for _, limb := range e {
			out = binary.LittleEndian.AppendUint64(out, limb)
		}
	}
	return out
}

// File writes sections one after the other.
func File(sections []Section) []byte {
	out := append([]byte("ptau"), 1, 0, 0, 0)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(sections)))
	for _, s := range sections {
		out = binary.LittleEndian.AppendUint32(out, s.Kind)
		out = binary.LittleEndian.AppendUint64(out, uint64(len(s.Data)))
		out = append(out, s.Data...)
	}
	return out
}
