package prove

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// long reports whether the thorough form of a test was asked for.
func long() bool { return os.Getenv("PERHUMAN_LONG") == "1" }

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 2026)) }

func randomElement(r *rand.Rand) (e fr.Element) {
	var b [48]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	e.SetBytes(b[:])
	return e
}

// randomSecret is below l, whose top byte is 6.
func randomSecret(r *rand.Rand) fr.Element {
	var b [32]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[0] = byte(r.Uint32N(6))
	var e fr.Element
	e.SetBytes(b[:])
	return e
}

func lMinus1() (e fr.Element) {
	e.SetString("2736030358979909402780800718157159386076813972158567259200215660948447373040")
	return e
}

func powerOf2(n int) (e fr.Element) {
	e.SetOne()
	for range n {
		e.Double(&e)
	}
	return e
}

// randomInputs draws inputs with a path of the given length.
func randomInputs(r *rand.Rand, depth, length int) *inputs {
	in := &inputs{
		secret:  randomSecret(r),
		length:  length,
		index:   r.Uint64N(1 << depth),
		message: randomElement(r),
		scope:   randomElement(r),
	}
	// Siblings beyond the length are free, but ours are zero.
	for range length {
		in.siblings = append(in.siblings, randomElement(r))
	}
	return in
}

// solve is fill into new memory.
func (l *layout) solve(in *inputs) ([]fr.Element, error) {
	w := make([]fr.Element, l.wires())
	if err := l.fill(w, in); err != nil {
		return nil, err
	}
	return w, nil
}

// TestWitnessEqualsOfficial: every wire, on random inputs and at the edges.
func TestWitnessEqualsOfficial(t *testing.T) {
	n := map[int]int{1: 6, 10: 12, 20: 24, 32: 36}
	for _, depth := range []int{1, 10, 20, 32} {
		o := newOracle(t, depth)
		l := newLayout(depth)
		if l.wires() != o.wires {
			t.Fatalf("depth %d: layout has %d wires, the circuit %d", depth, l.wires(), o.wires)
		}
		r := seeded(uint64(depth))
		var cases []*inputs
		rounds := n[depth]
		if long() {
			rounds = 200
		}
		for i := range max(rounds, depth) { // every path length
			cases = append(cases, randomInputs(r, depth, 1+i%depth))
		}
		one, top := fr.One(), lMinus1()
		for i, secret := range []fr.Element{{}, one, fr.NewElement(7), fr.NewElement(8), powerOf2(250), *new(fr.Element).Sub(&top, &one), top} {
			in := randomInputs(r, depth, 1+i%depth)
			in.secret = secret
			if i%2 == 0 { // r-1
				in.message.Neg(&one)
				in.scope.Neg(&one)
			}
			cases = append(cases, in)
		}
		zero := randomInputs(r, depth, depth)
		zero.secret.SetZero()
		last := randomInputs(r, depth, depth)
		last.secret = top
		last.index = 1<<depth - 1
		small := randomInputs(r, depth, 1)
		small.secret.SetOne()
		small.index = 0
		small.message.SetZero()
		small.scope.SetZero()
		alone := randomInputs(r, depth, 0)
		zeros := randomInputs(r, depth, depth)
		clear(zeros.siblings)
		cases = append(cases, zero, last, small, alone, zeros)
		for i, in := range cases {
			want, err := o.solve(in)
			if err != nil {
				t.Fatalf("depth %d case %d: %v", depth, i, err)
			}
			got, err := l.solve(in)
			if err != nil {
				t.Fatalf("depth %d case %d: %v", depth, i, err)
			}
			for k := range want {
				if got[k] != want[k] {
					t.Fatalf("depth %d case %d: wire %d (%s) = %s, official %s",
						depth, i, k, l.name(k), got[k].String(), want[k].String())
				}
			}
		}
	}
}

// TestNoWitness: where the official circuit has no witness, neither have we.
func TestNoWitness(t *testing.T) {
	const depth = 10
	o, l, r := newOracle(t, depth), newLayout(depth), seeded(7)
	for _, c := range []struct {
		name   string
		change func(*inputs)
	}{
		{"secret l", func(in *inputs) { in.secret = lMinus1(); one := fr.One(); in.secret.Add(&in.secret, &one) }},
		{"secret 2^251", func(in *inputs) { in.secret.SetBytes(append([]byte{8}, make([]byte, 31)...)) }},
		{"secret 2^252", func(in *inputs) { in.secret.SetBytes(append([]byte{16}, make([]byte, 31)...)) }},
		{"secret r-1", func(in *inputs) { one := fr.One(); in.secret.Neg(&one) }},
		{"index 2^depth", func(in *inputs) { in.index = 1 << depth }},
	} {
		in := randomInputs(r, depth, 5)
		c.change(in)
		if _, err := o.solve(in); err == nil {
			t.Errorf("%s: the official circuit has a witness", c.name)
		}
		if w, err := l.solve(in); err == nil || w != nil {
			t.Errorf("%s: we have a witness", c.name)
		}
	}
}

// name gives the block of a wire, for messages.
func (l *layout) name(wire int) string {
	for i, b := range wireMap {
		if wire < l.first[i+1] {
			return b.name
		}
	}
	return "none"
}
